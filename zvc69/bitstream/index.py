"""The index at the end of a file: where keyframes begin."""
from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Sequence
from enum import IntFlag
from typing import NamedTuple

from ..core.checksum import crc32c
from ..errors import CorruptStreamError, TruncatedStreamError
from . import header
from .frame import FrameHeader

MAGIC = b"ZVCIndex"
FIELDS = (("frame", "I"), ("offset", "Q"), ("flags", "I"))
"""Name and `struct` code of an entry's fields; docs/FORMAT.md is tested against it."""

ENTRY = struct.Struct("<" + "".join(code for _, code in FIELDS))
HEAD = struct.Struct("<8sI")
OVERHEAD = HEAD.size + 4
"""Bytes of an index beside its entries: magic, count, checksum."""

SPACING = 256 * ENTRY.size
"""Keyframes that begin less than this many bytes after the last listed one are not listed: an index takes less
than 1/256 of a file even where every frame is a keyframe. A reader looks at the frames in between."""


class IndexFlag(IntFlag):
    """Bits of an entry's `flags`; others are reserved, and ignored when read."""

    KEY = 1 << 0
    REFERENCE = 1 << 1
    """Later frames may refer to this one."""


class IndexEntry(NamedTuple):
    """A frame's number in coding order, the offset in bytes of its header in the stream, and `IndexFlag` bits."""

    frame: int
    offset: int
    flags: int


class IndexBuilder:
    """Collects the entries of an index as frames go by."""

    def __init__(self) -> None:
        self.entries: list[IndexEntry] = []

    def add(self, frame: int, offset: int, head: FrameHeader) -> None:
        """Note the frame with header `head` at `offset`, if it is one to list."""
        if head.keyframe and (not self.entries or offset >= self.entries[-1].offset + SPACING):
            self.entries.append(IndexEntry(frame, offset, IndexFlag.KEY | IndexFlag.REFERENCE * head.stored))


def pack(entries: Sequence[IndexEntry]) -> bytes:
    """The index as it is written."""
    body = HEAD.pack(MAGIC, len(entries)) + b"".join(ENTRY.pack(*entry) for entry in entries)
    return body + crc32c(body).to_bytes(4, "little")


def unpack(data: bytes, stream: header.FileHeader) -> list[IndexEntry]:
    """The entries of the index that `data` is, all of it.

    Raises CorruptStreamError unless the checksum holds and the entries rise in frame and offset, within the
    frames and bytes that `stream` states, and are keyframes; TruncatedStreamError if `data` is too short.
    """
    if len(data) < OVERHEAD:
        raise TruncatedStreamError("the stream ends inside the index", offset=stream.index_offset)
    magic, count = HEAD.unpack_from(data)
    if magic != MAGIC or len(data) != OVERHEAD + count * ENTRY.size:
        raise CorruptStreamError("no index of the stated length", offset=stream.index_offset)
    if crc32c(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise CorruptStreamError("the index is damaged: its checksum does not hold", offset=stream.index_offset)
    entries = [IndexEntry(*fields) for fields in ENTRY.iter_unpack(data[HEAD.size:-4])]
    frame, offset = -1, header.SIZE - 1
    for entry in entries:
        if not (entry.frame > frame and entry.offset > offset and entry.flags & IndexFlag.KEY):
            raise CorruptStreamError(f"index entry for frame {entry.frame} is out of order", offset=stream.index_offset)
        frame, offset = entry.frame, entry.offset
    if offset >= stream.index_offset or stream.total_frames and frame >= stream.total_frames:
        raise CorruptStreamError("the index lists frames beyond the last", offset=stream.index_offset)
    return entries


def find(entries: Sequence[IndexEntry], frame: int) -> IndexEntry | None:
    """The last entry at or before `frame`, or None."""
    at = bisect_right(entries, frame, key=lambda entry: entry.frame)
    return entries[at - 1] if at else None
