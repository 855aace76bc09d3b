"""Planar 4:2:0 pictures to and from the 96-channel tensor at 1/8 resolution that the networks see."""
from __future__ import annotations

import numpy as np

from . import _pack, cpu
from .layout import BFLOAT16

CHANNELS = 96
LUMA = 64
"""Of the channels, the first."""
ALIGNMENT = 32
"""Pictures are extended at right and bottom to a multiple of this many luma samples."""
DEPTHS = (8, 10, 12)


def blocks(width: int, height: int) -> tuple[int, int]:
    """(rows, columns) of 8x8 blocks of a picture, padding included."""
    return tuple(-(-size // ALIGNMENT) * ALIGNMENT // 8 for size in (height, width))  # type: ignore[return-value]


def _sample_type(depth: int) -> np.dtype:
    if depth not in DEPTHS:
        raise ValueError(f"bit depth {depth} is not one of {DEPTHS}")
    return np.dtype(np.uint8 if depth == 8 else np.uint16)


def _plane(name: str, array: np.ndarray, shape: tuple[int, int], dtype: np.dtype) -> np.ndarray:
    if array.dtype != dtype or array.shape != shape:
        raise ValueError(f"{name} must be {dtype} of shape {shape}, not {array.dtype} of shape {array.shape}")
    # The kernels step over rows freely; the samples of a row must be neighbours.
    return array if array.strides[1] == dtype.itemsize else np.ascontiguousarray(array)


def _in_memory(packed: np.ndarray) -> tuple[np.ndarray, bool]:
    """A packed picture with its axes in the order of memory, and whether the channels are the last of them."""
    if packed.ndim == 3 and not packed.flags.c_contiguous and (last := packed.transpose(1, 2, 0)).flags.c_contiguous:
        return last, True
    return packed, False


def pack(y: np.ndarray, u: np.ndarray, v: np.ndarray, depth: int,
         out: np.ndarray | None = None) -> np.ndarray:
    """Packed picture, (96, h, w) float32 in 8-bit levels, of three planes.

    `y` is (height, width), `u` and `v` are (ceil(height / 2), ceil(width / 2)); uint8 at `depth` 8, uint16 at
    10 and 12. Read-only and strided planes are taken. Samples are divided by 2^(depth - 8), which is exact.
    Each plane is extended by its last column and row to the padded size (multiple of 32), h and w are an
    eighth of that. `out`, in whose memory the channels are the first axis or the last, is filled and returned if given; at depth 8, where that
    is exact, it may be bfloat16 (`layout.BFLOAT16`) with the channels last.

    Raises ValueError for another depth, shape or dtype. Source: docs/INTERNALS.md.

    >>> grey = np.full((30, 50), 512, np.uint16), np.full((15, 25), 512, np.uint16)
    >>> packed = pack(grey[0], grey[1], grey[1], 10)
    >>> packed.shape, float(packed.min()), float(packed.max())
    ((96, 4, 8), 128.0, 128.0)
    """
    dtype = _sample_type(depth)
    if y.ndim != 2 or 0 in y.shape:
        raise ValueError(f"y must be a plane of at least one sample, not of shape {y.shape}")
    height, width = y.shape
    half = (height + 1) // 2, (width + 1) // 2
    planes = _plane("y", y, (height, width), dtype), _plane("u", u, half, dtype), _plane("v", v, half, dtype)
    shape = (CHANNELS, *blocks(width, height))
    if out is None:
        out = np.empty(shape, np.float32)
    memory, channel_last = _in_memory(out)
    bfloat16 = out.dtype == BFLOAT16
    if out.shape != shape or not memory.flags.c_contiguous or (not (channel_last and depth == 8) if bfloat16 else out.dtype != np.float32):
        raise ValueError(f"out must be C-contiguous float32 of shape {shape}, or that with the channels last in memory (at depth 8 bfloat16 too)")
    _pack.pack(cpu.level(), planes, depth, channel_last, bfloat16, memory.view(np.uint8))
    return out


Prediction = tuple[np.ndarray, np.ndarray, float]
"""Packed pictures a, b and a factor: a + factor * (b - a); a alone where b is the same array or the factor is 0."""


def unpack(packed: np.ndarray, width: int, height: int, depth: int, out: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None,
           prediction: Prediction | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Planes y (height, width), u and v (half of that, rounded up) of a packed picture, or of what is added to a prediction.

    `packed` is (96, h, w) float32 of the picture's padded size, or bfloat16 (`layout.BFLOAT16`); in memory the channels may be the first axis or the
    last. The pictures of `prediction` are like it; what they say is added in float32: packed + (a + factor * (b - a)). With bfloat16 or a prediction,
    arrays whose channels are not the last axis in memory are copied. Values times 2^(depth - 8) are rounded half to even and clipped to 0..2^depth - 1,
    NaN becomes 0. The planes are uint8 at depth 8, else uint16. `out`, three C-contiguous writable planes, is filled and returned if given.

    Raises ValueError for another depth, shape or dtype. Source: docs/INTERNALS.md.

    >>> [plane.shape for plane in unpack(np.zeros((96, 4, 8), np.float32), 50, 29, 8)]
    [(29, 50), (15, 25), (15, 25)]
    """
    dtype = _sample_type(depth)
    if width < 1 or height < 1:
        raise ValueError(f"a picture of {width}x{height} has no samples")
    shape = (CHANNELS, *blocks(width, height))
    if packed.dtype not in (np.float32, BFLOAT16) or packed.shape != shape:
        raise ValueError(f"packed must be float32 or bfloat16 of shape {shape} for a picture of {width}x{height}, "
                         f"not {packed.dtype} of shape {packed.shape}")
    a, b, factor = prediction or (None, None, 0.0)
    if any(array.dtype != packed.dtype or array.shape != shape for array in (prediction or ())[:2]):
        raise ValueError(f"pictures of the prediction must be {packed.dtype} of shape {shape}, as packed is")
    half = (height + 1) // 2, (width + 1) // 2
    if out is None:
        out = np.empty((height, width), dtype), np.empty(half, dtype), np.empty(half, dtype)
    for plane, shape in zip(out, ((height, width), half, half), strict=True):
        if plane.shape != shape or plane.dtype != dtype or not plane.flags.c_contiguous or not plane.flags.writeable:
            raise ValueError(f"out must be C-contiguous writable {dtype} planes of shapes {(height, width)} and {half}")
    bfloat16 = packed.dtype == BFLOAT16
    if not bfloat16 and a is None:
        memory, channel_last = _in_memory(packed)
        memory = np.ascontiguousarray(memory)
    else:
        memory, channel_last = _last(packed), True
    _pack.unpack(cpu.level(), memory.view(np.uint8), channel_last, bfloat16, None if a is None else _last(a).view(np.uint8),
                 None if b is a or not factor else _last(b).view(np.uint8), factor, depth, out)
    return out


def _last(packed: np.ndarray) -> np.ndarray:
    """(h, w, 96), C-contiguous."""
    return np.ascontiguousarray(packed.transpose(1, 2, 0))
