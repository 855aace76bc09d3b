"""Motion compensation in plain NumPy: what the kernels of zvc69.core.warp must reproduce."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TAPS = {
    "bicubic": np.array([[0, 64, 0, 0], [-3, 62, 6, -1], [-4, 55, 14, -1], [-5, 47, 25, -3],
                         [-4, 36, 36, -4], [-3, 25, 47, -5], [-1, 14, 55, -4], [-1, 6, 62, -3]]),
    "bilinear": np.array([[0, 64 - 8 * phase, 8 * phase, 0] for phase in range(8)]),
}


def _warp_plane(plane: np.ndarray, flow: np.ndarray, unit: int, depth: int, kernel: str) -> np.ndarray:
    """`flow`: vectors of every sample, in 1 / `unit` samples."""
    height, width = plane.shape
    dx, dy = flow[..., 0].astype(np.int64), flow[..., 1].astype(np.int64)
    y, x = np.ogrid[:height, :width]
    left, top = x + dx // unit, y + dy // unit
    tx, ty = (TAPS[kernel][d % unit * (8 // unit)] for d in (dx, dy))
    shift = depth - 8
    total = np.full((height, width), 1 << (11 - shift), np.int64)
    for m in range(4):
        row = np.clip(top + m - 1, 0, height - 1)
        t = np.full((height, width), 1 << shift >> 1, np.int64)
        for n in range(4):
            t += tx[..., n] * plane[row, np.clip(left + n - 1, 0, width - 1)]
        total += ty[..., m] * (t >> shift)
    return np.clip(total >> (12 - shift), 0, (1 << depth) - 1).astype(plane.dtype)


def warp_flow(y: np.ndarray, u: np.ndarray, v: np.ndarray, flow: NDArray[np.int16], depth: int,
              kernel: str = "bicubic") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `zvc69.core.warp.warp_flow`."""
    half = flow[::2, ::2]
    return (_warp_plane(y, flow, 4, depth, kernel), _warp_plane(u, half, 8, depth, kernel),
            _warp_plane(v, half, 8, depth, kernel))


def compensate(y: np.ndarray, u: np.ndarray, v: np.ndarray, field: NDArray[np.int16], depth: int,
               kernel: str = "bicubic") -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `zvc69.core.warp.compensate`."""
    flow = field.repeat(8, axis=0).repeat(8, axis=1)[: y.shape[0], : y.shape[1]]
    return warp_flow(y, u, v, flow, depth, kernel)
