"""What every sink of frames offers."""
from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import BinaryIO

from ..errors import MediaError
from .atomic import AtomicFile
from .colour import Colour
from .frame import Frame


@dataclass(frozen=True)
class Geometry:
    """What all frames of an output have in common: size in pixels, frames a second, bits per sample, colour."""

    width: int
    height: int
    fps: Fraction
    depth: int = 8
    colour: Colour = Colour()


class Sink(ABC):
    """Takes frames in order of presentation; `frames` counts them.

    A context manager: the output gets its name when the block ends well, and is removed when it raises.
    """

    def __init__(self, geometry: Geometry) -> None:
        self._geometry = geometry
        self.frames = 0

    def write(self, frame: Frame) -> None:
        """Append a frame, in the sink's colour space.

        Raises MediaError if size or depth differ from the sink's, OSError (BrokenPipeError).
        """
        ours = self._geometry
        if (frame.width, frame.height, frame.depth) != (ours.width, ours.height, ours.depth):
            raise MediaError(
                f"a frame of {frame.width}x{frame.height}, {frame.depth} bits, in an output of "
                f"{ours.width}x{ours.height}, {ours.depth} bits",
                frame=self.frames,
            )
        self._put(frame.convert(ours.colour.space, full_range=ours.colour.full_range))
        self.frames += 1

    @abstractmethod
    def _put(self, frame: Frame) -> None: ...

    @abstractmethod
    def close(self) -> None:
        """Finish the output and give it its name."""

    @abstractmethod
    def abort(self) -> None:
        """Drop the output; what went into a pipe stays there."""

    def __enter__(self) -> Sink:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


class FileSink(Sink):
    """A sink into one file, or into a binary file object that stays open."""

    def __init__(self, target: AtomicFile | BinaryIO, geometry: Geometry) -> None:
        super().__init__(geometry)
        self._target = target

    def close(self) -> None:
        if isinstance(self._target, AtomicFile):
            self._target.commit()
        else:
            self._target.flush()

    def abort(self) -> None:
        if isinstance(self._target, AtomicFile):
            self._target.discard()
