"""Walking a stream frame by frame, and finding the next whole frame after damage."""
from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import CorruptStreamError, StreamError, TruncatedStreamError
from . import frame, header
from .frame import FrameHeader
from .header import FileHeader
from .index import MAGIC as INDEX_MAGIC
from .packet import Packet
from .source import Source

_HEAD = max(frame.MAX_COMPACT, frame.FULL_SIZE, header.SIZE)
_WINDOW = 1 << 16
MIN_FRAME = frame.MIN_COMPACT + 1
"""Bytes of the smallest frame."""

# Where a frame or a repeated file header may begin; lookahead, so that candidates may overlap.
_MAGIC = re.escape(header.MAGIC)
_COMPACT_START = re.compile(rb"(?=[\xb0-\xb7][\x00-\x3f].[^\0]|" + _MAGIC + rb")", re.DOTALL)
_FULL_START = re.compile(rb"(?=[\x00-\x02][\x00-\x07]..(?!\0\0\0\0).{25}\0\0\0|" + _MAGIC + rb")", re.DOTALL)

# A candidate up to this size is checked at once; a longer one only if something that may follow it does.
_SMALL = 512
# Bytes that failed checks may read before no more is checked: this, and so many for every byte walked.
_FREE_CHECKS, _CHECKS_PER_BYTE = 1 << 24, 16


@dataclass(frozen=True, slots=True)
class Damage:
    """A stretch of a stream, in bytes, that holds no whole frame, and what is wrong with it."""

    offset: int
    end: int
    error: StreamError


class Walker:
    """Yields the packets of a stream from a position on, in coding order.

    Strict: any damage raises, and so does a gap in the frames' counters. Tolerant: damage is noted in `damage`
    and the walk goes on at the next frame whose checksum holds; frames before the first keyframe are damage too.

    A walk takes time linear in the bytes walked, whatever they hold.
    """

    def __init__(self, source: Source, stream: FileHeader, offset: int, number: int = 0, *, strict: bool = True,
                 base: int = 0) -> None:
        self._source, self._stream, self._strict = source, stream, strict
        self._parameters = stream.repeat()
        self._starts = _COMPACT_START if stream.compact else _FULL_START
        self._previous: FrameHeader | None = None
        self._first, self._failed = offset, 0
        self.offset, self.number = offset, number
        self.damage: list[Damage] = []
        # Where frames end: at the index, else with the source (None: only its end tells). An index that can be looked
        # at and is not there bounds nothing: bytes may have been lost or inserted before it.
        self._index_at = base + stream.index_offset if stream.index_offset else None
        self._end = source.size
        if self._index_at and (not source.seekable or source.read(self._index_at, len(INDEX_MAGIC)) == INDEX_MAGIC):
            self._end = self._index_at

    def next(self) -> Packet | None:
        """The next packet, None after the last one.

        Raises CorruptStreamError or TruncatedStreamError when strict.
        """
        while True:
            try:
                self._pass_headers()
                packet = self._packet_at(self.offset)
            except StreamError as error:
                if self._strict:
                    raise
                end = self._resynchronise(self.offset)
                self.damage.append(Damage(self.offset, end, error))
                self.offset = end
                continue
            if packet is None:
                return None
            if self._strict and packet.lost:
                raise CorruptStreamError(f"{packet.lost} frames are missing", offset=packet.offset, frame=self.number)
            self._previous = packet.header
            self.offset, self.number = packet.offset + len(packet.data), packet.number + 1
            return packet

    def _read(self, offset: int, count: int, least: int | None = None) -> bytes:
        return self._source.read(offset, count if self._end is None else min(count, max(self._end - offset, 0)), least)

    def _header_at(self, offset: int) -> tuple[FrameHeader, int] | None:
        """Frame header and its length at `offset`, None at the end of the frames. Waits for no byte that it does not need:
        a live source may have no more to give until the frame is shown.
        """
        head, least = b"", MIN_FRAME
        while True:
            before, head = head, self._read(offset, _HEAD, least)
            if not head or offset == self._index_at or head.startswith(INDEX_MAGIC):
                return None
            try:
                return frame.unpack(head, self._stream, self._previous)
            except TruncatedStreamError:
                if len(head) == len(before):
                    raise
                least = len(head) + 1

    def _pass_headers(self) -> None:
        """Go past repeated file headers."""
        self._source.forget(self.offset)
        while self._read(self.offset, MIN_FRAME).startswith(header.MAGIC):
            if FileHeader.unpack(self._read(self.offset, header.SIZE), offset=self.offset) != self._parameters:
                raise CorruptStreamError("a repeated file header differs from the first", offset=self.offset)
            self.offset += header.SIZE
            self._source.forget(self.offset)

    def _packet_at(self, offset: int) -> Packet | None:
        """The packet at `offset`, None at the end of the frames."""
        try:
            unpacked = self._header_at(offset)
        except CorruptStreamError as error:
            raise type(error)(error.message, offset=offset, frame=self.number) from None
        if unpacked is None:
            return None
        head_values, length = unpacked
        size = length + head_values.size
        if self._end is not None and offset + size > self._end:
            raise TruncatedStreamError("the stream ends inside a frame", offset=offset, frame=self.number)
        if not self._may_check(offset):
            raise CorruptStreamError("too much damage to look at every frame", offset=offset, frame=self.number)
        data = self._read(offset, size)
        if len(data) < size:
            raise TruncatedStreamError("the stream ends inside a frame", offset=offset, frame=self.number)
        if not frame.checksum_holds(data, length, self._stream):
            self._failed += size
            raise CorruptStreamError("the frame is damaged: its checksum does not hold", offset=offset, frame=self.number)
        if self._previous is not None:
            lost = frame.missing_before(head_values, self._previous)
            if self._strict and head_values.dts <= self._previous.dts:
                raise CorruptStreamError("dts does not rise", offset=offset, frame=self.number)
        else:   # numbers are the stream's own, except where it was joined in the middle
            lost = 0 if self._stream.repeated else (head_values.counter - self.number) & 255
        return Packet(data, head_values, length, self.number + lost, offset, lost)

    def _resynchronise(self, damaged: int) -> int:
        """Where the next whole frame, or a header before it, begins after the damage at `damaged`; else the end."""
        if (trusted := self._trusted_end(damaged)) is not None:
            return trusted
        offset, size = damaged + 1, 4 * _HEAD   # small at first: most damage is short, and there may be much of it
        while True:
            self._source.forget(offset)
            window = self._read(offset, size)
            # What begins in the last bytes is seen whole in the next window, which overlaps by a header.
            last = len(window) < size
            for match in self._starts.finditer(window):
                if (last or match.start() < size - _HEAD) and self._whole(offset + match.start()):
                    return offset + match.start()
            if last:
                return offset + len(window)
            offset += size - _HEAD
            size = min(4 * size, _WINDOW)

    def _trusted_end(self, damaged: int) -> int | None:
        """Where the damaged frame ends if its header can be believed: if the frames end or go on there."""
        try:
            head_values, length = frame.unpack(self._read(damaged, _HEAD), self._stream, self._previous)
        except StreamError:
            return None
        end = damaged + length + head_values.size
        if end == self._end or self._whole(end):
            return end
        return None

    def _whole(self, offset: int) -> bool:
        """Whether a frame that may be believed begins at `offset`, or a repeated file header."""
        head = self._read(offset, _HEAD)
        try:
            if head.startswith(header.MAGIC):
                return FileHeader.unpack(head) == self._parameters
            head_values, length = frame.unpack(head, self._stream, self._previous)
        except StreamError:
            return False
        size = length + head_values.size
        if self._end is not None and offset + size > self._end:
            return False
        if not self._may_check(offset) or size > _SMALL and not self._goes_on(offset + size, head_values):
            return False
        data = self._read(offset, size)
        if len(data) == size and frame.checksum_holds(data, length, self._stream):
            return True
        self._failed += len(data)
        return False

    def _may_check(self, offset: int) -> bool:
        """Whether failed checks have not yet read more than the walk up to `offset` warrants."""
        return self._failed <= _FREE_CHECKS + _CHECKS_PER_BYTE * (offset - self._first)

    def _goes_on(self, offset: int, before: FrameHeader) -> bool:
        """Whether the frames end at `offset`, or something may begin there that follows frame `before`."""
        head = self._read(offset, _HEAD)
        if not head or head.startswith(header.MAGIC):
            return True
        try:
            return frame.missing_before(frame.unpack(head, self._stream, before)[0], before) == 0
        except StreamError:
            return False
