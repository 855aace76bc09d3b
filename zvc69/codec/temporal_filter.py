"""Motion-compensated temporal filter of frames that many others are predicted from, before they are coded.

A keyframe is coded so well for the sake of the frames that live on it; but its noise is its own, and no frame gains by bits spent on that. So
it is averaged with the frames around it, brought to its place along motion, as far as they show the same: samples that differ by more than
the quantiser would leave count little, and so do blocks whose difference is no noise. Quality is measured against the frames as they came.

Sources: J. Enhorn, R. Sjoeberg, P. Wennersten, "A temporal pre-filter for video coding based on bilateral filtering", ICIP 2020 (JVET-O0549); JVET-V0056.
Constants are VTM's but where it says so.
"""
from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bitstream import FrameType
from ..config import EncoderConfig
from ..core import mctf, motion
from ..core.motion import MotionField
from ..media import Frame
from .gop import KEY_OFFSET, FramePlan
from .temporal import Planes

RADIUS = 4
"""Neighbours on each side, at most."""
KEY_STRENGTH, STRENGTH = 1.5, 0.95
"""Of all weights: of keyframes that are KEY_OFFSET better than the base QP says, in proportion of others, since few frames live on those; of P
frames. Measured: 1.1 and 0.7 gain as much."""
BETTER = -2
"""QP offset, at most, of P frames that are filtered: those that are coded better than others are so for the sake of those."""
BOTH_SIDES, AFTER, BEFORE = (0.85, 0.57, 0.41, 0.33), (1.13, 0.97, 0.81, 0.57), (0.56, 0.48, 0.4, 0.28)
"""Weights by distance in frames: where there are neighbours on both sides, after the frame alone, before it alone. Those of BEFORE are VTM's halved:
what comes before is there to predict from anyway. Measured: 0.7 % better."""
LUMA, CHROMA = 0.4, 0.55
"""Of all weights."""
SIGMA, FROM_QP = 0.43, 10
"""Standard deviation of differences that count, in 8-bit levels, for each base QP above FROM_QP. The slope is VTM's on this scale of QPs; FROM_QP is 0 there,
and chroma has a deviation of its own. Measured: 0.4 % better."""
NOISE = 0.53
"""Of a block's difference d: mean d^2 against the mean square of its change from sample to sample. It is 0.5 for white noise. Where it is more than
NOISE the block counts less, in proportion: what is predicted badly differs by large patches. VTM has two steps for this, and weights by error;
measured: as good without."""
NEAR = 3
"""Base QPs for which a frame is as well filtered as for its own: at 28, a sixth of the deviation."""
EQUAL = 0.05
"""Mean square, in 10-bit levels squared, that is no difference."""
SEARCH_QP = 24
"""Of the motion search. Vectors are not coded here, but those that would be dear to code tend to be wrong."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Frames of the same scene around one, nearest first, as far as they were there when it was planned."""

    before: tuple[Frame, ...] = ()
    after: tuple[Frame, ...] = ()


class TemporalFilter:
    """Filters frames as `config`, resolved, says."""

    def __init__(self, config: EncoderConfig) -> None:
        self._strength, self._effort = config.temporal_filter, config.motion_effort
        # Both sides are searched at once: each search holds sixteen pictures.
        self._each: Callable[..., Iterable[Any]] = map if config.threads == 1 else ThreadPoolExecutor(2, "temporal-filter").map
        self._known: dict[tuple[int, float], tuple[int, Frame]] = {}       # by number and strength: base QP, and what it was filtered to for that

    def source(self, plan: FramePlan, frame: Frame, neighbours: Neighbours, qp: int) -> Frame:
        """What is coded for `frame` at a QP, planned like that: itself, or what it is filtered to. It is filtered again only for a QP that is far
        from the last."""
        strength, base = strength_of(plan), qp - plan.offset
        if not strength or not self._strength:
            return frame
        known = self._known.get((plan.number, strength))
        if known is None or abs(known[0] - base) > NEAR:
            known = self._known[plan.number, strength] = base, self.filtered(frame, neighbours, base, strength)
        return known[1]

    def forget(self, number: int) -> None:
        """The frame of this number is coded."""
        self._known = {key: known for key, known in self._known.items() if key[0] != number}

    def filtered(self, frame: Frame, neighbours: Neighbours, qp: float, strength: float) -> Frame:
        """`frame` averaged with its neighbours, of which RADIUS on each side count.

        qp: base QP of the frame. strength: of all weights, beside the option's. The result is the same for any number of threads and instruction set.
        """
        before, after, planes = neighbours.before, neighbours.after, _in_range(frame.planes, frame.depth)
        deviation = SIGMA * (qp - FROM_QP)
        if deviation <= 0 or not (before or after) or not self._strength:
            return frame
        distances = BOTH_SIDES if before and after else BEFORE if before else AFTER
        found = [(distance, others) for side in self._each(lambda frames: self._compensated(frame, frames[:RADIUS]), (before, after))
                 for distance, others in zip(distances, side)]
        weights = np.stack([distance * self._strength * strength * noise_weight(planes[0], others[0], frame.depth) for distance, others in found])
        levels = np.arange(1 << frame.depth, dtype=np.float64) / 2 ** (frame.depth - 8)
        falloff = np.exp(-0.5 * (levels / deviation) ** 2).astype(np.float32)
        y, u, v = (mctf.blend(plane, [others[n] for _, others in found], (share * weights).astype(np.float32), falloff, side)
                   for n, (plane, share, side) in enumerate(zip(planes, (LUMA, CHROMA, CHROMA), (8, 4, 4), strict=True)))
        return replace(frame, y=y, u=u, v=v)

    def _compensated(self, frame: Frame, neighbours: Sequence[Frame]) -> list[Planes]:
        """Neighbours, nearest first, as they predict `frame`: each is searched around the vectors of the one before."""
        field: MotionField | None = None
        found = []
        for n, neighbour in enumerate(neighbours, 1):
            expected = None if field is None else field.scaled(n, n - 1)
            field = motion.search(frame.y, neighbour.y, SEARCH_QP, depth=frame.depth, previous=expected, effort=self._effort, kernel="sharp")
            found.append(_in_range(field.warp(neighbour.planes, frame.depth), frame.depth))
        return found


def strength_of(plan: FramePlan) -> float:
    """Of all weights for a frame that is planned like that; 0: it is not filtered."""
    if plan.type == FrameType.I:
        return KEY_STRENGTH * min(max(plan.offset / KEY_OFFSET, 0.0), 1.0)
    return STRENGTH if plan.type == FrameType.P and plan.offset <= BETTER else 0.0


def noise_weight(luma: np.ndarray, predicted: np.ndarray, depth: int) -> NDArray[np.float64]:
    """What each 8x8 block of a prediction counts, (ceil(height / 8), ceil(width / 8)) within 0..1, by what it differs in. Planes are uint8 or uint16."""
    energy, roughness = mctf.block_differences(luma, predicted, depth).astype(np.float64)
    height, width = luma.shape
    rows, columns = (np.minimum(8, size - np.arange(0, size, 8)) for size in (height, width))
    samples, pairs = np.outer(rows, columns), np.outer(rows, columns - 1) + np.outer(rows - 1, columns)
    return np.minimum(1, NOISE * (roughness / np.maximum(pairs, 1) + EQUAL) / (energy / samples + EQUAL))


def _in_range(planes: Planes, depth: int) -> Planes:
    """Samples of more bits than `depth`, which other stages bear, at the highest value."""
    return planes if depth == 8 else tuple(np.minimum(plane, plane.dtype.type((1 << depth) - 1)) for plane in planes)
