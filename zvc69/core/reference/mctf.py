"""The temporal filter in plain NumPy: what the kernels of zvc69.core.mctf must reproduce."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def blend(plane: np.ndarray, neighbours: Sequence[np.ndarray], weights: NDArray[np.float32], falloff: NDArray[np.float32], side: int) -> np.ndarray:
    """As `zvc69.core.mctf.blend`."""
    height, width = plane.shape
    total, sums = np.ones(plane.shape, np.float32), plane.astype(np.float32)
    for other, blocks in zip(neighbours, weights, strict=True):
        weight = blocks.repeat(side, axis=0).repeat(side, axis=1)[:height, :width] * falloff[np.abs(other.astype(np.int32) - plane)]
        sums = sums + weight * other.astype(np.float32)
        total = total + weight
    return (sums / total + np.float32(0.5)).astype(plane.dtype)


def block_differences(plane: np.ndarray, other: np.ndarray, depth: int) -> NDArray[np.uint32]:
    """As `zvc69.core.mctf.block_differences`."""
    d = (plane.astype(np.int64) - other) >> max(depth - 10, 0)
    rough = np.zeros_like(d)
    for axis in (0, 1):
        change = np.diff(d, axis=axis, prepend=0)
        inside = np.arange(d.shape[axis]) % 8 > 0
        rough += change ** 2 * (inside[:, None] if axis == 0 else inside)
    rows, columns = (np.arange(0, size, 8) for size in d.shape)
    return np.array([np.add.reduceat(np.add.reduceat(values, rows, axis=0), columns, axis=1) for values in (d ** 2, rough)], np.uint32)
