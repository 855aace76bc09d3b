"""Sources: whatever FFmpeg reads, y4m and raw video, from files, pipes and file objects."""
from __future__ import annotations

import os
import stat
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from ..errors import MediaError
from . import y4m
from .av_source import AvSource
from .frame import Frame, frame_bytes
from .source import Source, fitted_rate


@dataclass(frozen=True)
class RawGeometry:
    """What a raw file does not say about itself: size in pixels, bits (8, 10, 12), frames a second."""

    width: int
    height: int
    depth: int = 8
    fps: Fraction = Fraction(25)


def open_source(source: str | os.PathLike[str] | BinaryIO, *, raw: RawGeometry | None = None) -> Source:
    """Open a video or a still.

    source  a path, "-" for standard input, anything else that FFmpeg opens ("img%03d.png"), or a binary file
            object; it need not be seekable. y4m is told by its first bytes and read by our own parser.
    raw     planar 4:2:0 samples of this geometry, without any header

    Raises MediaError when it cannot be read.
    """
    if source == "-":
        return _open_stream(sys.stdin.buffer, "standard input", raw)
    if not isinstance(source, (str, os.PathLike)):
        return _open_stream(source, getattr(source, "name", None) or "input", raw)
    name = os.fspath(source)
    if not Path(name).exists():
        if raw is not None or not _may_be_pattern_or_url(name):
            raise MediaError(f"{name}: no such file")
        return AvSource(name, name)
    try:
        stream = open(name, "rb")
    except OSError as error:
        raise MediaError(f"{name}: {error.strerror}") from None
    try:
        if raw is not None:
            return RawSource(stream, name, raw, owned=True)
        if stream.peek(len(y4m.MAGIC)).startswith(y4m.MAGIC) or name.lower().endswith(".y4m"):
            return Y4mSource(stream, name, owned=True)
        if not _is_regular(stream):
            return _open_stream(stream, name, None, owned=True)
    except BaseException:
        stream.close()
        raise
    stream.close()
    return AvSource(name, name)


class _StreamSource(Source, ABC):
    """Uncompressed frames from a binary stream, closed with the source if it is ours."""

    def __init__(self, stream: BinaryIO, name: str, *, owned: bool) -> None:
        self.name, self._stream, self._owned = name, stream, owned

    def close(self) -> None:
        if self._owned:
            self._stream.close()

    def __iter__(self) -> Iterator[Frame]:
        try:
            yield from self._frames()
        except OSError as error:
            raise MediaError(f"{self.name}: {error.strerror or error}") from None

    @abstractmethod
    def _frames(self) -> Iterator[Frame]: ...


class Y4mSource(_StreamSource):
    """Frames of a y4m stream that stands at its first byte."""

    def __init__(self, stream: BinaryIO, name: str, *, owned: bool = False) -> None:
        super().__init__(stream, name, owned=owned)
        self._header = header = y4m.read_header(stream)
        self.width, self.height, self.depth = header.width, header.height, header.depth
        self.fps, self.colour = fitted_rate(header.fps), header.frame_colour
        self.total_frames = self._count()

    def _frames(self) -> Iterator[Frame]:
        return y4m.read_frames(self._stream, self._header)

    def _count(self) -> int | None:
        """Frames in the file if no FRAME line carries parameters, as is usual; None when that does not add up."""
        left = _bytes_left(self._stream)
        step = len(b"FRAME\n") + self._header.frame_bytes
        return left // step if left is not None and left % step == 0 else None


class RawSource(_StreamSource):
    """Frames of headerless planar 4:2:0."""

    def __init__(self, stream: BinaryIO, name: str, geometry: RawGeometry, *, owned: bool = False) -> None:
        super().__init__(stream, name, owned=owned)
        if not (1 <= geometry.width <= 65535 and 1 <= geometry.height <= 65535) or geometry.fps <= 0:
            raise MediaError(f"{name}: raw video of {geometry.width}x{geometry.height}, {geometry.fps} fps")
        self._size = frame_bytes(geometry.width, geometry.height, geometry.depth)
        self.width, self.height, self.depth = geometry.width, geometry.height, geometry.depth
        self.fps = fitted_rate(geometry.fps)
        left = _bytes_left(stream)
        self.total_frames = None if left is None else left // self._size

    def _frames(self) -> Iterator[Frame]:
        number = 0
        while data := y4m.read_exactly(self._stream, self._size):
            if len(data) < self._size:
                raise MediaError(f"{self.name}: raw input ends inside a frame", frame=number)
            yield Frame.from_bytes(data, self.width, self.height, self.depth, pts=number)
            number += 1


class _Prefixed:
    """A stream with bytes put back before it; only `read`, which is all that FFmpeg needs of a pipe."""

    def __init__(self, prefix: bytes, stream: BinaryIO) -> None:
        self._prefix, self._stream = prefix, stream

    def read(self, size: int = -1) -> bytes:
        if not self._prefix:
            return self._stream.read(size)
        size = len(self._prefix) if size < 0 else size
        part, self._prefix = self._prefix[:size], self._prefix[size:]
        return part


def _open_stream(stream: BinaryIO, name: str, raw: RawGeometry | None, *, owned: bool = False) -> Source:
    if raw is not None:
        return RawSource(stream, name, raw, owned=owned)
    try:
        start = y4m.read_exactly(stream, len(y4m.MAGIC))
    except OSError as error:
        raise MediaError(f"{name}: {error.strerror or error}") from None
    if not start:
        raise MediaError(f"{name}: input is empty")
    if _seekable(stream):
        stream.seek(-len(start), os.SEEK_CUR)
        rewound: BinaryIO = stream
    else:
        rewound = _Prefixed(start, stream)  # type: ignore[assignment]
    if start == y4m.MAGIC:
        return Y4mSource(rewound, name, owned=owned)
    return AvSource(rewound, name)


def _may_be_pattern_or_url(name: str) -> bool:
    return "%" in name or "*" in name or ":" in name


def _is_regular(stream: BinaryIO) -> bool:
    return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)


def _seekable(stream: BinaryIO) -> bool:
    return bool(getattr(stream, "seekable", lambda: False)())


def _bytes_left(stream: BinaryIO) -> int | None:
    if not _seekable(stream):
        return None
    here = stream.tell()
    end = stream.seek(0, os.SEEK_END)
    stream.seek(here)
    return end - here
