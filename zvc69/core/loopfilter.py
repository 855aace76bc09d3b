"""Adaptive loop filter: classes of 4x4 blocks, filtered samples, and the statistics that an encoder finds coefficients from. After ALF of H.266, 8.8.5."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import _loopfilter, cpu
from .pack import DEPTHS

FINE_DEPTH = _loopfilter.FINE_DEPTH
"""Bits of the samples that are filtered, whatever the picture's depth."""
BLOCK = _loopfilter.BLOCK
"""Samples in the side of a block that has a class."""
TAPS = _loopfilter.TAPS
"""Coefficients of a filter, in 1/128: one for each pair of samples opposite each other in a diamond of 7x7. The centre's makes the sum 1."""
CLASSES = _loopfilter.CLASSES
LARGEST_COEFFICIENT = 63
COPY_BLOCK = 32

_VALUES = TAPS + 1
PRODUCTS = _VALUES * (_VALUES + 1) // 2
"""Sums that there are of products of 12 x and t."""


@dataclass(frozen=True, eq=False)
class Statistics:
    """Sums over the samples of each class, of their 12 x and of t, in quarters of an 8-bit level.

    products      (classes, 12, 12) int64, of x_i x_j, x = one + other - 2 centre of each pair
    correlations  (classes, 12) int64, of x_i t, t = target - sample
    energy        (classes,) int64, of t^2
    count         (classes,) int64, samples
    """

    products: NDArray[np.int64]
    correlations: NDArray[np.int64]
    energy: NDArray[np.int64]
    count: NDArray[np.int64]

    @classmethod
    def of_sums(cls, sums: NDArray[np.int64], count: NDArray[np.int64]) -> Statistics:
        """sums (classes, 91): of products (i, j), i <= j, row by row, t the last; count (classes,)."""
        square = np.empty((len(count), _VALUES, _VALUES), np.int64)
        i, j = np.triu_indices(_VALUES)
        square[:, i, j] = square[:, j, i] = sums
        return cls(square[:, :TAPS, :TAPS], square[:, :TAPS, TAPS], square[:, TAPS, TAPS], count)


def widen(planes: Sequence[NDArray[np.uint16]], prediction: Sequence[np.ndarray], copy: NDArray[np.bool_], depth: int) -> None:
    """Write the prediction's samples, times 2^(12 - depth), into the 12-bit planes of a picture where it is copied.

    `planes` are y (h, w), u and v (ceil(h / 2), ceil(w / 2)), uint16, C-contiguous; `prediction` has their shapes, uint8 at `depth` 8, uint16 at 10 and 12.
    `copy` is (ceil(h / 32), ceil(w / 32)) bool, of blocks of 32x32 luma and 16x16 chroma samples.

    Raises ValueError for another depth, shape or dtype.

    >>> planes = np.zeros((32, 64), np.uint16), *np.zeros((2, 16, 32), np.uint16)
    >>> grey = np.full((32, 64), 200, np.uint8), *np.full((2, 16, 32), 128, np.uint8)
    >>> widen(planes, grey, np.array([[False, True]]), 8)
    >>> planes[0][0, 30:34].tolist(), planes[2][0, 14:18].tolist()
    ([0, 0, 3200, 3200], [0, 0, 2048, 2048])
    """
    dtype = _sample_type(depth)
    if len(planes) != 3 or len(prediction) != 3:
        raise ValueError(f"a picture has three planes, not {len(planes)} and a prediction of {len(prediction)}")
    _check_plane(planes[0])
    half = tuple(-(-size // 2) for size in planes[0].shape)
    for plane, other, shape in zip(planes, prediction, (planes[0].shape, half, half), strict=True):
        _check_written("plane", plane, shape, np.dtype(np.uint16))
        _check_shape("prediction", other, shape, dtype)
    copied = _copied(copy, planes[0].shape, COPY_BLOCK)
    for plane, other, side in zip(planes, prediction, (COPY_BLOCK, COPY_BLOCK // 2, COPY_BLOCK // 2), strict=True):
        _loopfilter.widen(plane, _bytes(other), depth, copied, side)


def classify(luma: NDArray[np.uint16], out: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """Class of each 4x4 block of a luma plane, (ceil(h / 4), ceil(w / 4)) uint8: 5 * activity + direction, each 0..4.

    `luma` is (h, w) uint16 of 12 bits, which is not checked. Activity is that of the 3x3 blocks around, by second differences along columns and rows;
    direction is 0 without one, 1 to 4 where those along columns, rows, falling and rising diagonals are the largest. `out` is filled and returned if given.

    Raises ValueError for another shape or dtype.

    >>> stripes = np.tile(np.uint16([0, 0, 4095, 4095]), (12, 2))
    >>> classify(stripes).tolist()
    [[22, 22], [22, 22], [22, 22]]
    """
    _check_plane(luma)
    shape = _blocks(luma.shape)
    if out is None:
        out = np.empty(shape, np.uint8)
    _check_written("out", out, shape, np.dtype(np.uint8))
    _loopfilter.classify(cpu.level(), np.ascontiguousarray(luma), out)
    return out


def apply(plane: NDArray[np.uint16], coefficients: NDArray[np.int8], depth: int, *, classes: NDArray[np.uint8] | None = None,
          copy: NDArray[np.bool_] | None = None, copy_block: int = COPY_BLOCK, out: np.ndarray) -> np.ndarray:
    """Filter a plane of 12-bit samples and round it to `depth` bits.

    `plane` is (h, w) uint16 of 12 bits, which is not checked; `coefficients` are int8, -63..63: (25, 12) with `classes` as `classify` gives them, else (1, 12).
    Blocks of copy_block x copy_block samples, a multiple of 4, that `copy`, bool (ceil(h / copy_block), ceil(w / copy_block)), marks are rounded alone,
    as are those of classes whose coefficients are all zero, which is faster. `out`, of the plane's shape, C-contiguous, uint8 at depth 8 and uint16 at
    10 and 12, is filled and returned; it does not overlap `plane`.

    Raises ValueError for another depth, shape or dtype, and coefficients or classes out of range.

    >>> plane = np.full((4, 8), 1600, np.uint16)
    >>> plane[2, 3] += 160
    >>> smooth = np.zeros((1, TAPS), np.int8)
    >>> smooth[0, [0, 3]] = 16                  # left and right, up and down
    >>> apply(plane, smooth, 8, out=np.empty(plane.shape, np.uint8))[2].tolist()
    [100, 100, 101, 105, 101, 100, 100, 100]
    """
    dtype = _sample_type(depth)
    _check_plane(plane)
    kinds = _kinds(plane.shape, classes, copy, copy_block)
    _check_shape("coefficients", coefficients, (1 if classes is None else CLASSES, TAPS), np.dtype(np.int8))
    if coefficients.max() > LARGEST_COEFFICIENT or coefficients.min() < -LARGEST_COEFFICIENT:
        raise ValueError(f"coefficients must be {-LARGEST_COEFFICIENT}..{LARGEST_COEFFICIENT}, not {coefficients.min()}..{coefficients.max()}")
    _check_written("out", out, plane.shape, dtype)
    if np.may_share_memory(plane, out):
        raise ValueError("out overlaps the plane")
    _loopfilter.apply(cpu.level(), np.ascontiguousarray(plane), *kinds, np.ascontiguousarray(coefficients), depth, _bytes(out))
    return out


def statistics(plane: NDArray[np.uint16], target: np.ndarray, depth: int, *, classes: NDArray[np.uint8] | None = None,
               copy: NDArray[np.bool_] | None = None, copy_block: int = COPY_BLOCK) -> Statistics:
    """What the best coefficients of each class follow from: those of least squared error solve products @ c = correlations, c in units of 1.

    `plane`, `classes`, `copy` and `copy_block` are as for `apply`; `target` is what the filtered plane is to be like, of its shape, uint8 at `depth` 8,
    uint16 at 10 and 12. Samples in copied blocks are left out. Differences are of 12-bit samples, in whole quarters of an 8-bit level, rounded down.
    There are 25 classes, or 1 without `classes`.

    Raises ValueError for another depth, shape or dtype, and samples or classes out of range.

    >>> plane = np.full((4, 4), 1600, np.uint16)
    >>> found = statistics(plane, np.full((4, 4), 103, np.uint8), 8)
    >>> found.count.tolist(), found.energy.tolist(), found.correlations.any()
    ([16], [2304], np.False_)
    """
    dtype = _sample_type(depth)
    _check_plane(plane)
    kinds = _kinds(plane.shape, classes, copy, copy_block)
    _check_shape("target", target, plane.shape, dtype)
    if int(plane.max()) >> FINE_DEPTH or int(target.max()) >> depth:
        raise ValueError(f"samples beyond {FINE_DEPTH} bits, or beyond {depth} of the target")
    count = np.empty(1 if classes is None else CLASSES, np.int64)
    sums = np.empty((len(count), PRODUCTS), np.int64)
    _loopfilter.statistics(cpu.level(), np.ascontiguousarray(plane), *kinds, _bytes(target), depth, sums, count)
    return Statistics.of_sums(sums, count)


def fit(products: NDArray[np.float64], correlations: NDArray[np.float64], ridge: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """The coefficients of M filters that leave the least error, (M, 12) int8, and the bits that each saves beyond its own; zeros and 0 where it does not.

    `products` (M, 12, 12) and `correlations` (M, 12) are sums as in `Statistics`, times what a squared unit is worth in bits; `ridge` (M,) is added to
    the diagonal. A coefficient takes the bits of a signed Exp-Golomb code of order 0. All float64. Raises ValueError for another shape.

    >>> saved, coefficients = fit(4000 * np.eye(TAPS)[None], np.full((1, TAPS), 1000.0), np.zeros(1))
    >>> coefficients[0, :3].tolist()
    [32, 32, 32]
    """
    sums = _sums(products, correlations, ridge)
    saved, coefficients = np.empty(len(sums)), np.empty((len(sums), TAPS), np.int8)
    _loopfilter.fit(sums, saved, coefficients)
    return saved, coefficients


def merge(products: NDArray[np.float64], correlations: NDArray[np.float64], ridge: NDArray[np.float64]) -> tuple[float, NDArray[np.int8]]:
    """Filters of all 25 classes, those of several merged while that saves bits, or on the way to where it does: bits saved beyond those of filters and
    map, and coefficients (25, 12) int8; 0 and zeros if nothing is saved.

    Arguments as for `fit`, of 25 classes; those without samples have a ridge of 0 and get zeros. Two groups are merged at a time, those that lose least or
    gain most. The map takes 5 bits and, for each class, as many as the number of different filters has. Raises ValueError for another shape.
    """
    if len(products) != CLASSES:
        raise ValueError(f"sums of {len(products)} classes, not of {CLASSES}")
    sums, coefficients = _sums(products, correlations, ridge), np.empty((CLASSES, TAPS), np.int8)
    return _loopfilter.merge(sums, coefficients), coefficients


def _sums(products: np.ndarray, correlations: np.ndarray, ridge: np.ndarray) -> NDArray[np.float64]:
    """(M, 157): the three next to each other."""
    count = len(products)
    if products.shape != (count, TAPS, TAPS) or correlations.shape != (count, TAPS) or ridge.shape != (count,):
        raise ValueError(f"sums of shapes {products.shape}, {correlations.shape}, {ridge.shape}, not (M, {TAPS}, {TAPS}), (M, {TAPS}), (M,)")
    return np.concatenate([products.reshape(count, -1), correlations, ridge[:, None]], axis=1, dtype=np.float64)


def _sample_type(depth: int) -> np.dtype:
    if depth not in DEPTHS:
        raise ValueError(f"bit depth {depth} is not one of {DEPTHS}")
    return np.dtype(np.uint8 if depth == 8 else np.uint16)


def _blocks(shape: tuple[int, ...], side: int = BLOCK) -> tuple[int, ...]:
    return tuple(-(-size // side) for size in shape)


def _check_plane(plane: np.ndarray) -> None:
    if plane.ndim != 2 or 0 in plane.shape or plane.dtype != np.uint16:
        raise ValueError(f"a plane of {FINE_DEPTH} bits is uint16 with at least one sample, not {plane.dtype} of shape {plane.shape}")


def _check_shape(name: str, array: np.ndarray, shape: tuple[int, ...], dtype: np.dtype) -> None:
    if array.dtype != dtype or array.shape != shape:
        raise ValueError(f"{name} must be {dtype} of shape {shape}, not {array.dtype} of shape {array.shape}")


def _check_written(name: str, array: np.ndarray, shape: tuple[int, ...], dtype: np.dtype) -> None:
    _check_shape(name, array, shape, dtype)
    if not (array.flags.c_contiguous and array.flags.writeable):
        raise ValueError(f"{name} must be C-contiguous and writeable")


def _copied(copy: np.ndarray, shape: tuple[int, ...], side: int) -> NDArray[np.uint8]:
    _check_shape("copy", copy, _blocks(shape, side), np.dtype(np.bool_))
    return _bytes(copy)


def _kinds(shape: tuple[int, ...], classes: np.ndarray | None, copy: np.ndarray | None,
           side: int) -> tuple[NDArray[np.uint8] | None, NDArray[np.uint8] | None, int]:
    if side < BLOCK or side % BLOCK:
        raise ValueError(f"copy_block {side} is not a multiple of {BLOCK}")
    if classes is not None:
        _check_shape("classes", classes, _blocks(shape), np.dtype(np.uint8))
        if classes.max() >= CLASSES:
            raise ValueError(f"class {classes.max()} is not one of {CLASSES}")
        classes = np.ascontiguousarray(classes)
    return classes, None if copy is None else _copied(copy, shape, side), side


def _bytes(array: np.ndarray) -> NDArray[np.uint8]:
    return np.ascontiguousarray(array).view(np.uint8)
