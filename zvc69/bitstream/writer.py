"""Writing a stream: to a path, to a file that can seek, or to a pipe."""
from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from ..errors import ConfigError, naming
from . import header, index
from .frame import FrameHeader
from .header import FileHeader
from .index import IndexBuilder
from .packet import Packet, PacketMaker

REPEAT_SPACING = 256 * header.SIZE
"""A repeated header stands at least this many bytes after the last one: all of them take less than 1/256."""

TEMPORARY_SUFFIX = ".part"


class StreamWriter:
    """Writes one stream, frame by frame; each frame is handed to the system before `write` returns.

    To a path: into `path + ".part"`, which gets its name when the stream is closed. A killed process leaves the temporary file behind, readable up to
    the last whole frame (what is there and no regular file is written to directly); so does an exception inside a ``with`` block, unless no frame was
    written (then the file is removed). To a file object: from its current position on; it stays open. Where it can seek, `close` adds the index and
    enters total frames and index offset into the header; elsewhere the `header.total_frames` given is what readers are told (0: unknown).

    `header.compact` chooses the form of frame headers. `index=False` leaves the index out; a stream whose index
    would only name the first frame has none either. `repeat_header` puts the file header again before keyframes so
    that one can join there: by default in pipes only.

    Raises OSError from opening or writing.
    """

    def __init__(self, target: str | os.PathLike[str] | BinaryIO, header: FileHeader, *, index: bool = True,
                 repeat_header: bool | None = None) -> None:
        self.path = Path(target) if isinstance(target, (str, os.PathLike)) else None
        special = self.path is not None and self.path.exists() and not self.path.is_file()      # a device, a named pipe: written to directly
        self.temporary_path = self.path if self.path is None or special else self.path.with_name(self.path.name + TEMPORARY_SUFFIX)
        self._file: BinaryIO = open(self.temporary_path, "wb") if self.temporary_path else target
        self.header = replace(header, index_offset=0, repeated=False)
        self._seekable = getattr(self._file, "seekable", lambda: False)()
        self._start = self._file.tell() if self._seekable else 0
        self._with_index = index and self._seekable
        self._repeat = not self._seekable if repeat_header is None else repeat_header
        self._maker = PacketMaker(self.header)
        self._builder = IndexBuilder()
        self._offset = self._frames = self._last_header = 0
        self._closed = False
        self._put(self.header.pack())

    def __enter__(self) -> StreamWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close() if kind is None else self.abandon()

    @property
    def frames(self) -> int:
        """Frames written so far."""
        return self._frames

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._offset

    def write(self, frame: FrameHeader, payload: bytes) -> Packet:
        """Add a frame in coding order; `frame.size` and `frame.counter` are filled in. Returns it as written.

        Raises ConfigError if a field is out of range, dts does not rise, or the first frame is no keyframe.
        """
        return self._add(self._maker.make(frame, payload))

    def write_packet(self, packet: Packet) -> Packet:
        """Add a packet that a `PacketMaker` for the same header made, in the same order. Returns it as written.

        Raises ConfigError if packets were left out before it.
        """
        if packet.number != self._frames:
            raise ConfigError(f"packet {packet.number} where frame {self._frames} belongs")
        return self._add(packet)

    def close(self) -> None:
        """Finish the stream and, with a path, give the file its name."""
        if self._closed:
            return
        self._closed = True
        with naming(self.path):
            if self._seekable:
                self._finish()
            if self.path is None:
                return
            self._file.close()
        if self.temporary_path != self.path:
            os.replace(self.temporary_path, self.path)

    def abandon(self) -> None:
        """Stop without finishing: what was written stays, under the temporary name if there is one."""
        if self._closed:
            return
        self._closed = True
        if self.path is None:
            return
        try:
            with naming(self.path):
                self._file.close()
        finally:   # closing may fail as writing did: a full disk
            if not self._frames and self.temporary_path != self.path:
                self.temporary_path.unlink()

    def _add(self, packet: Packet) -> Packet:
        if packet.keyframe and self._frames and self._repeat and self._offset >= self._last_header + REPEAT_SPACING:
            self._last_header = self._offset
            self._put(self.header.repeat().pack())
        packet = replace(packet, offset=self._offset)
        self._builder.add(packet.number, packet.offset, packet.header)
        self._put(packet.data)
        self._frames += 1
        return packet

    def _put(self, data: bytes) -> None:
        with naming(self.path):
            self._file.write(data)
            self._file.flush()
        self._offset += len(data)

    def _finish(self) -> None:
        offset = 0
        if self._with_index and len(self._builder.entries) > 1:
            offset = self._offset
            self._put(index.pack(self._builder.entries))
        self.header = replace(self.header, total_frames=self._frames, index_offset=offset)
        self._file.seek(self._start)
        self._file.write(self.header.pack())
        self._file.flush()
        self._file.seek(self._start + self._offset)
