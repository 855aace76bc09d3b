"""Rounding to bfloat16 in plain NumPy: what the kernels must reproduce."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..layout import BFLOAT16


def to_bfloat16(array: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The nearest bfloat16 of finite numbers, halves to even; channels last in memory if (channels, h, w)."""
    if array.ndim == 3:
        array = np.ascontiguousarray(array.transpose(1, 2, 0)).transpose(2, 0, 1)
    bits = array.view(np.uint32).astype(np.uint64)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(BFLOAT16)
