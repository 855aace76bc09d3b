"""What every video source offers."""
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction
from types import TracebackType

from .colour import Colour
from .frame import Frame

_U16 = 65535


class Source(ABC):
    """Frames in order of presentation, once. A context manager that closes itself.

    name           for messages
    width, height  pixels
    fps            frames a second, both terms within 16 bits; variable rates are taken as their average
    depth          bits per sample: 8, 10 or 12
    colour         colour space of the frames, and what the source states of its colours
    total_frames   as the container states it, None if unknown
    notes          one-line remarks for the user: what of the source is ignored

    Iterating raises MediaError when the source is damaged or changes its size. `Frame.pts` counts frames.
    """

    name: str
    width: int
    height: int
    fps: Fraction
    depth: int
    colour: Colour = Colour()
    total_frames: int | None
    notes: tuple[str, ...] = ()

    @abstractmethod
    def __iter__(self) -> Iterator[Frame]: ...

    @abstractmethod
    def close(self) -> None:
        """Release the file. Iterating is over then."""

    def __enter__(self) -> Source:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


def fitted_rate(rate: Fraction) -> Fraction:
    """The nearest rate whose terms fit 16 bits, as stream headers hold it."""
    if rate >= _U16:
        return Fraction(_U16)
    if rate <= Fraction(1, _U16):
        return Fraction(1, _U16)
    denominator = min(_U16, int(_U16 / rate)) if rate > 1 else _U16
    return rate.limit_denominator(denominator)
