"""Peak signal-to-noise ratio of pictures."""
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..errors import ConfigError
from ..media.frame import Frame

# Equal planes have no noise; a finite figure keeps averages and JSON usable.
PSNR_OF_EQUAL = 100.0


@dataclass(frozen=True)
class Psnr:
    """Decibels per plane; gray pictures have Y alone."""

    y: float
    u: float | None = None
    v: float | None = None

    @property
    def weighted(self) -> float:
        """6:1:1: (6 Y + U + V) / 8, as video coding reports state it; Y of gray pictures."""
        if self.u is None or self.v is None:
            return self.y
        return (6 * self.y + self.u + self.v) / 8


def plane_psnr(reference: np.ndarray, distorted: np.ndarray, depth: int = 8) -> float:
    """dB between two planes of equal shape, peak 2^depth - 1; 100 for equal planes and above that."""
    # Squares of 12-bit differences need 24 bits, their sum over a 16k picture 52: float64 is exact.
    difference = reference.astype(np.int32) - distorted.astype(np.int32)
    error = float(np.mean(np.square(difference, dtype=np.float64)))
    if error == 0:
        return PSNR_OF_EQUAL
    return min(PSNR_OF_EQUAL, 10 * math.log10((2**depth - 1) ** 2 / error))


def frame_psnr(reference: Frame, distorted: Frame) -> Psnr:
    """PSNR of each plane, in the colour space and range of the reference (RGB is compared as the 4:2:0 that is coded).

    Raises ConfigError when size or depth differ.
    """
    first, second = ((frame.width, frame.height, frame.depth) for frame in (reference, distorted))
    if first != second:
        raise ConfigError("cannot compare {}x{}, {} bits with {}x{}, {} bits".format(*first, *second))
    reference, distorted = alike(reference, distorted)
    return Psnr(*(plane_psnr(a, b, reference.depth) for a, b in zip(reference.planes, distorted.planes)))


def alike(reference: Frame, distorted: Frame) -> tuple[Frame, Frame]:
    """Both frames in the reference's colour space, of limited range or, if gray, of the reference's: samples can be compared."""
    reference = reference.convert(reference.colour.space)
    return reference, distorted.convert(reference.colour.space, full_range=reference.colour.full_range)


class PsnrMeter:
    """Average over frames of each frame's PSNR (not the PSNR of the average error).

    >>> meter = PsnrMeter()
    >>> meter.add_psnr(Psnr(40, 42, 44)); meter.add_psnr(Psnr(30, 40, 40))
    >>> meter.frames, meter.mean.y, meter.mean.weighted
    (2, 35.0, 36.625)
    """

    def __init__(self) -> None:
        self.per_frame: list[Psnr] = []

    @property
    def frames(self) -> int:
        return len(self.per_frame)

    def add(self, reference: Frame, distorted: Frame) -> Psnr:
        """Measure a pair of frames; returns their PSNR."""
        psnr = frame_psnr(reference, distorted)
        self.add_psnr(psnr)
        return psnr

    def add_psnr(self, psnr: Psnr) -> None:
        self.per_frame.append(psnr)

    @property
    def mean(self) -> Psnr:
        """Average so far. Raises ConfigError without any frame."""
        if not self.per_frame:
            raise ConfigError("no frame was compared")
        return Psnr(self._mean("y"), self._mean("u"), self._mean("v"))

    def _mean(self, plane: str) -> float | None:
        """Over the frames that have the plane."""
        figures = [figure for psnr in self.per_frame if (figure := getattr(psnr, plane)) is not None]
        return math.fsum(figures) / len(figures) if figures else None
