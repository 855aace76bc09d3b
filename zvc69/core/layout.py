"""How arrays of packed pictures and latents lie in memory."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .pool import Empty

BFLOAT16 = np.dtype(np.uint16)
"""What NumPy, which has no bfloat16, takes it for: the bits of each number, the upper half of a float32. Whole numbers up to 256 are exact in it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """channel_last: whether the channels are the last axis in memory; as arrays are given and taken, they are the first one always.
    bfloat16: whether numbers are that (`BFLOAT16`), else float32; with the channels last alone.
    """

    channel_last: bool = False
    bfloat16: bool = False

    def empty(self, channels: int, rows: int, columns: int, make: Empty = np.empty) -> np.ndarray:
        """An uninitialised array (channels, rows, columns) that lies so; `make` gives its memory."""
        dtype = BFLOAT16 if self.bfloat16 else np.float32
        return make((rows, columns, channels), dtype).transpose(2, 0, 1) if self.channel_last else make((channels, rows, columns), dtype)


def to_float32(array: np.ndarray) -> NDArray[np.float32]:
    """Numbers of either type as float32; the array itself if it is that.

    >>> to_float32(np.array([0x3F80, 0xC040], BFLOAT16))
    array([ 1., -3.], dtype=float32)
    """
    return (array.astype(np.uint32) << 16).view(np.float32) if array.dtype == BFLOAT16 else array
