"""The layout of a frame's payload: a flag byte, the sections of motion and of the loop filter, filler, and the substreams of the latents."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, IntFlag

from ..errors import ConfigError, CorruptStreamError, TruncatedStreamError
from . import varint
from .limits import MAX_SUBSTREAMS
from .references import FrameType

LANES = (1, 4, 8, 32)
"""Interleaved rANS states that a substream can have; the index in here is what is written."""


class PayloadFlag(IntFlag):
    """The payload's first byte; the other bits are reserved and zero."""

    NO_STATE = 1 << 0
    """The sigma network starts from the blank state: always in I frames, at a sigma-reset in others."""

    MOTION = 1 << 1
    """A motion section follows. Without it all vectors are zero."""

    COPY = 1 << 2
    """Some blocks are copies of the prediction: the motion section says which; without one, all are."""

    MOTION_B = 1 << 3
    """A motion section of slot B follows. Without it slot B's vectors are slot A's, scaled to its distance."""

    FILLER = 1 << 4
    """A section of zero bytes follows, which says nothing; reserved too unless the file header announces it."""


FILTER_SHIFT = 5
"""Bits 5 and 6 of the first byte: a `LoopFilter`; reserved too unless the file header announces it."""


class LoopFilter(IntEnum):
    """What filters a frame's decoded picture."""

    NONE = 0
    NEW = 1
    """A set of filters that this frame brings, in a section that follows."""
    SLOT_A = 2
    """The set of the frame in slot A."""
    SLOT_B = 3


_ALWAYS = int(PayloadFlag.NO_STATE | PayloadFlag.MOTION | PayloadFlag.COPY | PayloadFlag.MOTION_B)


@dataclass(frozen=True, slots=True)
class Payload:
    """The sections of a frame's payload.

    `motion` and `motion_b` are the coded motion of the slots (None: no section); `substreams` are the rANS substreams of z and r, each one
    covering the bands that `bands()` gives, with `lanes` states; none at all where nothing is coded.
    z and r of a band share a substream: flushing the coder once instead of twice is 4 bytes of a 100-byte frame.
    `filler` is the size in bytes of a filler section, without its length (None: no section). `filters` is the section of a new set of filters
    (`FilterSet.pack`), which goes with `loop_filter` NEW alone.

    >>> Payload(no_state=True, lanes=1, substreams=(b"zr",)).pack().hex()
    '01007a72'
    """

    no_state: bool = False
    copy: bool = False
    motion: bytes | memoryview | None = None
    lanes: int = 1
    substreams: Sequence[bytes | memoryview] = ()
    motion_b: bytes | memoryview | None = None
    filler: int | None = None
    loop_filter: LoopFilter = LoopFilter.NONE
    filters: bytes | memoryview | None = None

    @property
    def filler_bytes(self) -> int:
        """Bytes of the filler section and its length."""
        return 0 if self.filler is None else varint.length(self.filler) + self.filler

    def pack(self) -> bytes:
        """The payload's bytes. Raises ConfigError if the lanes or the number of substreams cannot be stated."""
        flags = (PayloadFlag.NO_STATE * self.no_state | PayloadFlag.MOTION * (self.motion is not None)
                 | PayloadFlag.COPY * self.copy | PayloadFlag.MOTION_B * (self.motion_b is not None)
                 | PayloadFlag.FILLER * (self.filler is not None) | self.loop_filter << FILTER_SHIFT)
        parts: list[bytes | memoryview] = [bytes((flags,))]
        for section in (self.motion, self.motion_b, self.filters):
            if section is not None:
                parts += [varint.pack(len(section)), section]
        if self.filler is not None:
            parts += [varint.pack(self.filler), bytes(self.filler)]
        if self.substreams:
            if self.lanes not in LANES or len(self.substreams) > MAX_SUBSTREAMS:
                raise ConfigError(f"{len(self.substreams)} substreams of {self.lanes} lanes: not 1..{MAX_SUBSTREAMS} "
                                  f"of {', '.join(map(str, LANES))}")
            parts.append(bytes((LANES.index(self.lanes) | len(self.substreams) - 1 << 2,)))
            parts += [varint.pack(len(substream)) for substream in self.substreams[:-1]]
            parts += self.substreams
        return b"".join(parts)

    @classmethod
    def unpack(cls, data: bytes | memoryview, frame_type: FrameType, *, filler: bool = False, loop_filter: bool = False) -> Payload:
        """The sections of `data` (views into it, not copies), a payload of a frame of this type.

        filler, loop_filter: whether the file header announces them. Raises TruncatedStreamError if a section would reach beyond `data`,
        CorruptStreamError for flags that a frame of this type cannot have, and filler that is not zero.
        """
        view = memoryview(data)
        if not view:
            raise TruncatedStreamError("an empty payload")
        flags = view[0]
        if flags & ~(_ALWAYS | PayloadFlag.FILLER * filler | 3 * loop_filter << FILTER_SHIFT):
            raise CorruptStreamError(f"payload flags {flags:#x} have reserved bits set")
        filters_by = LoopFilter(flags >> FILTER_SHIFT & 3)
        if frame_type == FrameType.I and (flags & _ALWAYS != PayloadFlag.NO_STATE or filters_by > LoopFilter.NEW):
            raise CorruptStreamError(f"payload flags {flags:#x} in an I frame")
        at = 1
        motion, at = _unpack_section(view, at, "motion") if flags & PayloadFlag.MOTION else (None, at)
        motion_b, at = _unpack_section(view, at, "motion") if flags & PayloadFlag.MOTION_B else (None, at)
        filters, at = _unpack_section(view, at, "loop filter") if filters_by == LoopFilter.NEW else (None, at)
        size, at = _unpack_filler(view, at) if flags & PayloadFlag.FILLER else (None, at)
        lanes, substreams = _unpack_substreams(view[at:]) if at < len(view) else (1, ())
        return cls(bool(flags & PayloadFlag.NO_STATE), bool(flags & PayloadFlag.COPY), motion, lanes, substreams, motion_b, size, filters_by,
                   filters)


def bands(rows: int, substreams: int) -> list[tuple[int, int]]:
    """First and last-plus-one row of z (at 1/32) that each substream covers, of `rows`; rows at 1/8 are four times that.

    Raises CorruptStreamError if there are more substreams than rows.
    """
    if substreams > rows:
        raise CorruptStreamError(f"{substreams} substreams for {rows} rows")
    return [(rows * s // substreams, rows * (s + 1) // substreams) for s in range(substreams)]


def _unpack_section(view: memoryview, at: int, name: str) -> tuple[memoryview, int]:
    size, at = varint.unpack(view, at)
    if size > len(view) - at:
        raise TruncatedStreamError(f"a {name} section of {size} bytes in {len(view) - at}")
    return view[at:at + size], at + size


def _unpack_filler(view: memoryview, at: int) -> tuple[int, int]:
    """The section's size without its length."""
    section, at = _unpack_section(view, at, "filler")
    if section.tobytes().count(0) != len(section):
        raise CorruptStreamError("filler that is not zero")
    return len(section), at


def _unpack_substreams(view: memoryview) -> tuple[int, tuple[memoryview, ...]]:
    lanes, count = LANES[view[0] & 3], (view[0] >> 2) + 1
    at, sizes = 1, []
    for _ in range(count - 1):
        size, at = varint.unpack(view, at)
        sizes.append(size)
    if sum(sizes) > len(view) - at:
        raise TruncatedStreamError(f"substreams of {sum(sizes)} bytes in {len(view) - at}")
    sizes.append(len(view) - at - sum(sizes))
    out = []
    for size in sizes:
        out.append(view[at:at + size])
        at += size
    return lanes, tuple(out)
