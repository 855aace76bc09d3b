"""Motion compensation in plain NumPy: what the kernels of zvc69.core.warp must reproduce."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TAPS = {
    "bicubic": np.array([[0, 64, 0, 0], [-3, 62, 6, -1], [-4, 55, 14, -1], [-5, 47, 25, -3],
                         [-4, 36, 36, -4], [-3, 25, 47, -5], [-1, 14, 55, -4], [-1, 6, 62, -3]]),
    "bilinear": np.array([[0, 64 - 8 * phase, 8 * phase, 0] for phase in range(8)]),
}
SHARP = np.array([[0, 0, 0, 64, 0, 0, 0, 0], [-1, 4, -10, 58, 17, -5, 1, 0], [-1, 4, -11, 40, 40, -11, 4, -1], [0, 1, -5, 17, 58, -10, 4, -1]])
"""Of luma's quarter phases: H.265, 8.5.3.3.3."""
OVERLAP = {8: (6, 2), 4: (4,)}
"""Weights in 16ths of a neighbour's prediction, from the edge inwards, by the block's size."""


def _taps(kernel: str, unit: int, components: np.ndarray) -> np.ndarray:
    if kernel == "sharp":
        if unit == 4:
            return SHARP[components % 4]
        kernel = "bicubic"
    return TAPS[kernel][components % unit * (8 // unit)]


def _warp_plane(plane: np.ndarray, flow: np.ndarray, unit: int, depth: int, kernel: str) -> np.ndarray:
    """`flow`: vectors of every sample, in 1 / `unit` samples."""
    height, width = plane.shape
    dx, dy = flow[..., 0].astype(np.int64), flow[..., 1].astype(np.int64)
    y, x = np.ogrid[:height, :width]
    left, top = x + dx // unit, y + dy // unit
    tx, ty = _taps(kernel, unit, dx), _taps(kernel, unit, dy)
    count = tx.shape[-1]
    before = count // 2 - 1
    shift = depth - 8
    total = np.full((height, width), 1 << (11 - shift), np.int64)
    for m in range(count):
        row = np.clip(top + m - before, 0, height - 1)
        t = np.full((height, width), 1 << shift >> 1, np.int64)
        for n in range(count):
            t += tx[..., n] * plane[row, np.clip(left + n - before, 0, width - 1)]
        total += ty[..., m] * (t >> shift)
    return np.clip(total >> (12 - shift), 0, (1 << depth) - 1).astype(plane.dtype)


def warp_flow(y: np.ndarray, u: np.ndarray, v: np.ndarray, flow: NDArray[np.int16], depth: int,
              kernel: str = "bicubic") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `zvc69.core.warp.warp_flow`."""
    half = flow[::2, ::2]
    return (_warp_plane(y, flow, 4, depth, kernel), _warp_plane(u, half, 8, depth, kernel),
            _warp_plane(v, half, 8, depth, kernel))


def compensate(y: np.ndarray, u: np.ndarray, v: np.ndarray, field: NDArray[np.int16], depth: int,
               kernel: str = "bicubic", overlap: bool = False) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `zvc69.core.warp.compensate`."""
    predict = _overlapped_plane if overlap else _block_plane
    return predict(y, field, 8, depth, kernel), predict(u, field, 4, depth, kernel), predict(v, field, 4, depth, kernel)


def _block_plane(plane: np.ndarray, field: np.ndarray, size: int, depth: int, kernel: str) -> np.ndarray:
    flow = field.repeat(size, axis=0).repeat(size, axis=1)[: plane.shape[0], : plane.shape[1]]
    return _warp_plane(plane, flow, 4 if size == 8 else 8, depth, kernel)


def _overlapped_plane(plane: np.ndarray, field: np.ndarray, size: int, depth: int, kernel: str) -> np.ndarray:
    """The whole plane is predicted by the vectors of all left, right, upper, lower neighbours, and mixed by a mask of weights."""
    height, width = plane.shape
    field = field[: -(-height // size), : -(-width // size)]    # blocks outside of the picture are nobody's neighbours
    out = _block_plane(plane, field, size, depth, kernel).astype(np.int64)
    for axis, side in ((1, -1), (1, 1), (0, -1), (0, 1)):
        inner = np.arange(field.shape[axis]).clip(*((1, None) if side < 0 else (None, field.shape[axis] - 2)))
        neighbours = np.roll(field, -side, axis)
        there = np.expand_dims(np.arange(field.shape[axis]) == inner, 1 - axis) & (neighbours != field).any(axis=-1)
        profile = np.zeros(size, np.int64)
        profile[: len(OVERLAP[size])] = OVERLAP[size]
        profile = np.expand_dims(np.tile(profile if side < 0 else profile[::-1], field.shape[axis]), 1 - axis)
        weight = (there.repeat(size, axis=0).repeat(size, axis=1) * profile)[:height, :width]
        predicted = _block_plane(plane, neighbours, size, depth, kernel).astype(np.int64)
        out += (weight * (predicted - out) + 8) >> 4
    return out.astype(plane.dtype)
