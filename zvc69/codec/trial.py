"""Runs of frames coded in more than one way for trial: with B frames or without, whichever costs less.

What B frames gain differs from clip to clip by -30 to +20 % of the bits, and no measure on the originals that was tried tells which it will be
(costs of prediction over one and over more frames, of bidirectional prediction, of coding alone). Coding eight frames both ways does, and what it
finds holds for the runs after it; so runs are tried now and then, and the way that won is kept in between.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..media import Frame
from .copying import LAGRANGIAN, chroma_weight, step_size
from .frame_coder import Coded
from .gop import FramePlan, Plans
from .temporal import Planes

AFTERWARDS = 2.0
"""Weight of the distortion of a run's last frame beyond its own: the frames after it are predicted from it."""
LONGEST_RUN = 7
"""B frames of a run that has them."""
INTERVALS = (4, 1)
"""Runs from one that is tried to the next, by effort."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A run as it was coded for trial: its cost in bits, and the frames by their plans with the QPs they were coded at."""

    cost: float
    frames: dict[FramePlan, tuple[int, Coded]]


class RunTrials:
    """Decides how runs are coded (`gop.RunChooser`), by trial.

    attempt: codes a run of frames as if it came next. effort: 1 or 2; 2 tries every run, 1 the first of a scene and every fourth after it.

    >>> costs = iter([90.0, 100.0])
    >>> trials = RunTrials(lambda plans: Tried(next(costs), {}), effort=1)
    >>> [trials.choose([["P", "P"], ["P", "B"]], full=True) for _ in range(4)][2:]
    [['P', 'P'], ['P', 'P']]
    """

    def __init__(self, attempt: Callable[[Plans], Tried], effort: int) -> None:
        self._attempt, self._interval = attempt, INTERVALS[effort - 1]
        self._way: int | None = None       # that won last
        self._since = 0                    # runs since then
        self._frames: dict[FramePlan, tuple[int, Coded]] = {}

    def begin_scene(self) -> None:
        """The next run is of another scene."""
        self._way = None

    def choose(self, ways: Sequence[Plans], full: bool) -> Plans:
        """The way of `ways` that costs least, or that did when a run was last tried. A short run before any trial has P frames."""
        self._frames = {}
        self._since += 1
        if full and (self._way is None or self._since >= self._interval):
            tried = [self._attempt(plans) for plans in ways]
            self._way, self._since = min(range(len(ways)), key=lambda way: tried[way].cost), 0
            self._frames = tried[self._way].frames
        return ways[self._way or 0]

    def known(self, plan: FramePlan, qp: int) -> Coded | None:
        """The frame as it was coded for trial, if it and all before it in its run are coded as they were then."""
        at, coded = self._frames.pop(plan, (None, None))
        if at != qp:
            self.forget()
            return None
        return coded

    def forget(self) -> None:
        """Nothing of the run that was tried is to be known any more."""
        self._frames = {}


def frame_cost(frame: Frame, base_qp: float, coded: Coded, *, last: bool) -> float:
    """What a frame costs in bits at a base QP: those of its payload, and for its distortion. last: of its run."""
    weight = 1 + AFTERWARDS if last else 1.0
    return 8 * len(coded.payload) + weight * LAGRANGIAN / step_size(base_qp) ** 2 * squared_error(frame, coded.reference.planes, base_qp)


def squared_error(frame: Frame, planes: Planes, qp: float) -> float:
    """Sum over all samples, in squared 8-bit levels; chroma counts as `chroma_weight` says."""
    total, chroma = 0.0, chroma_weight(qp)
    for weight, original, plane in zip((1.0, chroma, chroma), frame.planes, planes, strict=True):
        difference = np.subtract(original, plane, dtype=np.int32).astype(np.float32).ravel()
        total += weight * float(difference @ difference)
    return total / 4 ** (frame.depth - 8)
