"""The quantiser in plain NumPy: what the kernels of zvc69.core.quantise must reproduce."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..quantise import LARGEST, step_of


def quantise(y: NDArray[np.float32], mean: NDArray[np.float32], index: NDArray[np.uint8], k: int,
             thresholds: NDArray[np.float32], skip_below: int, classes: NDArray[np.uint8] | None = None) -> NDArray[np.int16]:
    """As `zvc69.core.quantise.quantise`."""
    channels, h, w = y.shape
    with np.errstate(invalid="ignore", over="ignore"):
        difference = (y - mean).transpose(1, 2, 0)
    coded = (step_of(h, w, channels) == k).transpose(1, 2, 0)
    v = difference[coded].reshape(h, w, channels // 4)  # boolean indexing keeps the order of channels
    v = np.where(np.isfinite(v), v, np.float32(0))
    row = thresholds[index] if classes is None else thresholds[classes[..., None], index]
    magnitude = (np.abs(v)[..., None] >= row[..., 1:]).sum(-1).astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.floor(np.abs(v) - row[..., 15])
    magnitude = np.where(magnitude == 15, np.minimum(15 + steps.astype(np.float64), LARGEST), magnitude)
    r = np.where(v < 0, -magnitude, magnitude)
    return np.where((index < skip_below) | ~np.isfinite(difference[coded].reshape(v.shape)), 0, r).astype(np.int16)
