"""Motion-compensated temporal filter: a plane averaged with planes that predict it, sample by sample, as far as they are alike."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from . import _mctf, cpu
from .pack import DEPTHS

MOST_NEIGHBOURS = _mctf.MOST_NEIGHBOURS
DIFFERENCE_BLOCK = 8
"""Samples in the side of a block whose differences are summed."""


def blend(plane: np.ndarray, neighbours: Sequence[np.ndarray], weights: NDArray[np.float32], falloff: NDArray[np.float32], side: int) -> np.ndarray:
    """The mean of `plane`, of weight 1, and of `neighbours`, each sample of weight ``weights[n, block] * falloff[|neighbour - plane|]``.

    Planes are (height, width), all uint8 or all uint16, neighbours 1 to 16. `weights` is (n, ceil(height / side), ceil(width / side)) float32, of each
    block of side x side samples; `falloff` is (levels,) float32 and has a factor for every difference that there can be: samples are below its length.
    Both are finite and at least 0. Sums are float32 and rounded to the nearest, the same at every instruction set.

    Raises ValueError for another shape or dtype, and weights or samples out of range.

    >>> plane, other = (np.full((2, 2), level, np.uint8) for level in (100, 110))
    >>> falloff = np.exp(-np.arange(256) / 10).astype(np.float32)
    >>> blend(plane, [other], np.ones((1, 1, 1), np.float32), falloff, 8)[0].tolist()
    [103, 103]
    """
    _check(plane, *neighbours)
    if not 0 < len(neighbours) <= MOST_NEIGHBOURS or side < 1:
        raise ValueError(f"{len(neighbours)} neighbours must be 1..{MOST_NEIGHBOURS}, and side {side} at least 1")
    shape = len(neighbours), *(-(-size // side) for size in plane.shape)
    if weights.dtype != np.float32 or weights.shape != shape or falloff.dtype != np.float32 or falloff.ndim != 1:
        raise ValueError(f"weights must be float32 of shape {shape} and falloff float32 (levels,), "
                         f"not {weights.dtype} of shape {weights.shape} and {falloff.dtype} of shape {falloff.shape}")
    for array in (weights, falloff):        # written so that NaN fails too
        if not (array.min(initial=0) >= 0 and array.max(initial=0) < np.inf):
            raise ValueError("weights must be finite and at least 0")
    if max(int(array.max()) for array in (plane, *neighbours)) >= len(falloff):
        raise ValueError(f"falloff has factors of {len(falloff)} differences, samples are larger")
    out = np.empty(plane.shape, plane.dtype)
    _mctf.blend(cpu.level(), _row_by_row(plane), [_row_by_row(other) for other in neighbours], np.ascontiguousarray(weights),
                np.ascontiguousarray(falloff), side, out)
    return out


def block_differences(plane: np.ndarray, other: np.ndarray, depth: int) -> NDArray[np.uint32]:
    """How far a plane is from one that predicts it, and how rough the difference d is, by block of 8x8.

    Planes are (height, width), uint8 at `depth` 8, uint16 at 10 and 12; d of 12 bits is cut to 10. Returns (2, ceil(height / 8), ceil(width / 8)) uint32:
    sums of d^2, and of the squares of what each d differs from those left and above of it in its block.

    Raises ValueError for another depth, shape or dtype.

    >>> plane = np.full((8, 12), 10, np.uint8)
    >>> other = plane.copy()
    >>> other[2, 2] = 13
    >>> block_differences(plane, other, 8).tolist()
    [[[9, 0]], [[36, 0]]]
    """
    if depth not in DEPTHS or plane.dtype != (np.uint8 if depth == 8 else np.uint16):
        raise ValueError(f"depth {depth} is not one of {DEPTHS}, or that of {plane.dtype}")
    _check(plane, other)
    if max(int(plane.max()), int(other.max())) >> depth:
        raise ValueError(f"samples beyond {depth} bits")
    sums = np.empty((2, *(-(-size // DIFFERENCE_BLOCK) for size in plane.shape)), np.uint32)
    _mctf.block_differences(cpu.level(), _row_by_row(plane), _row_by_row(other), max(depth - 10, 0), sums)
    return sums


def _check(plane: np.ndarray, *others: np.ndarray) -> None:
    if plane.ndim != 2 or 0 in plane.shape or plane.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"a plane is uint8 or uint16 with at least one sample, not {plane.dtype} of shape {plane.shape}")
    for other in others:
        if other.dtype != plane.dtype or other.shape != plane.shape:
            raise ValueError(f"all planes must be {plane.dtype} of shape {plane.shape}, not {other.dtype} of shape {other.shape}")


def _row_by_row(plane: np.ndarray) -> np.ndarray:
    return plane if plane.strides[1] == plane.itemsize else np.ascontiguousarray(plane)
