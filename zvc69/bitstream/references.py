"""`reference_flags` of a frame: what its two slots hold, and what becomes of it in the decoded picture buffer."""
from __future__ import annotations

from enum import IntEnum, IntFlag

from ..errors import ConfigError

MAX_ENTRIES = 16
"""Pictures that the decoded picture buffer holds. Entry 0 is the one stored last."""


class FrameType(IntEnum):
    """I: both slots blank. P: slot A filled, slot B perhaps, both with past pictures. B: both filled."""

    I = 0  # noqa: E741
    P = 1
    B = 2


class ReferenceFlag(IntFlag):
    """Bits of `reference_flags`; bits 0..3 and 4..7 are the buffer entries in slot A and B, 13..15 zero."""

    SLOT_A = 1 << 8
    SLOT_B = 1 << 9
    STORED = 1 << 10
    """The frame enters the buffer: later frames may refer to it."""

    KEY = 1 << 11
    """An I frame that empties the buffer first: decoding can begin here."""

    LONG_TERM = 1 << 12
    """Stored, and evicted only when the buffer holds long-term frames alone."""


_SLOT_A, _SLOT_B, _STORED, _KEY, _LONG_TERM = (int(flag) for flag in ReferenceFlag)

USUAL = {
    FrameType.I: _STORED,
    FrameType.P: _STORED | _SLOT_A,
    FrameType.B: _SLOT_A | _SLOT_B | 1,
}
"""What a compact frame header that does not state its flags means: P refers to the frame stored last and is
stored; B lies between the two stored last (the later one in display order was coded last) and is not."""

KEYFRAME = _STORED | _KEY


def reference_flags(slot_a: int | None = None, slot_b: int | None = None, *, stored: bool = True, key: bool = False,
                    long_term: bool = False) -> int:
    """The flags for buffer entries `slot_a`, `slot_b` (0..15, 0 = stored last; None = blank).

    Raises ConfigError if an entry is out of range.
    """
    flags = _STORED * stored | _KEY * key | _LONG_TERM * long_term
    for entry, present, shift in ((slot_a, _SLOT_A, 0), (slot_b, _SLOT_B, 4)):
        if entry is None:
            continue
        if not 0 <= entry < MAX_ENTRIES:
            raise ConfigError(f"picture buffer entry {entry} is not within 0..{MAX_ENTRIES - 1}")
        flags |= present | entry << shift
    return flags


def problem(frame_type: int, flags: int) -> str | None:
    """Why a frame of this type cannot have these flags, or None if it can."""
    if flags & 0xE000:
        return f"reference flags {flags:#x} have reserved bits set"
    if flags & 0x0F and not flags & _SLOT_A or flags & 0xF0 and not flags & _SLOT_B:
        return "reference flags name an entry for a blank slot"
    slots = flags & (_SLOT_A | _SLOT_B)
    if frame_type == FrameType.I and slots:
        return "an I frame has a filled slot"
    if frame_type != FrameType.I and flags & _KEY:
        return "a keyframe is not an I frame"
    if frame_type == FrameType.P and not flags & _SLOT_A:
        return "a P frame has slot A blank"
    if frame_type == FrameType.B and slots != _SLOT_A | _SLOT_B:
        return "a B frame has a blank slot"
    if flags & _LONG_TERM and not flags & _STORED:
        return "a frame is marked long-term but not stored"
    return None
