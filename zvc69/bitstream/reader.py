"""Reading a stream: iteration over packets, seeking, joining, and going on after damage."""
from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import BinaryIO

from ..errors import ConfigError, CorruptStreamError, NotAStreamError, StreamError, TruncatedStreamError
from . import header, index
from .header import FileHeader
from .index import IndexBuilder, IndexEntry
from .packet import Packet
from .source import Source, open_source
from .walk import MIN_FRAME, Damage, Walker

JOIN_LIMIT = 1 << 26
"""Bytes that a tolerant reader searches for a file header in a stream that does not begin with one."""

_WINDOW = 1 << 16


class StreamReader:
    """A ZVC69 stream in a path, bytes, a file object or a pipe; an iterator over its packets in coding order.

    Strict (the default): damage raises CorruptStreamError or TruncatedStreamError with offset and frame.
    Tolerant (`strict=False`): damaged frames are left out, `damage` lists where, `packet.lost` says how many
    frames are missing before a packet; and a stream that begins in the middle is joined at its next file header.

    `len`, `index` and `seek` need a source that can seek. Use as a context manager, or `close()`.

    Raises OSError if a path cannot be opened, NotAStreamError, UnsupportedVersionError, TruncatedStreamError or
    CorruptStreamError from the file header.

    >>> import io
    >>> from zvc69.bitstream import FileHeader, FrameHeader, FrameType, KEYFRAME, StreamWriter
    >>> file = io.BytesIO()
    >>> with StreamWriter(file, FileHeader(width=64, height=64, fps_num=25)) as writer:
    ...     for n in range(3):
    ...         _ = writer.write(FrameHeader(FrameType.I, qp=30, pts=n, dts=n, references=KEYFRAME), b"payload")
    >>> with StreamReader(file.getvalue()) as reader:
    ...     len(reader), [packet.pts for packet in reader]
    (3, [0, 1, 2])
    """

    def __init__(self, source: str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO, *,
                 strict: bool = True) -> None:
        self._strict = strict
        self._source = open_source(source)
        try:
            self.header, self._base = _read_header(self._source, strict)
            self._frames = self._stated_frames()
        except BaseException:
            self._source.close()
            raise
        self._index: list[IndexEntry] | None = None
        self._rebuilt = False
        self._ended = False
        self._past_damage: list[Damage] = []
        self._walker = self._walk(self._start, 0, strict)

    def __enter__(self) -> StreamReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, if the reader opened it."""
        self._source.close()

    @property
    def seekable(self) -> bool:
        """Whether `len`, `index` and `seek` work."""
        return self._source.seekable

    @property
    def damage(self) -> Sequence[Damage]:
        """What a tolerant reader has passed over so far."""
        return [*self._past_damage, *self._walker.damage]

    @property
    def position(self) -> int:
        """Number in coding order of the frame that comes next, if it is not missing."""
        return self._walker.number

    def __iter__(self) -> Iterator[Packet]:
        return self

    def __next__(self) -> Packet:
        packet = self._walker.next()
        if packet is None:
            self._check_end()
            raise StopIteration
        return packet

    def __len__(self) -> int:
        """Frames in the stream: as the header says, or counted where it does not know.

        Raises TypeError for a pipe.
        """
        if self._frames is None:
            self._rebuild()
        return self._frames

    @property
    def index(self) -> Sequence[IndexEntry]:
        """Keyframes, not every one where they are close: from the index of the file, or from scanning the stream if
        that is missing or damaged. Raises TypeError for a pipe.
        """
        if self._index is None:
            self._require_seekable()
            try:
                self._index = self._stored_index()
            except StreamError:
                self._rebuild()
        return self._index

    @property
    def index_rebuilt(self) -> bool:
        """Whether `index` (once asked for) comes from scanning."""
        return self._rebuilt

    def seek(self, frame: int) -> int:
        """Go on at the last keyframe at or before `frame` (number in coding order); returns that keyframe's number.

        Raises ConfigError if there is no such frame, CorruptStreamError if no keyframe comes before it,
        TypeError for a pipe.
        """
        self._require_seekable()
        if not 0 <= frame < len(self):
            raise ConfigError(f"no frame {frame} in a stream of {len(self)}")
        try:
            keyframe, offset = self._keyframe_before(frame)
        except StreamError:
            if self._rebuilt:
                raise
            # The index is whole but wrong, or its frame is damaged: the stream itself knows.
            self._rebuild()
            keyframe, offset = self._keyframe_before(frame)
        self._restart(offset, keyframe)
        return keyframe

    def rewind(self) -> int:
        """Go on at the beginning, even if what is there is damaged; returns 0. Raises TypeError for a pipe."""
        self._require_seekable()
        self._restart(self._start, 0)
        return 0

    def _restart(self, offset: int, number: int) -> None:
        self._past_damage += self._walker.damage
        self._ended = False
        self._walker = self._walk(offset, number, self._strict)

    @property
    def _start(self) -> int:
        return self._base + header.SIZE

    def _walk(self, offset: int, number: int, strict: bool) -> Walker:
        return Walker(self._source, self.header, offset, number, strict=strict, base=self._base)

    def _require_seekable(self) -> None:
        if not self.seekable:
            raise TypeError("a pipe has no index and no length")

    def _stated_frames(self) -> int | None:
        """The header's count, None if it is unknown, or a lie that someone would allocate by: the bytes are too few."""
        size, frames = self._source.size, self.header.total_frames
        return frames if frames and (size is None or frames <= size // MIN_FRAME) else None

    def _check_end(self) -> None:
        """At the end of the frames: whether they are as many as the header states."""
        stated, found, end = self.header.total_frames, self._walker.number, self._walker.offset
        if self._ended or not stated or found == stated:
            return
        self._ended = True
        kind = TruncatedStreamError if found < stated else CorruptStreamError
        error = kind(f"the header states {stated} frames, the stream has {found}", offset=end)
        if self._strict:
            raise error
        self._past_damage.append(Damage(end, end, error))

    def _stored_index(self) -> list[IndexEntry]:
        if not self.header.index_offset:
            raise CorruptStreamError("the stream has no index")
        return index.unpack(self._source.read(self.header.index_offset, self._source.size), self.header)

    def _rebuild(self) -> None:
        self._require_seekable()
        builder, walker = IndexBuilder(), self._walk(self._start, 0, strict=False)
        while (packet := walker.next()) is not None:
            builder.add(packet.number, packet.offset, packet.header)
        self._index, self._rebuilt = builder.entries, True
        self._frames = self._frames or walker.number

    def _keyframe_before(self, frame: int) -> tuple[int, int]:
        """Number and offset of the last keyframe at or before `frame`."""
        entry = index.find(self.index, frame)
        if entry is None:
            raise CorruptStreamError("no keyframe at or before it", frame=frame)
        walker = self._walk(entry.offset, entry.frame, self._strict or not self._rebuilt)
        found = walker.next()
        if found is None or not found.keyframe or found.offset != entry.offset:
            raise CorruptStreamError("no keyframe where the index says", offset=entry.offset, frame=entry.frame)
        # A keyframe further on than this would be listed; damage before that ends the search for a later one.
        while walker.offset < entry.offset + index.SPACING and walker.number <= frame:
            try:
                packet = walker.next()
            except StreamError:
                break
            if packet is None or packet.number > frame:
                break
            if packet.keyframe:
                found = packet
        return found.number, found.offset


def _read_header(source: Source, strict: bool) -> tuple[FileHeader, int]:
    """The stream's header and its offset: 0, or where a tolerant reader can join."""
    try:
        return FileHeader.unpack(source.read(0, header.SIZE)), 0
    except (NotAStreamError, CorruptStreamError):
        if strict:
            raise
        if (joined := _find_header(source)) is None:
            raise
        return joined


def _find_header(source: Source) -> tuple[FileHeader, int] | None:
    offset = 0
    while offset < JOIN_LIMIT:
        source.forget(offset)
        window = source.read(offset, _WINDOW)
        at = window.find(header.MAGIC)
        while at >= 0:
            try:
                return FileHeader.unpack(source.read(offset + at, header.SIZE)), offset + at
            except StreamError:
                at = window.find(header.MAGIC, at + 1)
        if len(window) < _WINDOW:
            return None
        offset += _WINDOW - len(header.MAGIC) + 1
    return None
