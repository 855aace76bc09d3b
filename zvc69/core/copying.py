"""What coding a picture's difference from its prediction would gain over copying the prediction, by 32x32 block."""
from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from . import _copying, cpu
from .pack import CHANNELS

SMALLEST_STEP = 0.125


@dataclass(frozen=True)
class GainModel:
    """What a coefficient of magnitude c, in quantiser steps, is taken to gain in bits when it is coded instead of left out:

    distortion c^2 - (first_bits + distortion / 12) - 2 log2(1 + c), or nothing if that is negative.

    distortion    bits that a squared error of one step is worth, positive
    first_bits    that a coefficient among zeros costs before those of its size, positive
    chroma        weight of a squared error in U and V; their coefficients count as c times its root
    """

    distortion: float
    first_bits: float
    chroma: float

    def __post_init__(self) -> None:
        if not (0 < self.distortion < 1e6 and 0 < self.first_bits < 1e6 and 0 < self.chroma < 1e6):
            raise ValueError(f"{self}: all must be positive")

    @property
    def constant(self) -> float:
        """Cost in bits that does not depend on c; twelfths: the squared error of a coded coefficient."""
        return self.first_bits + self.distortion / 12

    @cached_property
    def least(self) -> float:
        """The c from which on there is a gain."""
        low, high = 0.0, 1.0
        while self._gain(high) < 0:      # negative at 0, falling at first, rising then
            low, high = high, 2 * high
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self._gain(middle) < 0 else (low, middle)
        return high

    def _gain(self, c: float) -> float:
        return self.distortion * c * c - self.constant - 2 * math.log2(1 + c)


def gains(picture: NDArray[np.float32], prediction: NDArray[np.float32], step: float, model: GainModel) -> NDArray[np.float32]:
    """Gain in bits of every 32x32 block, (h / 4, w / 4) float32.

    `picture` and `prediction` are packed, (96, h, w) float32 in 8-bit levels, h and w multiples of 4; `step` is the quantiser's in the same
    levels, at least 0.125. Judged on the orthonormal DCT of the difference, 8x8 in luma and 4x4 in chroma. Every instruction set gives the same
    floats; logarithms are within 2e-5.

    Raises ValueError for another shape, dtype or step.

    >>> from zvc69.core.reference.pack import pack
    >>> grey = np.full((32, 64), 100, np.uint8)
    >>> lighter = grey.copy()
    >>> lighter[:, 40] += 9
    >>> a, b = (pack(y, grey[::2, ::2], grey[::2, ::2], 8) for y in (grey, lighter))
    >>> gains(a, b, 4.0, GainModel(distortion=7.5, first_bits=5.0, chroma=2 / 3)).astype(int).tolist()
    [[0, 950]]
    """
    if picture.dtype != np.float32 or picture.ndim != 3 or len(picture) != CHANNELS or 0 in picture.shape or picture.shape[1] % 4 or picture.shape[2] % 4:
        raise ValueError(f"a packed picture is float32 ({CHANNELS}, h, w), h and w multiples of 4, not {picture.dtype} of shape {picture.shape}")
    if prediction.dtype != np.float32 or prediction.shape != picture.shape:
        raise ValueError(f"prediction must be float32 of shape {picture.shape}, not {prediction.dtype} of shape {prediction.shape}")
    if not SMALLEST_STEP <= step < math.inf:
        raise ValueError(f"step {step} is not at least {SMALLEST_STEP}")
    _, h, w = picture.shape
    out = np.empty((h // 4, w // 4), np.float32)
    _copying.gains(cpu.level(), np.ascontiguousarray(picture), np.ascontiguousarray(prediction), 1 / step, math.sqrt(model.chroma) / step,
                   model.distortion, model.constant, model.least, out)
    return out
