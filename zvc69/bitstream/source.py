"""Where a reader's bytes come from: one small interface over memory, files and pipes."""
from __future__ import annotations

import io
import os
from typing import BinaryIO, Protocol

_CHUNK = 1 << 16


class Source(Protocol):
    """Bytes addressed from the start of the stream. `size` is None where the end is not known beforehand."""

    size: int | None
    seekable: bool

    def read(self, offset: int, count: int, least: int | None = None) -> bytes:
        """`count` bytes from `offset` on, fewer at the end. A pipe cannot go back behind what was forgotten; with
        `least`, it gives that many or more and does not wait for the rest.
        """

    def forget(self, offset: int) -> None:
        """Nothing before `offset` will be asked for again."""

    def close(self) -> None:
        """Release what the source itself opened."""


class MemorySource:
    """A stream in memory."""

    seekable = True

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self._view = memoryview(data).cast("B")
        self.size: int | None = len(self._view)

    def read(self, offset: int, count: int, least: int | None = None) -> bytes:
        return bytes(self._view[offset:offset + count])

    def forget(self, offset: int) -> None:
        pass

    def close(self) -> None:
        pass


class FileSource:
    """A seekable file; the stream begins at its current position."""

    seekable = True

    def __init__(self, file: BinaryIO, owned: bool) -> None:
        self._file, self._owned = file, owned
        self._base = file.tell()
        self.size: int | None = max(file.seek(0, io.SEEK_END) - self._base, 0)

    def read(self, offset: int, count: int, least: int | None = None) -> bytes:
        # The size bounds the request: a damaged length must not make the file object allocate for it.
        count = min(count, self.size - offset)
        if count <= 0:
            return b""
        self._file.seek(self._base + offset)
        return self._file.read(count)

    def forget(self, offset: int) -> None:
        pass

    def close(self) -> None:
        if self._owned:
            self._file.close()


class PipeSource:
    """A stream that only comes once; what has come and is not yet forgotten is kept."""

    seekable = False
    size: int | None = None

    def __init__(self, file: BinaryIO, owned: bool) -> None:
        self._file, self._owned = file, owned
        # These return what is there; other objects wait for all that is asked.
        self._partial = hasattr(file, "read1") or isinstance(file, io.RawIOBase)
        self._read = getattr(file, "read1", file.read)
        self._kept = bytearray()
        self._start = 0

    def read(self, offset: int, count: int, least: int | None = None) -> bytes:
        at = offset - self._start
        end, enough = at + count, at + (count if least is None else least)
        while len(self._kept) < enough:
            # In chunks, so that memory follows what arrives and not what a damaged length says.
            chunk = self._read(min(_CHUNK, (end if self._partial else enough) - len(self._kept)))
            if not chunk:
                break
            self._kept += chunk
        return bytes(memoryview(self._kept)[at:end])

    def forget(self, offset: int) -> None:
        drop = min(offset - self._start, len(self._kept))
        # Not at every frame: moving the rest each time would be quadratic where frames are tiny.
        if drop >= _CHUNK or drop == len(self._kept):
            del self._kept[:drop]
            self._start += drop

    def close(self) -> None:
        if self._owned:
            self._file.close()


def open_source(source: str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO) -> Source:
    """A source over a path, bytes or a binary file object, which may be a pipe. Raises OSError from opening."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return MemorySource(source)
    if isinstance(source, (str, os.PathLike)):
        file = open(source, "rb")
        return FileSource(file, True) if file.seekable() else PipeSource(file, True)
    seekable = getattr(source, "seekable", lambda: False)()
    return FileSource(source, False) if seekable else PipeSource(source, False)
