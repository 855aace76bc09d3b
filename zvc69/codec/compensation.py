"""How a slot's field predicts: the luma filter and the overlap that leave the least error, by the motion search's measure."""
from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import product

import numpy as np

from ..core.motion import KERNELS, RATE_WEIGHT, MotionField
from ..core.planes import block_errors
from ..media import Frame
from .copying import step_size
from .estimation import MotionEstimator
from .slots import Reference, Slot
from .temporal import Planes

CHANGE_BITS = 4
"""That it takes to say that the filter, or overlap, is another than that of the expected field."""
CLOSE = 1.03
"""Both filters are searched with if the other one leaves less than this times the error, by vectors that were found for the first."""

Stage = Callable[[str], AbstractContextManager[None]]


def find_slot(estimator: MotionEstimator, frame: Frame, qp: int, reference: Reference, expected: MotionField | None, stage: Stage) -> Slot:
    """`reference` as `frame` sees it: searched with the expected field's filter, with the other one too if that may be better (at the first
    P frame of a group it is not known), and predicting in the way that is best for luma."""
    first = "bicubic" if expected is None else expected.kernel
    other = KERNELS[1 - KERNELS.index(first)]
    with stage("motion"):
        field = estimator.field(frame, reference, qp, expected, first)
    with stage("compensate"):
        costs = _tried(frame, qp, reference, field, expected)
    best = _best(costs)
    worth = min(cost for (kernel, _), (cost, _) in costs.items() if kernel == other) < CLOSE * costs[best][0]
    if not field.vectors.any() or not worth:
        return Slot(reference, expected, field.using(*best), costs[best][1])
    with stage("motion"):
        again = estimator.field(frame, reference, qp, expected, other)
    with stage("compensate"):
        further = _tried(frame, qp, reference, again, expected, (other,))
    second = _best(further)
    if further[second][0] < costs[best][0]:
        field, best, costs = again, second, further
    return Slot(reference, expected, field.using(*best), costs[best][1])


def _tried(frame: Frame, qp: int, reference: Reference, field: MotionField, expected: MotionField | None,
           kernels: tuple[str, ...] = KERNELS) -> dict[tuple[str, bool], tuple[float, Planes]]:
    """Cost and picture of each way: absolute error of luma, in 8-bit levels, and what saying the way costs."""
    usual = ("bicubic", False) if expected is None else (expected.kernel, expected.overlap)
    change = RATE_WEIGHT * step_size(qp) * CHANGE_BITS
    found = {}
    for kernel in kernels:
        plain, overlapped = (field.using(kernel, overlap).warp(reference.planes, frame.depth) for overlap in (False, True))
        errors = block_errors(frame.y, plain[0], overlapped[0]).sum(axis=(1, 2), dtype=np.uint64)
        for way, error, planes in zip(product((kernel,), (False, True)), errors[:2], (plain, overlapped)):
            bits = change * sum(a != b for a, b in zip(way, usual, strict=True))
            found[way] = int(error) / 2 ** (frame.depth - 8) + bits, planes
    return found


def _best(costs: dict[tuple[str, bool], tuple[float, Planes]]) -> tuple[str, bool]:
    return min(costs, key=lambda way: costs[way][0])
