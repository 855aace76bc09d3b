"""Pictures against two others in plain NumPy: what the kernels of zvc69.core.planes must reproduce."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..planes import Planes


def choose_blocks(a: Planes, b: Planes, chosen: NDArray[np.bool_]) -> Planes:
    """As `zvc69.core.planes.choose_blocks`."""
    y, u, v = (np.where(chosen.repeat(side, axis=0).repeat(side, axis=1)[:first.shape[0], :first.shape[1]], second, first)
               for first, second, side in zip(a, b, (32, 16, 16), strict=True))
    return y, u, v


def average(a: Planes, b: Planes) -> Planes:
    """As `zvc69.core.planes.average`."""
    y, u, v = (((first.astype(np.uint32) + second + 1) >> 1).astype(first.dtype) for first, second in zip(a, b, strict=True))
    return y, u, v


def block_errors(plane: np.ndarray, a: np.ndarray, b: np.ndarray | None = None) -> NDArray[np.uint32]:
    """As `zvc69.core.planes.block_errors`."""
    now, first, *second = (array.astype(np.int64) for array in ([plane, a] if b is None else [plane, a, b]))
    predictions = [first] + [other for array in second for other in (array, (first + array + 1) >> 1)]
    rows, columns = (np.arange(0, size, 16) for size in plane.shape)
    sums = [np.add.reduceat(np.add.reduceat(np.abs(now - array), rows, axis=0), columns, axis=1) for array in predictions]
    return np.array(sums, np.uint32)
