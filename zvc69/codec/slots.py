"""What the encoder puts into a frame's two slots, judged by the motion search's measure: absolute error + 0.45 step(qp) bits."""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..bitstream import FilterSet
from ..core import motion
from ..core.motion import RATE_WEIGHT, MotionField
from ..core.planes import block_errors
from ..core.scale import State
from .copying import step_size
from .temporal import Planes

FARTHER = 0.95
"""An older picture comes into slot A only if it costs less than this share: the nearest one's state and field fit better."""
GAIN_WEIGHT = 0.25
"""Of the absolute error that the best prediction of each block saves. The network gets at part of it from slot A alone."""

TWICE_THE_STEP = 10
"""QPs, about, that double the quantiser's step: errors of what is missing in a mean are twice those of the mean."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What the encoder keeps of a coded frame: its decoded planes and sigma state (None: from before a sigma-reset), when it is
    shown, its QP, the field it was predicted with (I: None) over which distance in time, and the loop filter's set that later frames get from it."""

    planes: Planes
    state: State | None
    pts: int
    qp: int
    field: MotionField | None = None
    distance: int = 0
    filters: FilterSet | None = None

    def field_at(self, pts: int) -> MotionField | None:
        """The field, scaled to the distance of a frame shown at `pts`."""
        return None if self.field is None else self.field.scaled(pts - self.pts, self.distance)

    def picture_alone(self) -> Reference:
        """Without all that parsing a later frame would need: what a sigma-reset leaves of it."""
        return replace(self, state=None, field=None, filters=None)


@dataclass(frozen=True, slots=True)
class Slot:
    """A reference as a frame sees it: the field that was expected, the vectors that were found, the compensated picture."""

    reference: Reference
    expected: MotionField | None
    field: MotionField
    planes: Planes


def nearest_or_best(luma: NDArray, nearest: Slot, others: Sequence[Slot], qp: int, depth: int) -> tuple[Slot, list[Slot]]:
    """The slot to predict from first, and those that are left."""

    def cost(slot: Slot) -> float:
        error = int(block_errors(luma, slot.planes[0]).sum(dtype=np.uint64)) / 2 ** (depth - 8)
        return error + _cost_of(motion.encode(slot.field, None, slot.expected), qp)

    best = min(others, key=cost)
    if cost(best) > FARTHER * cost(nearest):
        return nearest, list(others)
    return best, [slot for slot in (nearest, *others) if slot is not best]


def best_second(luma: NDArray, a: Slot, others: Sequence[Slot], qp: int, depth: int, pts: int, *, always: bool) -> tuple[Slot | None, bytes | None]:
    """The slot that helps most beside `a`, and its coded motion; None where none is worth its vectors, unless `always`."""
    most, best = -math.inf if always else 0.0, (None, None)
    for slot in others:
        section = motion.encode(slot.field, None, a.field.scaled(pts - slot.reference.pts, pts - a.reference.pts))
        saved = saved_error(luma, a.planes[0], slot.planes[0], depth) - _cost_of(section, qp)
        if saved > most:
            most, best = saved, (slot, section)
    return best


def missing_in_mean(luma: NDArray, one: NDArray, depth: int) -> NDArray:
    """The plane whose mean with `one` is `luma`, as far as samples of `depth` bits go. Planes of equal shape, uint8 or uint16."""
    return np.clip(2 * luma.astype(np.int16) - one.astype(np.int16), 0, 2 ** depth - 1).astype(luma.dtype)


def saved_error(luma: NDArray, a: NDArray, b: NDArray, depth: int) -> float:
    """Absolute error, in 8-bit levels, that predicting each 16x16 from the best of `a`, `b` and their mean saves over `a`, as far
    as it counts. Planes of equal shape, uint8 or uint16 at `depth`."""
    errors = block_errors(luma, a, b)
    return GAIN_WEIGHT * int((errors[0] - errors.min(axis=0)).sum(dtype=np.uint64)) / 2 ** (depth - 8)


def _cost_of(section: bytes, qp: int) -> float:
    return RATE_WEIGHT * step_size(qp) * 8 * len(section)
