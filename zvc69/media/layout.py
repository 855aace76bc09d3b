"""How the planes of a picture lie: shapes and types by size, depth and colour space, and arrays that hold all of them."""
from __future__ import annotations

import numpy as np

from ..bitstream import ColourSpace
from ..errors import ConfigError

DEPTHS = (8, 10, 12)
_NAMES = {"yuv420p": ColourSpace.YUV420, "yuv444p": ColourSpace.YUV444, "gray": ColourSpace.GRAY}
ARRAYS = {f"{name}{bits}": (space, depth) for name, space in _NAMES.items()
          for bits, depth in (("", 8), ("10", 10), ("10le", 10), ("12", 12), ("12le", 12))}
"""Colour space and depth by the name of an array's format."""


def plane_dtype(depth: int) -> np.dtype:
    """Sample type of planes of `depth` bits: uint8 up to 8 bits, uint16 above."""
    return np.dtype(np.uint8 if depth == 8 else np.uint16)


def plane_shapes(width: int, height: int, space: ColourSpace = ColourSpace.YUV420) -> tuple[tuple[int, int], ...]:
    """(rows, columns) of Y, U and V: chroma is half of each size, rounded up, or whole for YUV444; gray has Y alone."""
    if space == ColourSpace.GRAY:
        return ((height, width),)
    chroma = (height, width) if space == ColourSpace.YUV444 else ((height + 1) // 2, (width + 1) // 2)
    return (height, width), chroma, chroma


def frame_bytes(width: int, height: int, depth: int, space: ColourSpace = ColourSpace.YUV420) -> int:
    """Size of a raw frame in bytes."""
    samples = sum(rows * columns for rows, columns in plane_shapes(width, height, space))
    return samples * plane_dtype(depth).itemsize


def array_format(name: str) -> tuple[ColourSpace, int]:
    """Colour space and depth of a planar array's format. Raises ConfigError for an unknown one."""
    if name not in ARRAYS:
        raise ConfigError(f"format {name!r} is not rgb24, nor yuv420p, yuv444p or gray of 8, 10 or 12 bits")
    return ARRAYS[name]


def split_420(array: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Views of the planes in a (height * 3 / 2, width) array."""
    if array.ndim != 2 or array.shape[0] % 3 or array.shape[1] % 2:
        raise ConfigError(f"an array of shape {array.shape} is not (height * 3 / 2, width) with even sizes")
    height, width = array.shape[0] * 2 // 3, array.shape[1]
    chroma = array[height:].reshape(2, height // 2, width // 2)
    return array[:height], chroma[0], chroma[1]


def join(planes: tuple[np.ndarray, ...], space: ColourSpace) -> np.ndarray:
    """All planes in one new array: (height, width), (3, height, width) or (height * 3 / 2, width), which needs even sizes."""
    height, width = planes[0].shape
    if space == ColourSpace.GRAY:
        return planes[0].copy()
    if space == ColourSpace.YUV444:
        return np.stack(planes)
    if width % 2 or height % 2:
        raise ConfigError(f"no single array holds 4:2:0 of odd size {width}x{height}: use y, u, v")
    return np.concatenate([plane.reshape(-1) for plane in planes]).reshape(height * 3 // 2, width)
