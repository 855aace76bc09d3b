"""The decoded picture buffer."""
from __future__ import annotations

import pytest

from zvc69.bitstream import KEYFRAME, FrameHeader, FrameType, reference_flags
from zvc69.codec.references import PictureBuffer
from zvc69.errors import CorruptStreamError


def filled(count: int, long_term: tuple[int, ...] = ()) -> PictureBuffer[int]:
    buffer: PictureBuffer[int] = PictureBuffer()
    for n in range(count):
        buffer.add(n, pts=n, long_term=n in long_term)
    return buffer


def contents(buffer: PictureBuffer[int]) -> list[int]:
    return [entry.content for entry in buffer.recent()]


def test_entry_0_is_the_frame_stored_last():
    assert filled(5).get(0) == 4
    assert filled(5).get(4) == 0


def test_full_buffer_drops_the_oldest():
    assert contents(filled(18)) == list(range(17, 1, -1))


def test_long_term_frames_outlive_others():
    assert contents(filled(40, long_term=(0, 3))) == [*range(39, 25, -1), 3, 0]


def test_buffer_of_long_term_frames_alone_drops_the_oldest_of_them():
    assert contents(filled(17, long_term=tuple(range(16)))) == [16, *range(15, 0, -1)]


def test_missing_reference_is_corruption():
    with pytest.raises(CorruptStreamError, match="entry 2, 2 are there"):
        filled(2).get(2)


def test_lists_are_nearest_first():
    buffer: PictureBuffer[str] = PictureBuffer()
    for pts in (0, 8, 4, 2, 6):
        buffer.add(str(pts), pts)
    assert [e.pts for e in buffer.past(5)] == [4, 2, 0]
    assert [e.pts for e in buffer.future(5)] == [6, 8]


def test_keyframe_empties_the_buffer_and_frames_not_stored_leave_no_trace():
    buffer = filled(4)
    buffer.follow(FrameHeader(FrameType.P, qp=30, pts=9, dts=9, references=reference_flags(0, stored=False)), 99)
    assert contents(buffer) == [3, 2, 1, 0]
    buffer.follow(FrameHeader(FrameType.I, qp=30, pts=10, dts=10, references=KEYFRAME), 100)
    assert contents(buffer) == [100]
