"""Which 32x32 blocks of a P or B frame take their prediction as it is."""
from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..core.copying import GainModel, gains

LAGRANGIAN = 7.5
COPY_BITS = 6.0
"""A block is copied when coding it would gain less than this, in bits; models are trained with 1 to 12."""
FIRST_BIT_COST = 5.0
"""Bits that a coefficient among zeros costs, before those of its size."""

def step_size(qp: float) -> float:
    """Quantiser step in 8-bit levels: 2 * 2^(qp / 10.5)."""
    return 2.0 * 2.0 ** (qp / 10.5)


def chroma_weight(qp: float) -> float:
    """What a squared error in U or V counts against one in luma.

    PSNR of 6:1:1 is a mean of logarithms: what an error counts depends on how large the plane's others are. With equal mean squared errors
    it is 2/3 (a sixth of the planes' mean, of a quarter of the samples); where rate and PSNR are balanced, chroma's are 1.5 dB below luma's at the
    highest and 10 dB at the lowest rates, as those of x264 and x265 are, and each error counts that much more.
    """
    return 2 / 3 * 10 ** ((1.5 + 0.14 * qp) / 10)


@cache
def gain_model(qp: int) -> GainModel:
    """What copies are judged by."""
    return GainModel(distortion=LAGRANGIAN, first_bits=FIRST_BIT_COST, chroma=chroma_weight(qp))


def choose_copies(picture: NDArray[np.float32], prediction: NDArray[np.float32], qp: int) -> NDArray[np.bool_] | None:
    """(h/4, w/4) bool of packed pictures (96, h, w), True where copying is best; None: nowhere.

    Judged on the DCT of the difference, in steps (`core.copying`): leaving a coefficient c out costs 7.5 c^2 (chroma `chroma_weight` times that), coding
    it about 5 + 2 log2(1 + |c|) bits and 7.5 / 12 of distortion. What the network would gain beyond that is not known here.
    """
    copy = gains(picture, prediction, step_size(qp), gain_model(qp)) < COPY_BITS
    return copy if copy.any() else None
