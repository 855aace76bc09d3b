"""Packing in plain NumPy: what the kernels of zvc69.core.pack must reproduce."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..layout import to_float32
from ..pack import Prediction


def _space_to_depth(plane: np.ndarray, rows: int, columns: int, block: int) -> np.ndarray:
    height, width = plane.shape
    padded = np.pad(plane, ((0, rows * block - height), (0, columns * block - width)), mode="edge")
    return padded.reshape(rows, block, columns, block).transpose(1, 3, 0, 2).reshape(block * block, rows, columns)


def _depth_to_space(channels: np.ndarray, block: int) -> np.ndarray:
    _, rows, columns = channels.shape
    return channels.reshape(block, block, rows, columns).transpose(2, 0, 3, 1).reshape(rows * block, columns * block)


def pack(y: np.ndarray, u: np.ndarray, v: np.ndarray, depth: int) -> NDArray[np.float32]:
    """As `zvc69.core.pack.pack`."""
    rows, columns = (-(-size // 32) * 4 for size in y.shape)
    channels = [_space_to_depth(y, rows, columns, 8), *(_space_to_depth(c, rows, columns, 4) for c in (u, v))]
    return np.concatenate(channels).astype(np.float32) / np.float32(2 ** (depth - 8))


def unpack(packed: np.ndarray, width: int, height: int, depth: int,
           prediction: Prediction | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """As `zvc69.core.pack.unpack`."""
    packed = to_float32(packed)
    with np.errstate(over="ignore", invalid="ignore"):  # huge values become infinite, then the limit
        if prediction is not None:
            a, b, factor = prediction
            one = to_float32(a)
            packed = packed + (one if b is a or not factor else one + np.float32(factor) * (to_float32(b) - one))
        levels = np.nan_to_num(packed * np.float32(2 ** (depth - 8)), nan=0, posinf=np.inf, neginf=-np.inf)
    samples = np.rint(np.clip(levels, 0, 2**depth - 1)).astype(np.uint8 if depth == 8 else np.uint16)
    half = (height + 1) // 2, (width + 1) // 2
    y, u, v = _depth_to_space(samples[:64], 8), _depth_to_space(samples[64:80], 4), _depth_to_space(samples[80:], 4)
    return y[:height, :width], u[: half[0], : half[1]], v[: half[0], : half[1]]
