"""Motion compensation: predicted pictures from reference pictures by vectors in quarter luma pixels, in fixed point."""
from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from . import _warp, cpu
from .pack import DEPTHS, blocks

KERNELS = ("bicubic", "bilinear", "sharp")
FLOW_KERNELS = KERNELS[:2]
"""Those of `warp_flow`."""
LARGEST_VECTOR = 2047
"""Of a block's vector component, in quarter luma pixels."""

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]


def compensate(y: np.ndarray, u: np.ndarray, v: np.ndarray, field: NDArray[np.int16], depth: int,
               kernel: str = "bicubic", *, overlap: bool = False, threads: int = 1, out: Planes | None = None) -> Planes:
    """Prediction (y, u, v) from the reference picture `y`, `u`, `v`, by one vector per 8x8 luma block.

    `y` is (height, width), `u` and `v` are (ceil(height / 2), ceil(width / 2)); uint8 at `depth` 8, uint16 at 10 and
    12. `field` is (h, w, 2) int16: dx, dy in quarter luma pixels of each block of the padded picture, at most 2047 in
    magnitude. Sample (x, y) comes from the reference at (x + dx / 4, y + dy / 4), edges repeated; a chroma block of
    4x4 samples takes its luma block's vector at eighths. `kernel` is "bicubic" (4 taps), "bilinear", or "sharp" (8 taps for
    luma, those of H.265; chroma as "bicubic"); a zero field copies the reference. With `overlap`, samples next to a block whose
    vector is another are mixed with what that one predicts: of luma the two nearest, with 6/16 and 2/16, of chroma the nearest,
    with 4/16; first at the left and right, then above and below. `threads` 0 means all cores. `out`, three writable planes, is filled and returned if given;
    it must not overlap the reference.

    Raises ValueError for another depth, shape, dtype, kernel, or vectors beyond the limit.
    Source: docs/FORMAT.md, Motion.

    >>> y = np.tile(np.arange(0, 128, 2, dtype=np.uint8), (64, 1))
    >>> grey = np.full((32, 32), 128, np.uint8)
    >>> field = np.zeros((8, 8, 2), np.int16)
    >>> field[..., 0] = 6                               # one and a half pixel
    >>> compensate(y, grey, grey, field, 8)[0][20, 10:14].tolist()
    [23, 25, 27, 29]
    """
    reference = _reference(y, u, v, depth)
    return _compensated(reference, 0, y.shape, field, depth, kernel, overlap, threads, out)


def compensate_luma(y: np.ndarray, field: NDArray[np.int16], depth: int, kernel: str = "bicubic", *, overlap: bool = False, threads: int = 1) -> np.ndarray:
    """The first plane of `compensate` alone, of the reference's `y`. Raises as that does."""
    return _compensated((_luma(y, depth),), 0, y.shape, field, depth, kernel, overlap, threads, None)[0]


def compensate_chroma(u: np.ndarray, v: np.ndarray, field: NDArray[np.int16], depth: int, kernel: str = "bicubic", *, overlap: bool = False,
                      threads: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """The other planes of `compensate` alone, of the reference's `u` and `v`. Raises as that does."""
    if u.ndim != 2 or 0 in u.shape:
        raise ValueError(f"u must be a plane of at least one sample, not of shape {u.shape}")
    return _compensated(_chroma(u, v, u.shape, depth), 1, (2 * u.shape[0], 2 * u.shape[1]), field, depth, kernel, overlap, threads, None)


def _compensated(reference: tuple[np.ndarray, ...], first: int, size: tuple[int, int], field: NDArray[np.int16], depth: int, kernel: str, overlap: bool,
                 threads: int, out: Planes | None) -> tuple[np.ndarray, ...]:
    """Planes from number `first` on of a picture whose luma is of this (height, width)."""
    shape = (*blocks(size[1], size[0]), 2)
    if field.dtype != np.int16 or field.shape != shape:
        raise ValueError(f"field must be int16 of shape {shape}, not {field.dtype} of shape {field.shape}")
    if field.min() < -LARGEST_VECTOR or field.max() > LARGEST_VECTOR:
        raise ValueError(f"field holds vectors beyond {LARGEST_VECTOR} quarter pixels")
    if kernel not in KERNELS:
        raise ValueError(f"kernel {kernel!r} is not one of {KERNELS}")
    return _warped(reference, first, field, depth, kernel, overlap, False, threads, out)


def warp_flow(y: np.ndarray, u: np.ndarray, v: np.ndarray, flow: NDArray[np.int16], depth: int,
              kernel: str = "bicubic", *, threads: int = 1, out: Planes | None = None) -> Planes:
    """As `compensate`, by one vector per luma sample: `flow` is (height, width, 2) int16, any values.

    Chroma sample (i, j) takes the vector of luma sample (2 i, 2 j). A flow that repeats a block field's vectors
    gives what `compensate` gives without overlap. `kernel` is "bicubic" or "bilinear".
    """
    reference = _reference(y, u, v, depth)
    shape = (*y.shape, 2)
    if flow.dtype != np.int16 or flow.shape != shape:
        raise ValueError(f"flow must be int16 of shape {shape}, not {flow.dtype} of shape {flow.shape}")
    if kernel not in FLOW_KERNELS:
        raise ValueError(f"kernel {kernel!r} of a flow is not one of {FLOW_KERNELS}")
    return _warped(reference, 0, flow, depth, kernel, False, True, threads, out)


def _warped(reference: tuple[np.ndarray, ...], first: int, vectors: NDArray[np.int16], depth: int, kernel: str, overlap: bool, dense: bool, threads: int,
            out: tuple[np.ndarray, ...] | None) -> tuple[np.ndarray, ...]:
    if threads < 0:
        raise ValueError(f"{threads} threads")
    if out is None:
        out = tuple(np.empty(plane.shape, plane.dtype) for plane in reference)
    for plane, like in zip(out, reference, strict=True):
        if (plane.shape != like.shape or plane.dtype != like.dtype or not plane.flags.writeable
                or plane.strides[1] != plane.itemsize or np.may_share_memory(plane, like)):
            raise ValueError(f"out must be writable {like.dtype} planes beside the reference, of its shapes")
    _warp.warp(cpu.level(), reference, out, first, depth, kernel == "bilinear", kernel == "sharp", overlap,
               np.ascontiguousarray(vectors), dense, threads or os.cpu_count() or 1)
    return out


def _reference(y: np.ndarray, u: np.ndarray, v: np.ndarray, depth: int) -> Planes:
    y = _luma(y, depth)
    return y, *_chroma(u, v, ((y.shape[0] + 1) // 2, (y.shape[1] + 1) // 2), depth)


def _luma(y: np.ndarray, depth: int) -> np.ndarray:
    if depth not in DEPTHS:
        raise ValueError(f"bit depth {depth} is not one of {DEPTHS}")
    if y.ndim != 2 or 0 in y.shape:
        raise ValueError(f"y must be a plane of at least one sample, not of shape {y.shape}")
    return _plane("y", y, y.shape, depth)


def _chroma(u: np.ndarray, v: np.ndarray, shape: tuple[int, ...], depth: int) -> tuple[np.ndarray, np.ndarray]:
    if depth not in DEPTHS:
        raise ValueError(f"bit depth {depth} is not one of {DEPTHS}")
    return _plane("u", u, shape, depth), _plane("v", v, shape, depth)


def _plane(name: str, array: np.ndarray, shape: tuple[int, ...], depth: int) -> np.ndarray:
    dtype = np.dtype(np.uint8 if depth == 8 else np.uint16)
    if array.dtype != dtype or array.shape != shape:
        raise ValueError(f"{name} must be {dtype} of shape {shape}, not {array.dtype} of shape {array.shape}")
    # The kernels step over rows freely, in whole samples; the samples of a row must be neighbours, and offsets fit int32.
    row, sample = array.strides
    return array if sample == dtype.itemsize and row % sample == 0 and abs(row) * len(array) < 1 << 31 else np.ascontiguousarray(array)
