"""What a frame takes from the frames before it: the compensated picture, the sigma state fetched along the vectors."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.layout import Layout
from ..core.motion import MotionField
from ..core.pack import CHANNELS, blocks, pack
from ..core.planes import average, choose_blocks
from ..core.pool import Empty
from ..core.scale import State
from ..core.state import fetch
from ..model.backend import Slots

Planes = tuple[np.ndarray, np.ndarray, np.ndarray]


def fetch_state(state: State, field: MotionField, empty: Empty = np.empty) -> State:
    """State codes (h, w, 96) of the block that each vector, rounded to whole blocks, points to; clamped into the picture.

    `empty` makes the arrays. Source: docs/FORMAT.md, state.
    """
    shape = state[0].shape
    return fetch(state, field.vectors, out=(empty(shape, np.uint8), empty(shape, np.uint8)))


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a frame is predicted from: the planes that copied blocks take, and the networks' slots."""

    planes: Planes
    slots: Slots


def predict(a: Planes, b: Planes | None, depth: int, *, between: bool, empty: Empty = np.empty, layout: Layout = Layout()) -> Prediction:
    """From the compensated pictures of slot A and of slot B (None: blank). between: a B frame, predicted from the mean of both.

    `empty` makes the arrays. layout: of the slots; bfloat16 at depth 8 alone, where it is exact.
    """
    height, width = a[0].shape
    rows, columns = blocks(width, height)

    def packed(planes: Planes) -> np.ndarray:
        return pack(*planes, depth, out=layout.empty(CHANNELS, rows, columns, empty))

    packed_a = packed(a)
    packed_b = packed_a if b is None else packed(b)
    if not between:
        return Prediction(a, Slots(packed_a, packed_b))
    y, u, v = (empty(plane.shape, plane.dtype) for plane in a)
    return Prediction(average(a, b, out=(y, u, v)), Slots(packed_a, packed_b, 0.5))


def copy_blocks(planes: Planes, prediction: Planes, copy: NDArray[np.bool_] | None) -> Planes:
    """`planes` with the prediction's samples in copied 32x32 blocks; written in place."""
    if copy is None or not copy.any():
        return planes
    return choose_blocks(planes, prediction, copy, out=planes)


def take_padding(packed: NDArray[np.float32], prediction: NDArray[np.float32], width: int, height: int) -> None:
    """Give a packed picture, (96, h, w), its prediction's samples in blocks that lie outside of `width` x `height`: nobody sees what is
    decoded there, and so nothing is left to be coded. In place."""
    below, right = -(-height // 8), -(-width // 8)
    packed[:, below:] = prediction[:, below:]
    packed[:, :, right:] = prediction[:, :, right:]
