"""What a frame takes from the frames before it: the compensated picture, the sigma state fetched along the vectors."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..core.motion import MotionField
from ..core.pack import pack
from ..core.scale import State
from ..model.backend import Slots


Planes = tuple[np.ndarray, np.ndarray, np.ndarray]
BLOCK_QUARTERS = 32
"""Quarter pixels in the side of an 8x8 block."""


def fetch_state(state: State, field: MotionField) -> State:
    """State codes (h, w, 96) of the block that each vector, rounded to whole blocks, points to; clamped into the picture.

    Source: docs/FORMAT.md, state.
    """
    h, w = field.shape
    shift = (field.vectors.astype(np.int32) + BLOCK_QUARTERS // 2) >> 5
    i = np.clip(np.arange(h)[:, None] + shift[:, :, 1], 0, h - 1)
    j = np.clip(np.arange(w) + shift[:, :, 0], 0, w - 1)
    return state[0][i, j], state[1][i, j]


def slots_of(prediction: Planes, depth: int) -> Slots:
    """The slots of a P frame with one reference: slot B repeats slot A."""
    packed = pack(*prediction, depth)
    return packed, packed


def copy_blocks(planes: Planes, prediction: Planes, copy: NDArray[np.bool_] | None) -> Planes:
    """`planes` with the prediction's samples in copied 32x32 blocks; written in place."""
    if copy is None or not copy.any():
        return planes
    for plane, predicted, side in zip(planes, prediction, (32, 16, 16)):
        height, width = plane.shape
        mask = copy.repeat(side, axis=0).repeat(side, axis=1)[:height, :width]
        np.copyto(plane, predicted, where=mask)
    return planes


