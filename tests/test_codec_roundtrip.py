"""Pictures through encoder and decoder: kinds of input, sizes, depths, and what quality means."""
from __future__ import annotations

import itertools
from fractions import Fraction

import av
import numpy as np
import pytest

import zvc69
from zvc69 import Decoder, Encoder, Frame, Profiler, Quality
from zvc69.core import cpu
from zvc69.errors import BackendError, ConfigError, ModelError
from zvc69.metrics import frame_psnr

from .codec_samples import MODEL, picture

# The rate at which tiny reaches these is no matter: that pictures come back is.
QP, LEAST_PSNR = 12, 34.0


def through(frame, width: int, height: int, depth: int = 8, **options) -> tuple[zvc69.Packet, Frame]:
    """A picture coded, sent as bytes, and decoded."""
    encoder = Encoder(width, height, depth=depth, model=MODEL, **options)
    packet, = encoder.encode(frame) + encoder.flush()
    decoder = Decoder(encoder.header.pack())
    decoded, = decoder.decode(bytes(packet)) + decoder.flush()
    return packet, decoded


@pytest.mark.parametrize("depth", [8, 10, 12])
@pytest.mark.parametrize("size", [(16, 16), (17, 33), (33, 16), (96, 64), (127, 65)])
def test_picture_of_any_size_and_depth_comes_back(size, depth):
    frame = picture(*size, depth)
    _, decoded = through(frame, *size, depth, qp=QP)
    assert (decoded.width, decoded.height, decoded.depth, decoded.pts) == (*size, depth, 0)
    psnr = frame_psnr(frame, decoded)
    assert min(psnr.y, psnr.u, psnr.v) > LEAST_PSNR


def test_rgb_array_is_coded_as_its_conversion():
    rgb = picture(64, 48).to_rgb()
    assert through(rgb, 64, 48, qp=QP)[0] == through(Frame.from_rgb24(rgb), 64, 48, qp=QP)[0]


@pytest.mark.parametrize("depth", [8, 10, 12])
def test_planar_array_is_coded_as_its_planes(depth):
    frame = picture(64, 48, depth)
    assert through(frame.to_ndarray(), 64, 48, depth, qp=QP)[0] == through(frame, 64, 48, depth, qp=QP)[0]


def test_strided_and_read_only_arrays_are_taken():
    rgb = picture(64, 48).to_rgb()
    strided = np.repeat(rgb, 2, axis=1)[:, ::2]
    strided.flags.writeable = False
    assert through(strided, 64, 48, qp=QP)[0] == through(rgb, 64, 48, qp=QP)[0]


@pytest.mark.parametrize("depth", [8, 10])
def test_pyav_frame_is_coded_as_its_planes(depth):
    frame = picture(65, 47, depth)
    assert through(frame.to_av(), 65, 47, depth, qp=QP)[0] == through(frame, 65, 47, depth, qp=QP)[0]


def test_pyav_frame_of_another_format_is_converted():
    rgb = picture(64, 48).to_rgb()
    packet, _ = through(av.VideoFrame.from_ndarray(rgb, format="rgb24"), 64, 48, qp=QP)
    assert packet == through(rgb, 64, 48, qp=QP)[0]


def test_higher_qp_is_smaller_and_worse():
    frame = picture(128, 96)
    sizes, psnrs = [], []
    for qp in (0, 12, 24, 36, 48, 63):
        packet, decoded = through(frame, 128, 96, qp=qp)
        sizes.append(len(packet))
        psnrs.append(frame_psnr(frame, decoded).weighted)
    assert all(a > b for a, b in itertools.pairwise(sizes)) and all(a > b for a, b in itertools.pairwise(psnrs))


def test_quality_names_stand_for_the_models_qps():
    qps = [Encoder(64, 48, quality=quality, model=MODEL).qp for quality in (Quality.LOW, "medium", Quality.HIGH, "very-high")]
    assert qps == [50, 41, 33, 23]
    assert Encoder(64, 48, model=MODEL).qp == 41


def test_pictures_count_time_from_zero():
    encoder = Encoder(32, 32, model=MODEL)
    packets = [p for _ in range(3) for p in encoder.encode(picture(32, 32))]
    assert [(p.number, p.pts, p.dts, p.keyframe) for p in packets] == [(n, n, n, True) for n in range(3)]


def test_same_picture_gives_the_same_bytes():
    frame = picture(96, 64)
    packets = [bytes(through(frame, 96, 64, qp=20, threads=threads)[0]) for threads in (1, 1, 2)]
    assert len(set(packets)) == 1


def test_every_instruction_set_writes_the_same_bytes():
    coded = set()
    for level in cpu.available():
        with cpu.force(level):
            coded.add(bytes(through(picture(127, 65), 127, 65, qp=20)[0]))
    assert len(coded) == 1


def test_long_payloads_are_split_into_substreams():
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    packet, decoded = through(noise, 256, 256, qp=0)
    assert len(zvc69.bitstream.Payload.unpack(packet.payload, packet.type, loop_filter=True).substreams) > 1
    assert frame_psnr(Frame.from_rgb24(noise), decoded).y > 25


def test_header_says_what_the_encoder_was_told():
    header = Encoder(65, 47, Fraction(30000, 1001), qp=7, depth=10, total_frames=9, model=MODEL).header
    assert (header.width, header.height, header.fps, header.quality, header.bit_depth) == (65, 47, Fraction(30000, 1001), 7, 10)
    assert (header.total_frames, header.gop) == (9, 1)


def test_frame_rate_of_a_float_is_the_nearest_that_fits():
    assert Encoder(64, 48, 29.97, model=MODEL).header.fps == Fraction(2997, 100)


@pytest.mark.parametrize("options, message", [
    (dict(qp=64), "qp 64 is not within 0..63"),
    (dict(qp=-1), "qp -1 is not within 0..63"),
    (dict(qp=3, quality="low"), "give quality or qp, not both"),
    (dict(quality="best"), "quality 'best' is not one of low, medium, high, very-high"),
    (dict(gop=12), "gop 12: model tiny codes keyframes only"),
    (dict(fps=0), "fps 0 is not a positive number"),
    (dict(fps=float("nan")), "fps nan is not a positive number"),
    (dict(fps=float("inf")), "fps inf is not a positive number"),
    (dict(depth=9), "bit_depth is 9, not 8, 10 or 12"),
    (dict(width=15), "width is 15, not within 16..16384"),
    (dict(height=16385), "height is 16385, not within 16..16384"),
])
def test_wrong_options_are_refused(options, message):
    arguments = dict(width=64, height=48, fps=25, model=MODEL) | options
    with pytest.raises(ConfigError) as raised:
        Encoder(**arguments)
    assert message in str(raised.value)


@pytest.mark.parametrize("options", [dict(width=64.0), dict(qp=30.5)])
def test_fractions_where_integers_belong_are_refused(options):
    with pytest.raises(TypeError):
        Encoder(**dict(width=64, height=48, model=MODEL) | options)


@pytest.mark.parametrize("frame, depth, message", [
    (np.zeros((48, 62, 3), np.uint8), 8, "a frame of 62x48 for an encoder of 64x48"),
    (np.zeros((48, 64, 3), np.uint8), 10, "a frame of 8 bits for an encoder of 10"),
    (np.zeros((72, 64), np.uint16), 8, "uint16"),
    (np.zeros((72, 64), np.uint8), 10, "uint8"),
    (np.zeros((48, 64, 4), np.uint8), 8, "rgb24"),
    (np.zeros((48, 64, 3), np.float32), 8, "float32"),
    (np.zeros((60, 64), np.uint8), 8, "a frame of 64x40"),
    ("picture.png", 8, "not a picture"),
])
def test_frames_that_do_not_fit_are_refused(frame, depth, message):
    encoder = Encoder(64, 48, depth=depth, model=MODEL)
    with pytest.raises(ConfigError) as raised:
        encoder.encode(frame)
    assert message in str(raised.value)


def test_encoder_goes_on_after_a_frame_that_it_refused():
    encoder = Encoder(64, 48, model=MODEL)
    with pytest.raises(ConfigError):
        encoder.encode(picture(32, 32))
    packet, = encoder.encode(picture(64, 48))
    assert packet.number == 0


def test_unknown_model_and_backend_are_named():
    with pytest.raises(ModelError, match="'missing' is not installed"):
        Encoder(64, 48, model="missing")
    with pytest.raises(BackendError, match="'abacus'"):
        Encoder(64, 48, backend="abacus", model=MODEL)


def test_profiler_counts_every_stage_of_every_frame():
    profiler = Profiler()
    encoder = Encoder(64, 48, model=MODEL, profiler=profiler, loop_filter=False)
    packets = [p for _ in range(2) for p in encoder.encode(picture(64, 48))]
    decoder = Decoder(encoder.header, profiler=profiler)
    for packet in packets:
        decoder.decode(packet)
    calls = {name: time.calls for name, time in profiler.times().items()}
    assert {name: calls[name] for name in ("pack", "analysis", "refine", "quantise", "entropy", "parse", "networks", "unpack")} == dict(
        pack=2, analysis=2, refine=2, quantise=8, entropy=2, parse=2, networks=2, unpack=2)
    assert all(time.seconds > 0 for time in profiler.times().values())
    assert all(name in profiler.report() for name in calls)


def test_openvino_reads_the_same_symbols_and_gives_nearly_the_same_picture():
    pytest.importorskip("openvino")
    frame = picture(128, 96)
    packet, on_cpu = through(frame, 128, 96, qp=20, backend="cpu")
    encoder = Encoder(128, 96, qp=20, model=MODEL, backend="openvino")
    decoder = Decoder(encoder.header, backend="openvino")
    assert (encoder.backend, decoder.backend) == ("openvino", "openvino")
    symbols, reference = (d.parse(packet).symbols for d in (decoder, Decoder(encoder.header, backend="cpu")))
    assert np.array_equal(symbols.z, reference.z) and np.array_equal(symbols.r, reference.r)
    on_openvino, = decoder.decode(packet)
    assert abs(frame_psnr(frame, on_cpu).weighted - frame_psnr(frame, on_openvino).weighted) < 0.05
    own, = encoder.encode(frame)
    back, = Decoder(encoder.header, backend="cpu").decode(own)
    assert abs(frame_psnr(frame, on_cpu).weighted - frame_psnr(frame, back).weighted) < 0.05
