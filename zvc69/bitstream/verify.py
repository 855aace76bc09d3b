"""Checking all that a stream says of itself: header, frames, counts, index. What is in the payloads is the codec's affair."""
from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ..core.checksum import crc32c
from ..errors import ConfigError, CorruptStreamError, StreamError
from . import header, index
from .header import FileHeader
from .index import IndexEntry
from .packet import Packet
from .source import Source, open_source
from .walk import Damage, Walker

_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, at which byte of the stream, and with which frame (number in coding order), as far as known."""

    message: str
    offset: int | None = None
    frame: int | None = None

    @classmethod
    def of(cls, error: StreamError) -> Problem:
        return cls(error.message, error.offset, error.frame)


class StreamCheck:
    """Iterating gives every whole packet of a stream, and a `Problem` for everything that is wrong, in order of the bytes.

    Memory does not grow with the stream, nor with what it claims: the index is compared with the frames as they pass.

    header          the stream's header; damage to that raises from the constructor
    frames, offset  whole frames seen so far, and where in bytes the walk is

    Raises ConfigError for what cannot seek, StreamError and its kinds from the header, OSError.

    >>> check = StreamCheck(FileHeader(width=64, height=64, fps_num=25, total_frames=3).pack())
    >>> [problem.message for problem in check]
    ['the header states 3 frames, the stream has 0']
    """

    def __init__(self, source: str | os.PathLike[str] | bytes | BinaryIO) -> None:
        self._source: Source = open_source(source)
        try:
            if not self._source.seekable:
                raise ConfigError("checking needs a file that can seek, not a pipe")
            self.header = FileHeader.unpack(self._source.read(0, header.SIZE))
        except BaseException:
            self._source.close()
            raise
        self._walker = Walker(self._source, self.header, header.SIZE, strict=False)
        self.frames = 0

    def close(self) -> None:
        """Close the file, if it was opened here."""
        self._source.close()

    @property
    def size(self) -> int:
        """Bytes of the stream."""
        return self._source.size or 0

    @property
    def offset(self) -> int:
        return self._walker.offset

    def __iter__(self) -> Iterator[Packet | Problem]:
        listed = _Listed(self._source, self.header)
        yield from listed.problems()
        dts: int | None = None
        while True:
            packet = self._walker.next()
            damage, self._walker.damage = self._walker.damage, []
            yield from (Problem(d.error.message, d.offset, d.error.frame) for d in damage)
            if packet is None:
                break
            if packet.lost and not damage:
                yield Problem(f"{_frames(packet.lost)} missing before this one", packet.offset, packet.number)
            if dts is not None and packet.dts <= dts:
                yield Problem("dts does not rise", packet.offset, packet.number)
            dts = packet.dts
            yield from listed.pass_by(packet, damage)
            self.frames += 1
            yield packet
        yield from listed.rest(damage)
        yield from self._check_end()

    def _check_end(self) -> Iterator[Problem]:
        stated, found, end = self.header.total_frames, self._walker.number, self._walker.offset
        if stated and stated != found:
            yield Problem(f"the header states {_frames(stated, '')}, the stream has {found}", end)
        expected = min(self.header.index_offset or self.size, self.size)
        if end < expected:
            yield Problem(f"{expected - end} bytes behind the last frame belong to nothing", end)


class _Listed:
    """The entries of a stream's index, compared with the frames that pass by."""

    def __init__(self, source: Source, stream: FileHeader) -> None:
        self._source, self._start = source, stream.index_offset
        self._spaced = 0           # where a keyframe that is not listed is missed
        self._next: IndexEntry | None = None
        self._entries: Iterator[IndexEntry] = iter(())

    def problems(self) -> Iterator[Problem]:
        """Of the index itself. If it is not whole, its entries are left alone."""
        if not self._start:
            return
        try:
            self._check()
        except StreamError as error:
            yield Problem.of(error)
            self._start = 0
            return
        self._entries = self._read()
        self._advance()

    def pass_by(self, packet: Packet, damage: list[Damage]) -> Iterator[Problem]:
        """The next whole frame, and the damage before it."""
        if not self._start:
            return
        yield from self._missed(packet.number, damage)
        entry = self._next
        if entry is not None and entry.frame == packet.number:
            flags = index.IndexFlag.KEY | index.IndexFlag.REFERENCE * packet.header.stored
            if not packet.keyframe or entry.offset != packet.offset or entry.flags & 3 != flags:
                yield self._problem(f"the entry for frame {entry.frame} is not that frame's")
            self._spaced = entry.offset + index.SPACING
            self._advance()
        elif packet.keyframe and packet.offset >= self._spaced:
            self._spaced = packet.offset + index.SPACING
            yield self._problem(f"keyframe {packet.number} is not listed")

    def rest(self, damage: list[Damage]) -> Iterator[Problem]:
        """Entries that no frame has claimed."""
        yield from self._missed(None, damage)

    def _missed(self, number: int | None, damage: list[Damage]) -> Iterator[Problem]:
        """Entries before frame `number`; what they say cannot be known where the stream is damaged."""
        while (entry := self._next) is not None and (number is None or entry.frame < number):
            if not any(d.offset <= entry.offset < d.end for d in damage):
                yield self._problem(f"the entry for frame {entry.frame} points to no keyframe")
            self._advance()

    def _advance(self) -> None:
        self._next = next(self._entries, None)

    def _problem(self, message: str) -> Problem:
        return Problem(f"index: {message}", self._start)

    def _check(self) -> None:
        """Length, checksum and order, without holding the index."""
        size = (self._source.size or 0) - self._start
        head = self._source.read(self._start, index.HEAD.size)
        if len(head) < index.HEAD.size:
            raise CorruptStreamError("the stream ends where its index should be", offset=self._start)
        magic, count = index.HEAD.unpack(head)
        if magic != index.MAGIC or size != index.OVERHEAD + count * index.ENTRY.size:
            raise CorruptStreamError("no index of the stated length", offset=self._start)
        checksum, at = 0, self._start
        while at < self._start + size - 4:
            chunk = self._source.read(at, min(_CHUNK, self._start + size - 4 - at))
            checksum, at = crc32c(chunk, checksum), at + len(chunk)
        if checksum != int.from_bytes(self._source.read(at, 4), "little"):
            raise CorruptStreamError("the index is damaged: its checksum does not hold", offset=self._start)
        frame = offset = -1
        for entry in self._read():
            if entry.frame <= frame or entry.offset <= offset or not entry.flags & index.IndexFlag.KEY:
                raise CorruptStreamError(f"index entry for frame {entry.frame} is out of order", offset=self._start)
            frame, offset = entry.frame, entry.offset

    def _read(self) -> Iterator[IndexEntry]:
        at, end = self._start + index.HEAD.size, (self._source.size or 0) - 4
        while at < end:
            chunk = self._source.read(at, min(_CHUNK, end - at))
            yield from (IndexEntry(*fields) for fields in index.ENTRY.iter_unpack(chunk))
            at += len(chunk)


def _frames(count: int, verb: str | None = None) -> str:
    verb = ("is" if count == 1 else "are") if verb is None else verb
    return f"{count} frame{'s' * (count != 1)} {verb}".rstrip()
