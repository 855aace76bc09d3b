"""Gray, 4:4:4 and RGB: what sources, frames, streams and sinks make of them, and that they come back."""
from __future__ import annotations

import io
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import zvc69
from zvc69 import Decoder, Encoder, Frame, decode_file, encode_file, encode_frames
from zvc69.bitstream import ColourSpace
from zvc69.cli import run
from zvc69.errors import ConfigError, MediaError
from zvc69.media import Colour, coded_frame, from_coded, open_sink, open_source, png
from zvc69.media.layout import plane_dtype, plane_shapes
from zvc69.metrics import frame_psnr

from .codec_samples import MODEL, picture
from .test_media_frame import assert_same, expected_yuv, smooth_rgb

DEPTHS = (8, 10, 12)


def ramp(width: int, height: int, depth: int = 8) -> np.ndarray:
    """Every level of the full range, if the picture has as many samples."""
    levels = np.arange(width * height) * (2**depth - 1) // (width * height - 1)
    return levels.reshape(height, width).astype(plane_dtype(depth))


def sharp_444(width: int, height: int, depth: int = 8) -> Frame:
    """Smooth luma and a chroma edge of one sample's precision."""
    rng = np.random.default_rng(1)
    planes = np.stack([picture(width, height, depth).y] * 3)
    planes[1, :, width // 2 + 1:] = 90 << (depth - 8)
    planes[2] = (128 << (depth - 8)) + rng.integers(-3, 4, (height, width)).cumsum(axis=1)
    return Frame.from_yuv444p(planes, depth=depth)


def through(frames, **options) -> list[Frame]:
    file = io.BytesIO()
    first = frames[0]
    height, width = (first.height, first.width) if isinstance(first, Frame) else first.shape[-2:] if first.shape[-1] != 3 else first.shape[:2]
    encode_frames(frames, file, width=width, height=height, fps=25, model=MODEL, **{"qp": 10} | options)
    with zvc69.open(file.getvalue()) as video:
        return list(video)


# Frames

@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("size", [(64, 48), (33, 19), (1, 1)])
def test_gray_is_one_plane(size, depth):
    frame = Frame.from_gray(ramp(*size, depth) if size != (1, 1) else np.zeros((1, 1), plane_dtype(depth)), depth=depth)
    assert frame.planes == (frame.y,) and frame.u is None and frame.colour == Colour(ColourSpace.GRAY, full_range=True)
    assert_same(Frame.from_bytes(frame.to_bytes(), *size, depth, colour=frame.colour), frame)
    back = Frame.from_av(frame.to_av())
    assert_same(back, frame)
    assert back.colour == frame.colour
    np.testing.assert_array_equal(frame.to_ndarray(), frame.y)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("size", [(64, 48), (33, 19), (1, 1)])
def test_whole_chroma_stays_whole(size, depth):
    rng = np.random.default_rng(0)
    frame = Frame.from_yuv444p(rng.integers(0, 2**depth, (3, size[1], size[0])).astype(plane_dtype(depth)), depth=depth)
    assert [plane.shape for plane in frame.planes] == [(size[1], size[0])] * 3
    back = Frame.from_av(frame.to_av())
    assert_same(back, frame)
    assert back.colour.space == ColourSpace.YUV444
    np.testing.assert_array_equal(frame.to_ndarray(), np.stack(frame.planes))
    assert_same(Frame.from_ndarray(frame.to_ndarray(), f"yuv444p{depth if depth > 8 else ''}"), frame)


def test_gray_turns_to_video_range_and_back():
    frame = Frame.from_gray(ramp(64, 48))
    yuv = frame.convert("yuv420")
    assert (yuv.y.min(), yuv.y.max()) == (16, 235) and (yuv.u == 128).all() and not yuv.colour.full_range
    assert np.abs(yuv.convert("gray", full_range=True).y.astype(int) - frame.y).max() <= 1
    np.testing.assert_array_equal(yuv.convert("gray").y, yuv.y)
    limited = Frame.from_gray(yuv.y, full_range=False)
    np.testing.assert_array_equal(limited.convert("yuv444").y, yuv.y)


def test_frame_that_needs_no_change_is_itself():
    for frame in (picture(32, 18), Frame.from_gray(ramp(32, 18)), sharp_444(32, 18), Frame.from_rgb24(smooth_rgb(32, 18))):
        assert frame.convert(frame.colour.space) is frame


@pytest.mark.parametrize("size", [(64, 48), (33, 19), (64, 31)])
def test_chroma_survives_up_and_down(size):
    frame = Frame.from_rgb24(smooth_rgb(*size)).convert("yuv420")
    up = frame.convert("yuv444")
    assert up.u.shape == frame.y.shape and up.y is frame.y
    down = up.convert("yuv420")
    assert max(np.abs(a.astype(int) - b).max() for a, b in zip(down.planes[1:], frame.planes[1:])) <= 1


@pytest.mark.parametrize("size", [(64, 48), (35, 29)])
def test_chroma_is_interpolated_in_place(size):
    rgb = smooth_rgb(*size)
    up = Frame.from_rgb24(rgb).convert("yuv444")
    for plane, expected in zip(up.planes, expected_yuv(rgb)):
        assert np.abs(plane - expected).max() <= 3


@pytest.mark.parametrize("depth", [8, 16])
def test_gray_as_rgb_is_the_same_level_three_times(depth):
    frame = Frame.from_gray(ramp(64, 48))
    assert (frame.to_rgb(depth=depth) == frame.y[:, :, None].astype(np.uint16) * (1 if depth == 8 else 257)).all()
    black_to_white = Frame.from_gray(np.array([[16, 235]], np.uint8), full_range=False)
    assert black_to_white.to_rgb(depth=depth)[0, :, 1].tolist() == [0, 2**depth - 1]


def test_whole_chroma_gives_sharper_rgb():
    rgb = np.zeros((48, 64, 3), np.uint8)
    rgb[:, ::2] = (255, 0, 0)
    rgb[:, 1::2] = (0, 0, 255)
    sharp = Frame.from_av(av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv444p", threads=1))
    for depth in (8, 16):
        assert np.abs(sharp.to_rgb(depth=depth) / (1 if depth == 8 else 257) - rgb).mean() < 2
    assert np.abs(sharp.convert("yuv420").to_rgb().astype(int) - rgb).mean() > 40


@pytest.mark.parametrize("code", [1, 4, 6, 7, 9])
def test_rgb_follows_the_matrix_that_is_stated(code):
    kr, kb = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 6: (0.299, 0.114), 7: (0.212, 0.087), 9: (0.2627, 0.0593)}[code]
    colour = np.array([200, 90, 40], float)
    luma = colour @ [kr, 1 - kr - kb, kb]
    yuv = [16 + 219 / 255 * luma, 128 + 224 / 255 * (colour[2] - luma) / (2 - 2 * kb), 128 + 224 / 255 * (colour[0] - luma) / (2 - 2 * kr)]
    planes = [np.full(shape, round(value * 16), np.uint16) for value, shape in zip(yuv, plane_shapes(16, 16))]
    frame = Frame(*planes, 12, colour=Colour(matrix=code))
    assert np.abs(frame.to_rgb().astype(int) - colour).max() <= 1
    assert np.abs(frame.to_rgb(depth=16) / 257 - colour).max() < 0.2


def test_named_matrix_overrides_the_stated_one():
    frame = replace(Frame.from_rgb24(smooth_rgb(32, 18), matrix="bt709"))
    assert frame.colour.matrix == 1 and np.abs(frame.to_rgb().astype(int) - smooth_rgb(32, 18)).mean() < 2
    np.testing.assert_array_equal(frame.to_rgb("bt601"), replace(frame, colour=Colour()).to_rgb())


@pytest.mark.parametrize("make, message", [
    (lambda: Frame(np.zeros((4, 4), np.uint8)), "three planes"),
    (lambda: Frame(*[np.zeros((4, 4), np.uint8)] * 3, colour=Colour(ColourSpace.GRAY)), "one plane"),
    (lambda: Frame(*[np.zeros((4, 4), np.uint8)] * 3), "plane u"),
    (lambda: Frame.from_yuv444p(np.zeros((4, 4), np.uint8)), "yuv444p"),
    (lambda: Frame.from_ndarray(np.zeros((4, 4), np.uint8), "gray16"), "gray16"),
    (lambda: picture(4, 4).convert("cmyk"), "cmyk"),
    (lambda: Colour.of("RGB"), "'RGB'"),
])
def test_wrong_layouts_are_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


# Sources

@pytest.mark.parametrize("format, depth", [("gray", 8), ("ya8", 8), ("monow", 8), ("gray9le", 10), ("gray10be", 10), ("gray12le", 12), ("gray14le", 12),
                                           ("gray16be", 12), ("ya16be", 12)])
def test_any_gray_format_is_gray_of_full_range(format, depth):
    rgb = np.zeros((18, 33, 3), np.uint8)
    rgb[:, 16:] = 255
    source = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=format, threads=1)
    frame = Frame.from_av(source)
    assert frame.colour == Colour(ColourSpace.GRAY, full_range=True) and frame.depth == depth
    assert (frame.y[:, :16] == 0).all() and (frame.y[:, 16:] >= (2**depth - 1) * 0.99).all()


def test_gray_levels_are_taken_as_they_are():
    deep = np.arange(64, dtype=np.uint16).reshape(4, 16) * 1040
    assert (Frame.from_av(av.VideoFrame.from_ndarray(deep, format="gray16le")).y == np.rint(deep * (4095 / 65535))).all()
    frame = av.VideoFrame.from_ndarray(ramp(32, 18), format="gray")
    np.testing.assert_array_equal(Frame.from_av(frame).y, ramp(32, 18))
    frame.color_range = 1
    assert not Frame.from_av(frame).colour.full_range


@pytest.mark.parametrize("format", ["yuv444p", "yuva444p", "nv24", "yuvj444p", "yuv444p10le"])
def test_full_resolution_formats_stay_so(format):
    rgb = smooth_rgb(33, 19)
    frame = Frame.from_av(av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=format, threads=1))
    assert frame.colour.space == ColourSpace.YUV444 and not frame.colour.full_range
    for plane, expected in zip(frame.planes, expected_yuv(rgb)):
        assert np.abs(plane / 2 ** (frame.depth - 8) - expected).max() <= 2


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("space", ["gray", "yuv444"])
@pytest.mark.parametrize("size", [(32, 18), (17, 19)])
def test_y4m_of_each_space(tmp_path, space, depth, size):
    frame = Frame.from_gray(ramp(*size, depth), depth=depth) if space == "gray" else sharp_444(*size, depth)
    path = tmp_path / "a.y4m"
    with open_sink(path, *size, Fraction(25), depth, colour=frame.colour) as sink:
        sink.write(frame)
    with open_source(path) as source:
        assert source.colour == frame.colour and source.total_frames == 1
        read, = source
    assert_same(read, frame)
    with av.open(str(path)) as container:
        theirs = Frame.from_av(next(container.decode(video=0)))
    assert_same(theirs, frame)
    assert theirs.colour.full_range == frame.colour.full_range


@pytest.mark.parametrize("tag, full", [("", True), (" XCOLORRANGE=FULL", True), (" XCOLORRANGE=LIMITED", False)])
def test_range_of_gray_y4m(tag, full):
    source = open_source(io.BytesIO(f"YUV4MPEG2 W4 H1 Cmono{tag}\nFRAME\n".encode() + bytes([0, 16, 235, 255])))
    frame, = source
    assert frame.y.tolist() == [[0, 16, 235, 255]] and frame.colour.full_range == source.colour.full_range == full


# Streams

@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("size", [(96, 64), (65, 47)])
def test_gray_comes_back_gray(size, depth):
    y = ramp(*size, depth)
    decoded, = through([y], depth=depth)
    assert decoded.colour == Colour(ColourSpace.GRAY, full_range=True) and decoded.planes[1:] == ()
    assert frame_psnr(Frame.from_gray(y, depth=depth), decoded).y > 33
    assert decoded.to_ndarray().shape == y.shape and decoded.y.dtype == y.dtype


def test_rgb_arrays_come_back_as_rgb():
    rgb = [np.roll(smooth_rgb(65, 47), 5 * n, 1) for n in range(2)]
    decoded = through(rgb)
    for ours, theirs in zip(rgb, decoded, strict=True):
        array = theirs.to_ndarray()
        assert theirs.colour == Colour(ColourSpace.RGB, matrix=6) and array.shape == ours.shape and array.dtype == np.uint8
        assert np.abs(array.astype(int) - ours).mean() < 4


def test_deep_rgb_comes_back_with_sixteen_bits():
    deep = smooth_rgb(64, 48).astype(np.uint16) * 257
    decoded, = through([Frame.from_av(av.VideoFrame.from_ndarray(deep, format="rgb48le"))], depth=12)
    assert decoded.to_ndarray().dtype == np.uint16 and np.abs(decoded.to_ndarray() / 257 - deep / 257).mean() < 4


@pytest.mark.parametrize("size", [(96, 64), (65, 47)])
def test_whole_chroma_comes_back_whole(size):
    frame = sharp_444(*size)
    decoded, = through([frame])
    plain, = through([frame.convert("yuv420")])
    assert decoded.colour.space == ColourSpace.YUV444 and decoded.u.shape == (size[1], size[0])
    assert_same(decoded, plain.convert("yuv444"))
    assert np.abs(decoded.u.astype(int) - frame.u).mean() < 6


def test_frames_are_coded_alike_in_every_space():
    """The colour space is a matter of the header: payloads are those of the 4:2:0 frame."""
    frame = sharp_444(64, 48)
    packets = []
    for space, given in (("yuv420", frame), ("yuv444", frame), ("rgb", frame.convert("yuv420"))):
        encoder = Encoder(64, 48, model=MODEL, qp=20, colour=space)
        packet, = encoder.encode(given)
        packets.append(bytes(packet.payload))
        assert encoder.header.colour_space.name.lower() == space
    assert packets[0] == packets[1] == packets[2]


@pytest.mark.parametrize("space, array", [
    ("gray", ramp(64, 48)), ("rgb", smooth_rgb(64, 48)), ("yuv444", sharp_444(64, 48).to_ndarray()), ("yuv420", picture(64, 48).to_ndarray()),
])
def test_encoder_told_of_a_space_gives_such_arrays_back(space, array):
    encoder = Encoder(64, 48, model=MODEL, qp=5, colour=space)
    packet, = encoder.encode(array)
    decoded, = Decoder(encoder.header).decode(bytes(packet))
    assert decoded.to_ndarray().shape == array.shape
    assert np.abs(decoded.to_ndarray().astype(int) - array).mean() < 6


def test_gray_pictures_fit_every_stream_but_colours_no_gray_one():
    gray = ramp(64, 48)
    for space in ("yuv420", "yuv444", "rgb"):
        encoder = Encoder(64, 48, model=MODEL, colour=space)
        packet, = encoder.encode(gray)
        decoded, = Decoder(encoder.header).decode(packet)
        assert np.abs(decoded.to_rgb().astype(int) - gray[:, :, None]).mean() < 8
    encoder = Encoder(64, 48, model=MODEL, colour="gray")
    encoder.encode(gray)
    with pytest.raises(ConfigError, match="colour picture in a gray stream.*frame 1"):
        encoder.encode(smooth_rgb(64, 48))


def test_gray_of_video_range_keeps_its_levels():
    frame = Frame.from_gray(np.clip(ramp(64, 48), 16, 235), full_range=False)
    header = Encoder(64, 48, model=MODEL, colour=frame.colour).header
    assert not header.full_range
    np.testing.assert_array_equal(coded_frame(frame, header).y, frame.y)
    np.testing.assert_array_equal(coded_frame(frame.convert("gray", full_range=True), header).y, frame.y)
    full = Encoder(64, 48, model=MODEL, colour="gray").header
    assert coded_frame(frame, full).y.max() == 255 and (coded_frame(frame, full).v == 128).all()


def test_rgb_follows_the_streams_matrix():
    rgb = smooth_rgb(64, 48)
    header = Encoder(64, 48, model=MODEL, colour=Colour(ColourSpace.RGB, matrix=1)).header
    assert_same(coded_frame(rgb, header), Frame.from_rgb24(rgb, matrix="bt709"))


def test_stream_of_full_range_made_elsewhere_is_shown_right():
    """No stream of ours but gray ones; the header allows it."""
    full = [np.full(shape, level, np.uint8) for shape, level in zip(plane_shapes(32, 32), (255, 128, 128))]
    for space in (ColourSpace.YUV420, ColourSpace.YUV444):
        frame = from_coded(tuple(full), 8, Colour(space, full_range=True))
        assert (frame.to_rgb() == 255).all() and (frame.to_rgb(depth=16) == 65535).all()
        assert (frame.convert(space).y == 235).all() and not frame.convert(space).colour.full_range


# Files

def write_tagged(path: Path, format: str) -> None:
    frame = Frame.from_rgb24(smooth_rgb(64, 48), matrix="bt709")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, format
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = 1, 1, 13, 1
        for number in range(2):
            picture = frame.convert("yuv444" if "444" in format else "yuv420").to_av()
            picture.pts = number
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


@pytest.mark.parametrize("format", ["yuv420p", "yuv444p"])
def test_what_a_video_states_of_its_colours_goes_all_the_way(tmp_path, format):
    write_tagged(tmp_path / "a.mp4", format)
    encode_file(tmp_path / "a.mp4", tmp_path / "a.zvc", qp=8, model=MODEL)
    with zvc69.open(tmp_path / "a.zvc") as video:
        header = video.header
        assert (header.matrix, header.primaries, header.transfer, header.full_range) == (1, 1, 13, False)
        assert np.abs(video[0].to_rgb().astype(int) - smooth_rgb(64, 48)).mean() < 5
    decode_file(tmp_path / "a.zvc", tmp_path / "b.mp4")
    with av.open(str(tmp_path / "b.mp4")) as container:
        decoded = next(container.decode(video=0))
        assert (decoded.colorspace, decoded.color_primaries, decoded.color_trc, decoded.color_range) == (1, 1, 13, 1)
        assert decoded.format.name == format


@pytest.mark.parametrize("depth", [8, 16])
def test_gray_still_comes_back_as_a_gray_still(tmp_path, depth):
    levels = ramp(96, 64) if depth == 8 else ramp(96, 64, 12).astype(np.uint16) * 16
    (tmp_path / "a.png").write_bytes(png.encode(levels))
    encode_file(tmp_path / "a.png", tmp_path / "a.zvc", qp=2, model=MODEL)
    decode_file(tmp_path / "a.zvc", tmp_path / "b.png")
    with av.open(str(tmp_path / "b.png")) as container:
        decoded = next(container.decode(video=0))
    assert decoded.format.name == ("gray" if depth == 8 else "gray16be")
    assert np.abs(decoded.to_ndarray().astype(int) - levels).mean() < 2 ** (depth - 8) * 3


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("space, format", [("yuv444", "yuv444p"), ("rgb", "yuv420p")])
@pytest.mark.parametrize("size", [(64, 48), (65, 47)])
def test_containers_hold_colours(tmp_path, space, format, depth, size):
    frame = sharp_444(*size, depth).convert(space)
    stored = in_container(tmp_path / "a.mp4", frame)
    odd = size[0] % 2 and space == "rgb"
    assert stored.format.name.startswith("yuv444p" if odd else format)
    back = Frame.from_av(stored)
    np.testing.assert_array_equal(back.y, frame.y)
    if not odd:
        assert_same(back, frame)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("size", [(64, 48), (65, 47)])
def test_containers_hold_gray_levels(tmp_path, depth, size):
    """Every sample and the range; FFmpeg's H.264 decoder shows 4:0:0 as 4:2:0 with neutral chroma, its HEVC decoder as gray."""
    frame = Frame.from_gray(ramp(*size, depth), depth=depth)
    stored = in_container(tmp_path / "a.mp4", frame)
    assert stored.color_range == 2
    for plane, level in zip(stored.planes, (None, 128, 128)):
        rows = np.frombuffer(memoryview(plane), frame.y.dtype)[:plane.height * plane.line_size // frame.y.itemsize].reshape(plane.height, -1)
        np.testing.assert_array_equal(rows[:, :plane.width], frame.y if level is None else level << (depth - 8))


def in_container(path: Path, frame: Frame) -> av.VideoFrame:
    """The frame as it is read back from a lossless video."""
    with open_sink(path, frame.width, frame.height, Fraction(25), frame.depth, colour=frame.colour, crf=0) as sink:
        for _ in range(3):
            sink.write(frame)
    with av.open(str(path)) as container:
        return next(container.decode(video=0))


def test_still_that_turns_to_colours_needs_to_be_told(tmp_path, capsys):
    (tmp_path / "1.png").write_bytes(png.encode(ramp(64, 48)))
    (tmp_path / "2.png").write_bytes(png.encode(smooth_rgb(64, 48)))
    pictures, stream = str(tmp_path / "%d.png"), str(tmp_path / "a.zvc")
    assert run(["encode", pictures, stream, "--model", MODEL]) == 1
    assert "colour picture in a gray stream" in capsys.readouterr().err
    for name, shape in (("rgb", (48, 64, 3)), ("gray", (48, 64))):
        assert run(["encode", pictures, stream, "--model", MODEL, "--colour-space", name]) == 0
        with zvc69.open(stream) as video:
            assert [frame.to_ndarray().shape for frame in video] == [shape] * 2
    capsys.readouterr()
    assert run(["info", stream, "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["colour_space"], figures["full_range"], figures["matrix"]) == ("GRAY", True, None)


def test_compare_of_gray_has_luma_alone(tmp_path, capsys):
    (tmp_path / "a.png").write_bytes(png.encode(ramp(176, 176)))
    assert run(["encode", str(tmp_path / "a.png"), str(tmp_path / "a.zvc"), "--model", MODEL, "--qp", "5"]) == 0
    assert run(["compare", str(tmp_path / "a.png"), str(tmp_path / "a.zvc"), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["psnr"]["u"] is None and figures["psnr"]["weighted"] == figures["psnr"]["y"] > 30 and figures["ms_ssim"] > 0.9
    assert run(["compare", str(tmp_path / "a.png"), str(tmp_path / "a.zvc")]) == 0
    assert " U " not in capsys.readouterr().out


def test_frames_of_other_spaces_are_compared_in_the_references():
    gray = Frame.from_gray(ramp(64, 48))
    assert frame_psnr(gray, gray.convert("yuv420")).y > 50 and frame_psnr(gray, gray.convert("yuv420")).u is None
    assert frame_psnr(gray.convert("yuv420"), gray).u == 100
    assert frame_psnr(sharp_444(64, 48), sharp_444(64, 48).convert("yuv420")).y == 100


def test_depth_of_a_file_still_has_to_match():
    with pytest.raises(MediaError, match="8 bits"):
        with open_sink(io.BytesIO(), 64, 48, Fraction(25), 10, colour=Colour.of("gray")) as sink:
            sink.write(Frame.from_gray(ramp(64, 48)))
