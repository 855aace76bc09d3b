"""The payload's layout."""
from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zvc69.bitstream import FrameType, Payload, bands
from zvc69.bitstream.payload import LANES
from zvc69.errors import ConfigError, CorruptStreamError, StreamError, TruncatedStreamError

sections = st.lists(st.binary(max_size=200), max_size=64)
# A last substream alone and empty would be the flags, a lane byte and nothing: written so, read so.
payloads = st.builds(Payload, no_state=st.booleans(), copy=st.booleans(), motion=st.none() | st.binary(max_size=200),
                     lanes=st.sampled_from(LANES), substreams=sections.map(tuple),
                     motion_b=st.none() | st.binary(max_size=200), filler=st.none() | st.integers(0, 400))


@given(payloads)
def test_payload_comes_back_as_written(payload: Payload) -> None:
    read = Payload.unpack(payload.pack(), FrameType.P, filler=True)
    assert (read.no_state, read.copy, read.motion, read.motion_b, read.filler, read.substreams) == (
        payload.no_state, payload.copy, payload.motion, payload.motion_b, payload.filler, payload.substreams)
    if payload.substreams:
        assert read.lanes == payload.lanes


@given(st.binary(max_size=300), st.sampled_from(FrameType), st.booleans())
def test_random_payloads_raise_only_stream_errors_and_stay_within_bounds(data: bytes, kind: FrameType, filler: bool) -> None:
    try:
        payload = Payload.unpack(data, kind, filler=filler)
    except StreamError:
        return
    assert sum(map(len, payload.substreams)) + len(payload.motion or b"") + (payload.filler or 0) < len(data)


@given(payloads, st.data())
def test_truncated_payloads_raise_only_stream_errors(payload: Payload, data: st.DataObject) -> None:
    packed = payload.pack()
    try:
        Payload.unpack(packed[:data.draw(st.integers(0, len(packed) - 1))], FrameType.P, filler=True)
    except StreamError:
        pass


@given(payloads, st.integers(0, 400))
def test_filler_changes_nothing_else(payload: Payload, size: int) -> None:
    bare, filled = (Payload.unpack(replace(payload, filler=filler).pack(), FrameType.P, filler=True) for filler in (None, size))
    assert filled == replace(bare, filler=size)


@given(st.sampled_from(FrameType), st.integers(1, 400), st.data())
def test_filler_is_read_where_it_is_announced_and_zero(kind: FrameType, size: int, data: st.DataObject) -> None:
    packed = bytearray(Payload(no_state=True, substreams=(b"12345",), filler=size).pack())
    assert Payload.unpack(packed, kind, filler=True).filler == size
    with pytest.raises(CorruptStreamError, match="reserved"):
        Payload.unpack(packed, kind)
    packed[packed.index(b"12345") - 2 - data.draw(st.integers(0, size - 1))] = data.draw(st.integers(1, 255))
    with pytest.raises(CorruptStreamError, match="not zero"):
        Payload.unpack(packed, kind, filler=True)


def test_a_wholly_copied_frame_is_one_byte() -> None:
    assert Payload(copy=True).pack() == b"\4"
    assert Payload.unpack(b"\4", FrameType.P) == Payload(copy=True)


def test_an_intra_payload_costs_two_bytes_beside_its_substream() -> None:
    assert len(Payload(no_state=True, substreams=(b"12345",)).pack()) == 7


@pytest.mark.parametrize("data, error", [
    (b"", TruncatedStreamError), (b"\x10", TruncatedStreamError), (b"\x20", CorruptStreamError), (b"\x08", TruncatedStreamError), (b"\x80", CorruptStreamError),
    (b"\2\xff\xff\xff\xff\x0f", TruncatedStreamError), (b"\2", TruncatedStreamError), (b"\0\x04\xff\x7f", TruncatedStreamError),
    (b"\0\xfc", TruncatedStreamError), (b"\x11", TruncatedStreamError), (b"\x11\2\0", TruncatedStreamError),
    (b"\x11\xff\xff\xff\xff\x0f\0", TruncatedStreamError),
    (b"\x11\x80\0", CorruptStreamError), (b"\x31\0", CorruptStreamError)])
def test_lying_sections_have_specific_errors(data: bytes, error: type) -> None:
    with pytest.raises(error) as caught:
        Payload.unpack(data, FrameType.P, filler=True)
    assert type(caught.value) is error


@pytest.mark.parametrize("flags", [0, 2, 3, 5, 16, 19])
def test_an_intra_frame_has_no_state_motion_or_copies(flags: int) -> None:
    with pytest.raises(CorruptStreamError):
        Payload.unpack(bytes((flags, 0, 0)), FrameType.I, filler=True)


def test_lanes_and_counts_that_cannot_be_stated_are_not_written() -> None:
    for payload in (Payload(lanes=2, substreams=(b"",)), Payload(substreams=(b"",) * 65)):
        with pytest.raises(ConfigError):
            payload.pack()


@given(st.integers(1, 512), st.integers(1, 64))
def test_bands_cover_every_row_once(rows: int, substreams: int) -> None:
    if substreams > rows:
        with pytest.raises(CorruptStreamError):
            bands(rows, substreams)
        return
    parts = bands(rows, substreams)
    assert [parts[0][0], parts[-1][1]] == [0, rows]
    assert all(first < last for first, last in parts)
    assert all(a[1] == b[0] for a, b in zip(parts, parts[1:]))
    # The rule in terms of rows at 1/8: aligned down to multiples of four.
    assert [4 * first for first, _ in parts] == [4 * rows * s // substreams // 4 * 4 for s in range(substreams)]
