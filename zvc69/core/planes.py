"""Pictures against two others: made of 32x32 blocks of either, or of the mean of both; how far from them they are."""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from . import _planes, cpu
from .warp import Planes

BLOCK = 32
"""Luma samples in the side of a block that is chosen; chroma: half of that."""
ERROR_BLOCK = 16
"""Samples in the side of a block whose error is summed."""


def choose_blocks(a: Planes, b: Planes, chosen: NDArray[np.bool_], out: Planes | None = None) -> Planes:
    """The picture that has the samples of `b` in the 32x32 blocks whose flag is set, else those of `a`.

    Pictures are three planes (y, u, v): y (height, width), u and v (ceil(height / 2), ceil(width / 2)), all uint8 or all uint16.
    `chosen` is (ceil(height / 32), ceil(width / 32)) bool; blocks at the right and bottom may be cut off by the picture. `out` is filled and
    returned if given; it may be `a` itself, of which the chosen blocks are then replaced, else it must not overlap the others.

    Raises ValueError for another shape or dtype.

    >>> dark, bright = ([np.full(shape, level, np.uint8) for shape in ((40, 50), (20, 25), (20, 25))] for level in (10, 200))
    >>> choose_blocks(dark, bright, np.array([[False, True], [False, False]]))[0][31, 30:34].tolist()
    [10, 10, 200, 200]
    """
    pairs = list(_pairs(a, b, out, ("a",)))
    shape = tuple(-(-size // BLOCK) for size in pairs[0][0].shape)
    if chosen.dtype != np.bool_ or chosen.shape != shape:
        raise ValueError(f"chosen must be bool of shape {shape}, not {chosen.dtype} of shape {chosen.shape}")
    flags = np.ascontiguousarray(chosen).view(np.uint8)
    for plane, (first, second, to) in enumerate(pairs):
        _planes.choose(first, second, to, flags, BLOCK // 2 if plane else BLOCK)
    return _result(pairs, out)


def average(a: Planes, b: Planes, out: Planes | None = None) -> Planes:
    """The mean of two pictures, sample by sample: (a + b + 1) >> 1.

    Pictures as for `choose_blocks`. `out` is filled and returned if given; it may be `a` or `b` itself, else it must not overlap them.

    Raises ValueError for another shape or dtype.

    >>> one, two = ([np.full((1, 2), level, np.uint16), *2 * [np.full((1, 1), level, np.uint16)]] for level in (10, 13))
    >>> average(one, two)[0].tolist()
    [[12, 12]]
    """
    pairs = list(_pairs(a, b, out, ("a", "b")))
    for first, second, to in pairs:
        _planes.average(cpu.level(), first, second, to)
    return _result(pairs, out)


def block_errors(plane: np.ndarray, a: np.ndarray, b: np.ndarray | None = None) -> NDArray[np.uint32]:
    """Sums of absolute differences of a plane from one that predicts it, or from two and their mean, by 16x16 block.

    Planes are (height, width), all uint8 or all uint16; blocks at the right and bottom may be cut off. Returns
    (1, ceil(height / 16), ceil(width / 16)) uint32: errors of `a`; with `b` three such: of `a`, of `b`, of (a + b + 1) >> 1.

    Raises ValueError for another shape or dtype.

    >>> now, darker, brighter = (np.full((16, 20), level, np.uint8) for level in (100, 90, 112))
    >>> block_errors(now, darker, brighter)[:, 0].tolist()
    [[2560, 640], [3072, 768], [256, 64]]
    """
    if plane.ndim != 2 or 0 in plane.shape or plane.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"a plane is uint8 or uint16 with at least one sample, not {plane.dtype} of shape {plane.shape}")
    planes = [plane, a] if b is None else [plane, a, b]
    for other in planes[1:]:
        if other.dtype != plane.dtype or other.shape != plane.shape:
            raise ValueError(f"all planes must be {plane.dtype} of shape {plane.shape}, not {other.dtype} of shape {other.shape}")
    sums = np.empty((1 if b is None else 3, *(-(-size // ERROR_BLOCK) for size in plane.shape)), np.uint32)
    _planes.block_errors(cpu.level(), [_row_by_row(array) for array in planes], sums)
    return sums


def _result(pairs: list[tuple[np.ndarray, np.ndarray, np.ndarray]], out: Planes | None) -> Planes:
    return out if out is not None else (pairs[0][2], pairs[1][2], pairs[2][2])


def _pairs(a: Planes, b: Planes, out: Planes | None, may_be: tuple[str, ...]) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Checked planes of a, b and out, samples of a row being neighbours; `may_be`: what out's planes may be the same as."""
    height, width = a[0].shape if a[0].ndim == 2 else (0, 0)
    dtype = a[0].dtype
    if dtype not in (np.uint8, np.uint16) or not height or not width:
        raise ValueError(f"planes must be uint8 or uint16 of at least one sample, not {dtype} of shape {a[0].shape}")
    half = (height + 1) // 2, (width + 1) // 2
    for plane, shape in enumerate(((height, width), half, half)):
        for name, picture in (("a", a), ("b", b), ("out", out)):
            if picture is not None and (picture[plane].dtype != dtype or picture[plane].shape != shape):
                raise ValueError(f"{name} must have {dtype} planes of shapes {(height, width)} and {half}, "
                                 f"not {picture[plane].dtype} of shape {picture[plane].shape}")
        first, second = (_row_by_row(array) for array in (a[plane], b[plane]))
        if out is None:
            yield first, second, np.empty(shape, dtype)
            continue
        to = out[plane]
        if not to.flags.writeable or _row_by_row(to) is not to:
            raise ValueError("out must have writable planes of neighbouring samples")
        for name, array in (("a", a[plane]), ("b", b[plane])):
            if np.may_share_memory(to, array) and not (name in may_be and _same(to, array)):
                raise ValueError(f"out overlaps {name}")
        yield first, second, to


def _row_by_row(plane: np.ndarray) -> np.ndarray:
    return plane if plane.strides[1] == plane.itemsize else np.ascontiguousarray(plane)


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return one is other or one.ctypes.data == other.ctypes.data and one.strides == other.strides
