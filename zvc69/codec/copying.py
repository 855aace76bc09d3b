"""Which 32x32 blocks of a P frame take their prediction as it is."""
from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

LAGRANGIAN = 7.5
CHROMA_WEIGHT = 2 / 3
COPY_BITS = 6.0
"""A block is copied when coding it would gain less than this, in bits; models are trained with 1 to 12."""
FIRST_BIT_COST = 5.0
"""Bits that a coefficient among zeros costs, before those of its size."""


def step_size(qp: int) -> float:
    """Quantiser step in 8-bit levels: 2 * 2^(qp / 10.5)."""
    return 2.0 * 2.0 ** (qp / 10.5)


def choose_copies(picture: NDArray[np.float32], prediction: NDArray[np.float32], qp: int) -> NDArray[np.bool_] | None:
    """(h/4, w/4) bool of packed pictures (96, h, w), True where copying is best; None: nowhere.

    Judged on the DCT of the difference, in steps: leaving a coefficient c out costs 7.5 c^2 (chroma 2/3 of it), coding it about
    5 + 2 log2(1 + |c|) bits and 7.5 / 12 of distortion. What the network would gain beyond that is not known here.
    """
    _, h, w = picture.shape
    difference = (picture - prediction).reshape(96, h * w)
    c = np.abs(_transform() @ difference) * (1 / step_size(qp))
    gain = np.maximum(LAGRANGIAN * c * c - (FIRST_BIT_COST + LAGRANGIAN / 12) - 2 * np.log2(1 + c), 0)
    blocks = gain.reshape(96, h // 4, 4, w // 4, 4).sum(axis=(0, 2, 4))
    copy = blocks < COPY_BITS
    return copy if copy.any() else None


@lru_cache(maxsize=1)
def _transform() -> NDArray[np.float32]:
    """(96, 96): orthonormal 8x8 DCT of luma, 4x4 DCTs of U and V weighted by sqrt(2/3)."""
    out = np.zeros((96, 96), np.float32)
    for at, n, weight in ((0, 8, 1.0), (64, 4, math.sqrt(CHROMA_WEIGHT)), (80, 4, math.sqrt(CHROMA_WEIGHT))):
        k, i = np.ogrid[:n, :n]
        m = np.cos(np.pi * (2 * i + 1) * k / (2 * n)) * math.sqrt(2 / n)
        m[0] /= math.sqrt(2)
        out[at:at + n * n, at:at + n * n] = np.kron(m, m) * weight
    return out
