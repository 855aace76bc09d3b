"""The loop filter's section: what is written is read, and nothing else."""
from __future__ import annotations

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zvc69.bitstream import FilterSet, FrameType, LoopFilter, Payload, filter_set
from zvc69.errors import CorruptStreamError, StreamError, TruncatedStreamError


def filters(rng: np.random.Generator, different: int, largest: int = 63) -> FilterSet:
    """So many different luma filters, in random classes; chroma sometimes zero."""
    known = np.concatenate([np.zeros((1, 12)), rng.integers(-largest, largest + 1, (different, 12))]).astype(np.int8)
    luma = known[rng.integers(0, different + 1, 25)]
    return FilterSet(luma, rng.integers(-largest, largest + 1, (2, 12)).astype(np.int8) * rng.integers(0, 2, (2, 1), np.int8))


@given(st.integers(0, 2**32 - 1), st.integers(0, 25), st.integers(0, 63))
def test_a_set_comes_back_as_written(seed: int, different: int, largest: int) -> None:
    written = filters(np.random.default_rng(seed), different, largest)
    read = FilterSet.unpack(written.pack())
    np.testing.assert_array_equal(read.luma, written.luma)
    np.testing.assert_array_equal(read.chroma, written.chroma)


def test_classes_that_share_a_filter_cost_its_bits_once() -> None:
    one, every = FilterSet.zeros(), FilterSet.zeros()
    one.luma[3] = every.luma[:] = 7
    assert len(one.pack()) == len(every.pack()) == (3 + 5 + 25 + 12 * 8 + 7) // 8


def test_a_set_of_zeros_is_one_byte() -> None:
    assert FilterSet.zeros().pack() == b"\0"


@given(st.binary(max_size=300))
def test_random_sections_raise_only_stream_errors(section: bytes) -> None:
    try:
        read = FilterSet.unpack(section)
    except StreamError:
        return
    assert np.abs(read.luma.astype(int)).max() <= 63 and np.abs(read.chroma.astype(int)).max() <= 63
    assert len(read.pack()) <= len(section)      # equal filters may stand there twice


@given(st.integers(0, 2**32 - 1), st.data())
def test_cut_sections_are_truncated(seed: int, data: st.DataObject) -> None:
    section = filters(np.random.default_rng(seed), 4).pack()
    with pytest.raises(StreamError):
        FilterSet.unpack(section[:data.draw(st.integers(0, len(section) - 1))])


@pytest.mark.parametrize("bits, error, message", [
    ("", TruncatedStreamError, "ends"), ("100 11001", CorruptStreamError, "26 filters"), ("100 00", TruncatedStreamError, "ends"),
    ("100 00001" + "11" * 25 + "1" * 24, CorruptStreamError, "filter 3 of 2"), ("010 0000000", CorruptStreamError, "too large"),
    ("010 000000 1000001 0" + "1" * 11, CorruptStreamError, "64, not within"), ("000 00001", CorruptStreamError, "more behind"),
    ("000 00000 00000000", CorruptStreamError, "more behind")])
def test_lying_sections_have_specific_errors(bits: str, error: type, message: str) -> None:
    section = np.packbits(np.array([int(bit) for bit in bits.replace(" ", "")], np.uint8)).tobytes()
    with pytest.raises(error, match=message):
        FilterSet.unpack(section)


@given(st.integers(0, 2**32 - 1), st.sampled_from(LoopFilter), st.none() | st.integers(0, 300))
def test_payloads_say_how_pictures_are_filtered(seed: int, mode: LoopFilter, filler: int | None) -> None:
    section = filters(np.random.default_rng(seed), 3).pack() if mode == LoopFilter.NEW else None
    payload = Payload(motion=b"ab", motion_b=b"c", substreams=(b"12345",), filler=filler, loop_filter=mode, filters=section)
    assert Payload.unpack(payload.pack(), FrameType.P, filler=True, loop_filter=True) == payload
    if mode != LoopFilter.NONE:
        with pytest.raises(CorruptStreamError, match="reserved"):
            Payload.unpack(payload.pack(), FrameType.P, filler=True)


def test_keyframes_take_filters_from_no_other_frame() -> None:
    for mode in (LoopFilter.SLOT_A, LoopFilter.SLOT_B):
        with pytest.raises(CorruptStreamError, match="in an I frame"):
            Payload.unpack(Payload(no_state=True, substreams=(b"1",), loop_filter=mode).pack(), FrameType.I, loop_filter=True)


def test_documentation_examples() -> None:
    assert doctest.testmod(filter_set).failed == 0
