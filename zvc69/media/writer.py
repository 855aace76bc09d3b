"""Sinks: where decoded frames go."""
from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from fractions import Fraction
from types import TracebackType
from typing import BinaryIO

from ..errors import MediaError
from . import png, y4m
from .atomic import AtomicFile
from .frame import Frame


class Sink(ABC):
    """Takes frames in order of presentation.

    A context manager: the output gets its name when the block ends well, and is removed when it raises.
    """

    def __init__(self, target: AtomicFile | BinaryIO, width: int, height: int, fps: Fraction, depth: int) -> None:
        self._target, self._geometry, self._fps = target, (width, height, depth), fps
        self.frames = 0

    def write(self, frame: Frame) -> None:
        """Append a frame. Raises MediaError if size or depth differ from the sink's, OSError (BrokenPipeError)."""
        if (frame.width, frame.height, frame.depth) != self._geometry:
            width, height, depth = self._geometry
            raise MediaError(
                f"a frame of {frame.width}x{frame.height}, {frame.depth} bits, in an output of "
                f"{width}x{height}, {depth} bits",
                frame=self.frames,
            )
        self._put(frame)
        self.frames += 1

    @abstractmethod
    def _put(self, frame: Frame) -> None: ...

    def close(self) -> None:
        """Finish the output and give it its name."""
        if isinstance(self._target, AtomicFile):
            self._target.commit()
        else:
            self._target.flush()

    def abort(self) -> None:
        """Drop the output; what went into a pipe stays there."""
        if isinstance(self._target, AtomicFile):
            self._target.discard()

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


class Y4mSink(Sink):
    """YUV4MPEG2."""

    def __init__(self, target: AtomicFile | BinaryIO, width: int, height: int, fps: Fraction, depth: int) -> None:
        super().__init__(target, width, height, fps, depth)
        target.write(y4m.Y4mHeader(width, height, fps, depth).line())

    def _put(self, frame: Frame) -> None:
        y4m.write_frame(self._target.write, frame)


class RawSink(Sink):
    """Planes one after the other, no header; 16-bit little-endian samples above 8 bits."""

    def _put(self, frame: Frame) -> None:
        self._target.write(frame.to_bytes())


class PngSink(Sink):
    """One picture as 8-bit RGB (BT.601)."""

    def _put(self, frame: Frame) -> None:
        if self.frames:
            raise MediaError("a .png holds one picture: limit the frames, or choose .y4m")
        self._target.write(png.encode(frame.to_rgb()))


_SINKS: dict[str, type[Sink]] = {".y4m": Y4mSink, ".yuv": RawSink, ".raw": RawSink, ".png": PngSink}


def open_sink(target: str | os.PathLike[str] | BinaryIO, width: int, height: int, fps: Fraction, depth: int = 8) -> Sink:
    """Open an output for frames of width x height, `depth` bits.

    target  a path ending in .y4m, .yuv or .raw (planes without header) or .png (one frame); "-" for y4m on
            standard output; or a binary file object, for y4m. A path appears under its name when whole.

    Raises MediaError for another ending, OSError when it cannot be opened.
    """
    if target == "-":
        return Y4mSink(sys.stdout.buffer, width, height, fps, depth)
    if not isinstance(target, (str, os.PathLike)):
        return Y4mSink(target, width, height, fps, depth)
    ending = os.path.splitext(os.fspath(target))[1].lower()
    if ending not in _SINKS:
        raise MediaError(f"{os.fspath(target)}: output must end in {', '.join(_SINKS)}, or be - for y4m")
    file = AtomicFile(target)
    try:
        return _SINKS[ending](file, width, height, fps, depth)
    except BaseException:
        file.discard()
        raise
