"""From latents to integer residuals: the dead-zone quantiser of one sigma step, and which step codes what."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import _quantise, cpu

STEPS = 4
SIGMA_INDICES = 64
THRESHOLDS = 16
LARGEST = 32767


def step_of(h: int, w: int, channels: int = 96) -> NDArray[np.uint8]:
    """Sigma step 0..3 that codes each latent, (channels, h, w) uint8.

    At channel c, row i, column j it is ``2 * g + s`` with ``g = (c + i + j) % 2`` and ``s = (c // 2 + i) % 2``,
    so that each step codes a quarter of the channels at every position. Source: docs/INTERNALS.md.

    >>> step_of(2, 2, 4)[:, 0, 1].tolist()
    [2, 0, 3, 1]
    """
    c, i, j = np.ogrid[:channels, :h, :w]
    return (2 * ((c + i + j) % 2) + (c // 2 + i) % 2).astype(np.uint8)


def quantise(y: NDArray[np.float32], mean: NDArray[np.float32], index: NDArray[np.uint8], k: int,
             thresholds: NDArray[np.float32], skip_below: int, classes: NDArray[np.uint8] | None = None) -> NDArray[np.int16]:
    """Residuals of sigma step `k`, (h, w, channels / 4) int16, channels ascending.

    `y` and `mean` are (channels, h, w) float32, `index` is (h, w, channels / 4) uint8 below 64, `thresholds` is
    (64, 16) float32 whose columns 1 to 15 are at least 0 and do not fall along a row (infinity: never). With
    v = y - mean, the residual's magnitude is how many of ``thresholds[index, 1:]`` are <= abs(v); once all are,
    15 + floor(abs(v) - thresholds[index, 15]), at most 32767. Its sign is that of v. Symbols with
    ``index < skip_below`` and those of a v that is not finite are 0.

    classes: (h, w) uint8; `thresholds` is (n, 64, 16) then, and positions of class c take the c-th table.

    Raises ValueError for another shape, dtype or range. Source: docs/INTERNALS.md.
    """
    if y.ndim != 3 or y.dtype != np.float32 or 0 in y.shape or y.shape[0] % 4:
        raise ValueError("y must be float32 (channels, h, w) with a multiple of 4 channels, "
                         f"not {y.dtype} of shape {y.shape}")
    channels, h, w = y.shape
    if mean.dtype != np.float32 or mean.shape != y.shape:
        raise ValueError(f"mean must be float32 of y's shape {y.shape}, not {mean.dtype} of shape {mean.shape}")
    shape = (h, w, channels // 4)
    if index.dtype != np.uint8 or index.shape != shape:
        raise ValueError(f"index must be uint8 of shape {shape}, not {index.dtype} of shape {index.shape}")
    if index.max() >= SIGMA_INDICES:
        raise ValueError(f"sigma index {index.max()} is not below {SIGMA_INDICES}")
    table = SIGMA_INDICES, THRESHOLDS
    if thresholds.dtype != np.float32 or thresholds.shape != (table if classes is None else (len(thresholds), *table)):
        raise ValueError(f"thresholds must be float32 of shape {table if classes is None else ('n', *table)}")
    if classes is not None and (classes.dtype != np.uint8 or classes.shape != (h, w) or classes.max() >= len(thresholds)):
        raise ValueError(f"classes must be uint8 of shape {(h, w)} below {len(thresholds)}")
    thresholds = thresholds.reshape(-1, *table)
    # Written so that NaN fails too.
    if not ((thresholds[:, :, 1] >= 0).all() and (thresholds[:, :, 1:-1] <= thresholds[:, :, 2:]).all()):
        raise ValueError("thresholds must be at least 0 and rise along each row")
    if not 0 <= k < STEPS:
        raise ValueError(f"step {k} is not in 0..{STEPS - 1}")
    if not 0 <= skip_below <= SIGMA_INDICES:
        raise ValueError(f"skip_below {skip_below} is not in 0..{SIGMA_INDICES}")
    r = np.empty(shape, np.int16)
    _quantise.quantise(cpu.level(), np.ascontiguousarray(y), np.ascontiguousarray(mean), np.ascontiguousarray(index),
                       np.ascontiguousarray(thresholds), None if classes is None else np.ascontiguousarray(classes), k, skip_below, r)
    return r
