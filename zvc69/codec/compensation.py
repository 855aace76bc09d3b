"""A slot's field: its vectors, and the luma filter and overlap that leave the least error by the motion search's measure."""
from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

import numpy as np

from ..core.motion import KERNELS, RATE_WEIGHT, MotionField
from ..core.planes import block_errors
from ..media import Frame
from .copying import step_size
from .estimation import MotionEstimator
from .slots import Reference, Slot

CHANGE_BITS = 4
"""That it takes to say that the filter, or overlap, is another than the expected field's."""
UNKNOWN = 1.03
"""Of the error of vectors that were found for the first filter: where no field is expected, the other one is searched with too if it leaves
less than this by the same vectors. Vectors fit the filter that they were found for; measured: 2 %."""

Stage = Callable[[str], AbstractContextManager[None]]


class _Predicted(NamedTuple):
    cost: float
    field: MotionField
    luma: np.ndarray


def find_slot(estimator: MotionEstimator, frame: Frame, qp: int, pts: int, reference: Reference, stage: Stage, threads: int = 1) -> Slot:
    """`reference` as a frame shown at `pts` sees it. The search takes the filter of the field that is expected, and may take the other one again
    where that has shown to be better; then blocks overlap, if that helps. The result does not depend on `threads` (0: all cores)."""
    expected = reference.field_at(pts)
    best = _best(estimator, frame, qp, reference, expected, stage, threads)
    with stage("compensate"):
        chroma = best.field.warp_chroma(*reference.planes[1:], frame.depth)
    return Slot(reference, expected, best.field, (best.luma, *chroma))


def find_luma(estimator: MotionEstimator, frame: Frame, qp: int, pts: int, reference: Reference, stage: Stage, threads: int = 1) -> np.ndarray:
    """The luma of such a slot, of which nothing will be coded. At the least effort blocks overlap unless they are expected not to, and nothing else
    is tried."""
    expected = reference.field_at(pts)
    if estimator.thorough:
        return _best(estimator, frame, qp, reference, expected, stage, threads).luma
    kernel, overlap = (KERNELS[0], True) if expected is None else (expected.kernel, expected.overlap)
    with stage("motion"):
        field = estimator.field(frame, reference, qp, expected, kernel, threads)
    with stage("compensate"):
        return field.using(kernel, overlap).warp_luma(reference.planes[0], frame.depth)


def _best(estimator: MotionEstimator, frame: Frame, qp: int, reference: Reference, expected: MotionField | None, stage: Stage, threads: int) -> _Predicted:
    kernel, overlap = (KERNELS[0], False) if expected is None else (expected.kernel, expected.overlap)
    other = KERNELS[1 - KERNELS.index(kernel)]
    change = RATE_WEIGHT * step_size(qp) * CHANGE_BITS

    def searched(taps: str) -> MotionField:
        with stage("motion"):
            return estimator.field(frame, reference, qp, expected, taps, threads)

    def predicted(field: MotionField) -> _Predicted:
        with stage("compensate"):
            luma = field.warp_luma(reference.planes[0], frame.depth)
            error = int(block_errors(frame.y, luma).sum(dtype=np.uint64)) / 2 ** (frame.depth - 8)
        return _Predicted(error + change * ((field.kernel != kernel) + (field.overlap != overlap)), field, luma)

    field = searched(kernel)
    if not field.vectors.any():     # all ways are the same
        return predicted(field.using(kernel, overlap))
    found, second = predicted(field), predicted(field.using(other, False))
    if estimator.thorough and second.cost < (UNKNOWN if expected is None else 1) * found.cost:
        second = predicted(searched(other))
    best = min(found, second, key=_cost)
    return min(best, predicted(best.field.using(best.field.kernel, True)), key=_cost)


def _cost(predicted: _Predicted) -> float:
    return predicted.cost
