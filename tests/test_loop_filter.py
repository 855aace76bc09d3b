"""The loop filter in encoder and decoder: what it gains, where its filters come from, what is left without them."""
from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest

import zvc69
from zvc69 import Decoder, Encoder, Frame
from zvc69.bitstream import FilterSet, FrameType, LoopFilter, PacketMaker, Payload, StreamReader
from zvc69.codec import frame_coder
from zvc69.codec.loop_filter import FinePicture, _Plane, choose
from zvc69.core import loopfilter
from zvc69.errors import CorruptStreamError
from zvc69.media.accept import coded_frame
from zvc69.metrics import frame_psnr
from zvc69.model.backend import Decoded

from .inter_samples import HEIGHT, MODEL, WIDTH, Coded, coded, picture, symbols

OPTIONS = dict(preset="fast", gop=10, loop_filter=True)


def filters_of(stream: Coded) -> list[LoopFilter]:
    return [Payload.unpack(packet.payload, packet.type, loop_filter=True).loop_filter for packet in stream.packets]


def in_turn(*modes: LoopFilter):
    """An encoder that takes these ways in turn, as far as frames have them; new sets are of two filters."""
    state = {"calls": 0}

    def chosen(statistics, qp, known):
        mode = modes[state["calls"] % len(modes)]
        state["calls"] += 1
        if mode == LoopFilter.NEW:
            filters = FilterSet.zeros()
            filters.luma[5:] = np.random.default_rng(state["calls"]).integers(-6, 7, 12)
            filters.chroma[1] = 4, -3, 0, 0, 1, 0, 0, 0, 0, 0, 0, -1
            return mode, filters
        return next(((name, filters) for name, filters in known if name == mode), (LoopFilter.NONE, None))
    return patch.object(frame_coder, "choose", chosen)


def test_it_is_on_by_preset_and_announced():
    for preset, there in (("ultrafast", False), ("fast", True), ("medium", True)):
        header = Encoder(WIDTH, HEIGHT, 25, preset=preset, model=MODEL).header
        assert header.loop_filter is there and (header.minor == 4) is there
    assert not Encoder(WIDTH, HEIGHT, 25, preset="slow", loop_filter=False, model=MODEL).header.loop_filter


@pytest.mark.parametrize("qp", [16, 36])
def test_pictures_are_nearer_to_the_source_for_next_to_no_bits(qp):
    without, with_it = (coded(6, **OPTIONS | dict(qp=qp, loop_filter=there, b_frames=0)) for there in (False, True))
    assert filters_of(with_it)[0] == LoopFilter.NEW
    quality = [np.mean([frame_psnr(frame, source).y for frame, source in zip(stream.frames, _sources(6))]) for stream in (without, with_it)]
    size = [sum(map(len, stream.packets)) for stream in (without, with_it)]
    assert quality[1] > quality[0] + 0.05 and size[1] < 1.1 * size[0]


def _sources(count: int) -> list[Frame]:
    """The clip as it is coded."""
    header = Encoder(WIDTH, HEIGHT, 25, model=MODEL).header
    return [coded_frame(picture(n), header) for n in range(count)]


@pytest.mark.parametrize("b_frames", [0, 3, 7])
@pytest.mark.parametrize("modes", [(LoopFilter.NEW,), (LoopFilter.NEW, LoopFilter.SLOT_A, LoopFilter.NONE, LoopFilter.SLOT_B), tuple(LoopFilter)])
def test_decoders_show_what_the_encoder_refers_to(b_frames, modes):
    """Frames that follow a wrongly filtered one would drift."""
    kept = {}
    original = frame_coder.FrameCoder._filtered

    def keep(self, packed, frame, *others):
        out = original(self, packed, frame, *others)
        kept[frame.y.tobytes()] = out[0]
        return out

    with in_turn(*modes), patch.object(frame_coder.FrameCoder, "_filtered", keep):
        encoder = Encoder(WIDTH, HEIGHT, 25, model=MODEL, threads=1, qp=30, temporal_filter=0, **OPTIONS | dict(b_frames=b_frames, lookahead=0))
        packets = [packet for n in range(9) for packet in encoder.encode(picture(n))] + encoder.flush()
    stored = {packet.pts for packet in packets if packet.header.stored}
    decoder = Decoder(encoder.header, threads=1)
    frames = {frame.pts: frame for packet in packets for frame in decoder.decode(packet)} | {frame.pts: frame for frame in decoder.flush()}
    assert len(frames) == 9 and stored
    for pts in stored:
        ours = kept[_source(pts).y.tobytes()]
        for plane, theirs in zip(ours, frames[pts].planes):
            assert np.abs(plane.astype(int) - theirs).max() <= 1


def _source(number: int) -> Frame:
    return _sources(number + 1)[number]


def test_symbols_do_not_depend_on_it_but_for_what_the_encoder_sees():
    """A decoder that leaves filters away parses the same."""
    stream = coded(9, **OPTIONS | dict(b_frames=3))
    header = replace(stream.header, loop_filter=False)
    maker = PacketMaker(header)
    bare = [replace(Payload.unpack(packet.payload, packet.type, loop_filter=True), loop_filter=LoopFilter.NONE, filters=None).pack()
            for packet in stream.packets]
    decoder = Decoder(header, threads=1)
    assert [symbols(decoder.parse(maker.make(packet.header, payload))) for packet, payload in zip(stream.packets, bare)] == list(stream.symbols)


def test_filters_of_a_blank_slot_are_corrupt():
    stream = coded(3, **OPTIONS | dict(b_frames=0, reference_frames=1))
    maker, parser = PacketMaker(stream.header), Decoder(stream.header, threads=1)
    first, second = stream.packets[:2]
    parser.parse(maker.make(first.header, bytes(first.payload)))
    wrong = replace(Payload.unpack(second.payload, second.type, loop_filter=True), loop_filter=LoopFilter.SLOT_B, filters=None)
    with pytest.raises(CorruptStreamError, match="slot B, which is blank"):
        parser.parse(maker.make(second.header, wrong.pack()))


def test_sets_go_from_frame_to_frame_also_through_one_that_is_not_filtered():
    with in_turn(LoopFilter.NEW, LoopFilter.NONE, LoopFilter.SLOT_A):
        encoder = Encoder(WIDTH, HEIGHT, 25, model=MODEL, threads=1, qp=30, **OPTIONS | dict(b_frames=0, lookahead=0))
        packets = [packet for n in range(3) for packet in encoder.encode(picture(n))] + encoder.flush()
    parser = Decoder(encoder.header, threads=1)
    first, second, third = (parser.parse(packet).filters for packet in packets)
    assert second is None
    np.testing.assert_array_equal(third.luma, first.luma)


def test_after_a_reset_no_filters_from_before_it_are_taken():
    stream = coded(9, **OPTIONS | dict(b_frames=0, sigma_reset=2))
    assert [mode for mode, reset in zip(filters_of(stream), stream.no_state) if reset and mode == LoopFilter.SLOT_A] == []


def test_streams_of_keyframes_alone_have_it_too():
    encoder = Encoder(WIDTH, HEIGHT, 25, model=MODEL, qp=20, gop=1)
    packet, = encoder.encode(picture(0))
    assert encoder.header.loop_filter and packet.type == FrameType.I
    Decoder(encoder.header).decode(packet)


def _bits(coefficient: int) -> int:
    """Of a signed Exp-Golomb code of order 0."""
    return 2 * (abs(coefficient) + 1).bit_length() - 1 + (coefficient != 0)


class TestChoice:
    """What the encoder takes, on a picture that is blurred where it has gradients along one direction."""

    def sample(self, seed: int = 0) -> tuple[FinePicture, tuple[np.ndarray, ...]]:
        rng = np.random.default_rng(seed)
        target = rng.integers(40, 200, (64, 96)).astype(np.float64)
        target = (2 * target + np.roll(target, 1, 0)) / 3
        blurred = (6 * target + np.roll(target, 1, 1) + np.roll(target, -1, 1)) / 8
        chroma = np.full((32, 48), 128.0)
        fine = tuple(np.rint(plane * 16).astype(np.uint16) for plane in (blurred, chroma, chroma))
        return FinePicture(fine, loopfilter.classify(fine[0]), None, 8), tuple(np.rint(plane).astype(np.uint8) for plane in (target, chroma, chroma))

    def test_what_is_chosen_undoes_a_blur(self):
        picture, target = self.sample()
        mode, filters = choose(picture.statistics(target), 20, [])
        assert mode == LoopFilter.NEW and not filters.chroma.any()
        before = np.square(picture.planes[0] / 16 - target[0]).mean()
        after = np.square(picture.filtered(filters)[0].astype(float) - target[0]).mean()
        assert after < before / 3

    def test_a_known_set_that_is_as_good_is_taken(self):
        picture, target = self.sample()
        _, filters = choose(picture.statistics(target), 20, [])
        assert choose(picture.statistics(target), 20, [(LoopFilter.SLOT_A, FilterSet.zeros()), (LoopFilter.SLOT_B, filters)]) == (LoopFilter.SLOT_B, filters)

    def test_a_picture_without_errors_is_not_filtered(self):
        picture, _ = self.sample()
        exact = tuple((plane >> 4).astype(np.uint8) for plane in picture.planes)
        fine = tuple(plane.astype(np.uint16) << 4 for plane in exact)
        assert choose(FinePicture(fine, picture.classes, None, 8).statistics(exact), 20, [(LoopFilter.SLOT_A, FilterSet.zeros())]) == (LoopFilter.NONE, None)

    def test_high_qps_spend_fewer_bits(self):
        picture, target = self.sample()
        sizes = [len(choose(picture.statistics(target), qp, [])[1].pack()) for qp in (10, 30)]
        assert sizes[0] >= sizes[1]

    def test_merging_saves_at_least_as_much_as_one_filter_for_all(self):
        picture, target = self.sample(3)
        found = picture.statistics(target)[0]
        plane = _Plane(found, 0.01)
        saved, filters = plane.merged()
        whole = loopfilter.Statistics(*(array.sum(0, keepdims=True) for array in (found.products, found.correlations, found.energy, found.count)))
        assert plane.most() >= saved >= _Plane(whole, 0.01).single()[0] - 5 - 25
        different = {bytes(row) for row in filters if row.any()}
        bits = sum(map(_bits, np.concatenate([np.frombuffer(row, np.int8) for row in different]).tolist())) + 5 + 25 * len(different).bit_length()
        assert saved == pytest.approx(plane.saved(filters) - bits, abs=1e-6)

    def test_copied_blocks_are_the_predictions(self):
        rng = np.random.default_rng(1)
        packed = rng.uniform(0, 255, (96, 8, 8)).astype(np.float32)
        prediction = tuple(rng.integers(0, 256, shape).astype(np.uint8) for shape in ((64, 64), (32, 32), (32, 32)))
        copy = np.array([[True, False], [False, True]])
        picture = FinePicture.of(Decoded(packed), 64, 64, 8, prediction, copy)
        filters = FilterSet(np.full((25, 12), 3, np.int8), np.full((2, 12), -2, np.int8))
        for plane, of, half in zip(picture.filtered(filters), prediction, (32, 16, 16)):
            np.testing.assert_array_equal(plane[:half, :half], of[:half, :half])
            np.testing.assert_array_equal(plane[half:, half:], of[half:, half:])
            assert (plane[:half, half:] != of[:half, half:]).any()


def test_a_file_with_it_verifies_and_decodes(tmp_path):
    stream = coded(9, **OPTIONS | dict(b_frames=3))
    path = tmp_path / "filtered.zvc"
    path.write_bytes(stream.file())
    with StreamReader(path) as reader:
        assert reader.header.loop_filter
    assert LoopFilter.NEW in filters_of(stream) and LoopFilter.SLOT_A in filters_of(stream)
    assert [frame.y.tobytes() for frame in zvc69.open(path)] == [frame.y.tobytes() for frame in stream.frames]
