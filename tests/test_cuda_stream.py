"""Frames under way: the same bytes and pictures as one frame after the other, however late queues do what they must; nothing asked for in a stream's stride."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zvc69.bitstream import FilterSet
from zvc69.core.motion import KERNELS, MotionField
from zvc69.cuda import stream
from zvc69.cuda.latents import FrameKind
from zvc69.cuda.pictures import PictureShape
from zvc69.cuda.pipeline import DeviceModel, FrameCodec
from zvc69.cuda.stream import Frame, StreamDecoder, StreamEncoder
from zvc69.errors import BackendError, CorruptStreamError
from zvc69.model import load_model

from .codec_samples import picture
from .emulator import COMPILER, EmulatedDevice, OnDevice
from .emulator.late import LateDevice

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")

TINY = str(Path(__file__).parent / "golden" / "models" / "tiny_inter")
SHAPE, QP = PictureShape(64, 64, 8), 22
KINDS = [FrameKind(False, False, 2, 4, QP), FrameKind(True, True, 1, 4), FrameKind(True, True, 2, 8, filtered=True),
         FrameKind(True, True, 1, 4, second=True, between=True), FrameKind(True, True, 1, 4), FrameKind(True, True, 1, 4)]
REFERENCES = [(), (0,), (1,), (1, 2), (2,), (4,)]


@pytest.fixture(scope="module")
def model():
    return load_model(TINY)


def field_of(seed: int) -> MotionField:
    vectors = np.random.default_rng(seed).integers(-30, 31, (SHAPE.rows // 4, SHAPE.columns // 4, 2)).astype(np.int16)
    return MotionField.from_vectors(vectors.repeat(4, 0).repeat(4, 1)).using(KERNELS[seed % 2], seed % 3 > 0)


def filters_chosen(_) -> FilterSet:
    return FilterSet(np.full((25, 12), 2, np.int8), np.full((2, 12), -3, np.int8))


def slots(number: int, kept: list) -> dict:
    given = {name: (kept[slot], field_of(10 * number + slot)) for name, slot in zip("ab", REFERENCES[number])}
    copy = np.arange(4).reshape(2, 2) == number % 4
    return given | ({"copy": copy} if KINDS[number].inter else {})


@pytest.fixture(scope="module")
def one_by_one(model):
    """Substreams and decoded planes of each frame."""
    codec, kept, out = FrameCodec(DeviceModel(EmulatedDevice(), model), SHAPE), [], []
    for number, kind in enumerate(KINDS):
        codec.begin(QP, source=picture(64, 64, number=number).planes, **slots(number, kept))
        codec.encode(kind)
        if kind.filtered:
            codec.finish(kind, filters_chosen(None))
        out.append((codec.substreams(kind), codec.picture.download()))
        kept.append(codec.keep())
    return out


def to_encode(encoder: StreamEncoder, planes=lambda number: picture(64, 64, number=number).planes):
    kept = []
    for number, kind in enumerate(KINDS):
        yield Frame(kind, QP, planes(number), **slots(number, kept), choose=filters_chosen)
        kept.append(encoder.kept)


def to_decode(decoder: StreamDecoder, substreams, planes=None):
    kept = []
    for number, kind in enumerate(KINDS):
        yield Frame(kind, QP, planes, substreams[number], **slots(number, kept), filters=filters_chosen(None) if kind.filtered else None)
        kept.append(decoder.kept)


def same(shown, wanted) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(shown, wanted, strict=True))


@pytest.mark.parametrize(("in_flight", "seed"), [(1, 0), (2, 1), (3, 2), (3, 3)])
def test_frames_under_way_are_coded_as_one_by_one(model, one_by_one, in_flight, seed):
    device = LateDevice(seed)
    weights = DeviceModel(device, model)
    encoder = StreamEncoder(weights, SHAPE, in_flight=in_flight)
    coded = list(encoder.run(to_encode(encoder)))
    assert [entry.number for entry in coded] == list(range(len(KINDS)))
    assert [entry.substreams for entry in coded] == [substreams for substreams, _ in one_by_one]
    assert [entry.filters is not None for entry in coded] == [kind.filtered for kind in KINDS]
    decoder = StreamDecoder(weights, SHAPE, in_flight=in_flight)
    shown = list(decoder.run(to_decode(decoder, [entry.substreams for entry in coded])))
    assert all(same(entry.planes, planes) for entry, (_, planes) in zip(shown, one_by_one, strict=True))


def test_an_order_that_is_not_kept_shows(model, one_by_one):
    """If downloads do not wait the late device gives other bytes: what the test above relies on."""

    class Careless(LateDevice):
        def follow(self, event):
            if self._current is not self._queues[3]:
                super().follow(event)

    encoder = StreamEncoder(DeviceModel(Careless(1), model), SHAPE)
    try:
        coded = [entry.substreams for entry in encoder.run(to_encode(encoder))]
    except BackendError as error:
        assert "more than there is room for" in error.message      # rubbish where a size should be
    else:
        assert coded != [substreams for substreams, _ in one_by_one]


def test_upload_coding_and_download_overlap(model):
    device = LateDevice(4)
    encoder = StreamEncoder(DeviceModel(device, model), SHAPE)
    list(encoder.run(to_encode(encoder)))
    assert any({1, 2, 3} <= set(busy) for busy in device.overlaps), "the three queues never had work together"


def test_streams_at_once_share_weights_alone(model, one_by_one):
    device = LateDevice(5)
    weights = DeviceModel(device, model)
    encoders = [StreamEncoder(weights, SHAPE) for _ in range(3)]
    frames, out = [to_encode(encoder) for encoder in encoders], [[] for _ in encoders]
    for _ in KINDS:
        for encoder, given, coded in zip(encoders, frames, out):
            encoder.put(next(given))
            coded += encoder.ready()
    for encoder, coded in zip(encoders, out):
        assert [entry.substreams for entry in coded + encoder.flush()] == [substreams for substreams, _ in one_by_one]


def test_a_stream_in_its_stride_asks_for_nothing_and_waits_for_results_alone(model):
    device, planes, into = EmulatedDevice(), picture(64, 64, number=1).planes, picture(64, 64).planes
    weights = DeviceModel(device, model)
    encoder, decoder, more = StreamEncoder(weights, SHAPE), StreamDecoder(weights, SHAPE), 4

    def in_its_stride(coder, given) -> list:
        """Results; of the last `more` frames nothing may ask for memory."""
        out = []
        for number in range(4 + more):
            if number == 4:
                before = device.counts.allocations, device.counts.synchronisations, device.counts.waits
                device.empty = device.pinned = None
            coder.put(Frame(KINDS[min(number, 1)], QP, **given(number), a=(coder.kept, field_of(1)) if number else None))
            out += coder.ready()
        assert (device.counts.allocations, device.counts.synchronisations, device.counts.waits) == (before[0], before[1], before[2] + more)
        del device.empty, device.pinned
        return out + coder.flush()

    coded = in_its_stride(encoder, lambda number: {"planes": planes})
    shown = in_its_stride(decoder, lambda number: {"planes": into, "substreams": coded[number].substreams})
    assert len(shown) == 4 + more and all(a is b for entry in shown for a, b in zip(entry.planes, into))


def test_planes_of_other_libraries_stay_on_the_device(model, one_by_one):
    device = EmulatedDevice()
    weights = DeviceModel(device, model)
    encoder = StreamEncoder(weights, SHAPE)
    there = [tuple(OnDevice(device.upload(plane)) for plane in picture(64, 64, number=number).planes) for number in range(len(KINDS))]
    uploads = []
    device.send = lambda host, to: (uploads.append(host.size), EmulatedDevice.send(device, host, to))
    coded = list(encoder.run(to_encode(encoder, there.__getitem__)))
    assert [entry.substreams for entry in coded] == [substreams for substreams, _ in one_by_one]
    assert max(uploads) < 64 * 64, "planes crossed the bus"
    decoder = StreamDecoder(weights, SHAPE, on_device=True)
    shown = list(decoder.run(to_decode(decoder, [entry.substreams for entry in coded])))
    assert all(same(entry.planes, planes) for entry, (_, planes) in zip(shown, one_by_one, strict=True))


@pytest.mark.parametrize(("planes", "problem"), [
    (None, "three planes, not none"),
    ([np.zeros((64, 64), np.uint8)], "three planes, not 1"),
    ([np.zeros((64, 64), np.uint16), *[np.zeros((32, 32), np.uint16)] * 2], "plane Y is uint16 64x64; uint8 64x64 is expected"),
    ([np.zeros((64, 64), np.uint8), *[np.zeros((32, 31), np.uint8)] * 2], "plane U is uint8 32x31; uint8 32x32 is expected"),
    ([OnDevice(np.zeros((64, 64), np.uint8)), *[OnDevice(np.zeros((32, 64), np.uint8)[:, ::2])] * 2], "plane U is uint8 32x32, not contiguous"),
    ([OnDevice(np.zeros((64, 64), np.float32)), *[OnDevice(np.zeros((32, 32), np.uint8))] * 2], "plane Y is float32 64x64; uint8 64x64 is expected"),
    ([OnDevice(np.zeros((64, 64), np.uint8)), *[np.zeros((32, 32), np.uint8)] * 2], "some planes are on the host"),
])
def test_planes_that_do_not_fit_are_refused_and_the_stream_goes_on(model, one_by_one, planes, problem):
    encoder = StreamEncoder(DeviceModel(EmulatedDevice(), model), SHAPE, in_flight=1)
    with pytest.raises(BackendError, match=problem):
        encoder.put(Frame(KINDS[0], QP, planes))
    encoder.put(Frame(KINDS[0], QP, picture(64, 64).planes))
    assert encoder.flush()[0].substreams == one_by_one[0][0]


def test_a_damaged_frame_says_which_and_those_behind_are_decoded(model, one_by_one):
    decoder = StreamDecoder(DeviceModel(EmulatedDevice(), model), SHAPE)
    good = one_by_one[0][0]
    for substreams in (good, [part[:-3] for part in good], good):
        decoder.put(Frame(KINDS[0], QP, None, substreams))
    with pytest.raises(CorruptStreamError, match="frame 1"):
        decoder.flush()
    shown = decoder.flush()
    assert [entry.number for entry in shown] == [0, 2] and all(same(entry.planes, one_by_one[0][1]) for entry in shown)
    with pytest.raises(CorruptStreamError, match="1 substreams where 2 are expected"):
        decoder.put(Frame(KINDS[0], QP, None, good[:1]))


def test_frames_larger_than_what_is_fetched_at_once_come_whole(model, one_by_one, monkeypatch):
    monkeypatch.setattr(stream, "_FIRST_FETCH", 300)
    encoder = StreamEncoder(DeviceModel(LateDevice(6), model), SHAPE)
    assert max(sum(map(len, substreams)) for substreams, _ in one_by_one) > 300
    assert [entry.substreams for entry in encoder.run(to_encode(encoder))] == [substreams for substreams, _ in one_by_one]
