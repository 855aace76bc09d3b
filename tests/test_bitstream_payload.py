"""The payload's layout."""
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zvc69.bitstream import FrameType, Payload, bands
from zvc69.bitstream.payload import LANES
from zvc69.errors import ConfigError, CorruptStreamError, StreamError, TruncatedStreamError

sections = st.lists(st.binary(max_size=200), max_size=64)
# A last substream alone and empty would be the flags, a lane byte and nothing: written so, read so.
payloads = st.builds(Payload, no_state=st.booleans(), copy=st.booleans(), motion=st.none() | st.binary(max_size=200),
                     lanes=st.sampled_from(LANES), substreams=sections.map(tuple))


@given(payloads)
def test_payload_comes_back_as_written(payload: Payload) -> None:
    read = Payload.unpack(payload.pack(), FrameType.P)
    assert (read.no_state, read.copy, read.motion, read.substreams) == (
        payload.no_state, payload.copy, payload.motion, payload.substreams)
    if payload.substreams:
        assert read.lanes == payload.lanes


@given(st.binary(max_size=300), st.sampled_from(FrameType))
def test_random_payloads_raise_only_stream_errors_and_stay_within_bounds(data: bytes, kind: FrameType) -> None:
    try:
        payload = Payload.unpack(data, kind)
    except StreamError:
        return
    assert sum(map(len, payload.substreams)) + len(payload.motion or b"") < len(data)


@given(payloads, st.data())
def test_truncated_payloads_raise_only_stream_errors(payload: Payload, data: st.DataObject) -> None:
    packed = payload.pack()
    try:
        Payload.unpack(packed[:data.draw(st.integers(0, len(packed) - 1))], FrameType.P)
    except StreamError:
        pass


def test_a_wholly_copied_frame_is_one_byte() -> None:
    assert Payload(copy=True).pack() == b"\4"
    assert Payload.unpack(b"\4", FrameType.P) == Payload(copy=True)


def test_an_intra_payload_costs_two_bytes_beside_its_substream() -> None:
    assert len(Payload(no_state=True, substreams=(b"12345",)).pack()) == 7


@pytest.mark.parametrize("data, error", [
    (b"", TruncatedStreamError), (b"\x10", CorruptStreamError), (b"\x08", TruncatedStreamError), (b"\x80", CorruptStreamError),
    (b"\2\xff\xff\xff\xff\x0f", TruncatedStreamError), (b"\2", TruncatedStreamError), (b"\0\x04\xff\x7f", TruncatedStreamError),
    (b"\0\xfc", TruncatedStreamError)])
def test_lying_sections_have_specific_errors(data: bytes, error: type) -> None:
    with pytest.raises(error) as caught:
        Payload.unpack(data, FrameType.P)
    assert type(caught.value) is error


@pytest.mark.parametrize("flags", [0, 2, 3, 5])
def test_an_intra_frame_has_no_state_motion_or_copies(flags: int) -> None:
    with pytest.raises(CorruptStreamError):
        Payload.unpack(bytes((flags, 0, 0)), FrameType.I)


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
