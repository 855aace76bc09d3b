"""Runs of frames coded in more than one way for trial: with B frames or without, whichever costs less.

What B frames gain differs from clip to clip by -30 to +20 % of the bits, and no measure on the originals that was tried tells which it will be
(costs of prediction over one and over more frames, of bidirectional prediction, of coding alone). Coding eight frames in each way does, and what it
finds holds for the runs after it; so runs are tried now and then, and the way that won is kept in between. Not what is found of the first run behind
a keyframe, if P frames win there: they live on the keyframe, and get worse from run to run where B frames do not, as in fast motion.
"""
from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..media import Frame
from .copying import LAGRANGIAN, chroma_weight, step_size
from .frame_coder import Coded
from .gop import FramePlan, Plans
from .temporal import Planes

AFTERWARDS = 1.5
"""Weight of the distortion of a run's last frame beyond its own: the frames after it are predicted from it."""
COARSE, HALVED = 44, 12
"""Base QP from which distortion counts less, by half for so many QPs more. A video of 1 % less error takes 0.7 to 1.3 % more bits at any QP, but for
J of a frame 1 % of its error is worth as much as 1 % of its bits at low QPs, and 3 % of them at QP 56, where it shares what it is predicted from with
so many others."""
LEAST_ERROR = 0.05
"""Mean squared error, in squared 8-bit levels, that makes no difference any more: 61 dB."""
LONGEST_RUN, SHORTER_RUNS = 7, (3, 1)
"""B frames of a run that has them: one P frame at its end, or more of them with fewer B frames between."""
INTERVALS = (4, 4, 1)
"""Runs from one that is tried to the next, by effort."""
WAYS = (2, 3, 4)
"""By effort, of the ways to code a run, how many are tried: P frames, the longest run of B frames, shorter ones."""
SHARES = (0.6, 1.0, 1.0)
"""By effort, of a run's frames that a trial codes; the others are taken to cost what those alike do."""
LATER = 1.02
"""What a run of P frames costs, by what its first frames say: they get worse the farther they are from a keyframe. Measured on 19 training clips: so
the way that is chosen costs 0.1 % more than the better one in a run behind a keyframe, 0.2 % without this, 0.4 % by four of eight frames without it."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A run as it was coded for trial: its cost in bits, and the frames by their plans with the QPs they were coded at."""

    cost: float
    frames: dict[FramePlan, tuple[int, Coded]]


@dataclass(frozen=True, slots=True)
class StandIn:
    """A frame that is coded for trial, and the number of frames of its run that it tells the cost of, itself one of them; last: also of the run's last one."""

    plan: FramePlan
    frames: float
    last: bool


def stand_ins(plans: Plans, share: float) -> list[StandIn]:
    """The first frames of a run, as much as `share` of it, or more where not all kinds are among them (types and QP offsets).

    >>> from zvc69.bitstream import FrameType
    >>> p_frames = [FramePlan(n, FrameType.P, -2 if n == 1 else 1) for n in range(4)]
    >>> [(frame.plan.number, frame.frames, frame.last) for frame in stand_ins(p_frames, 0.5)]
    [(0, 3.0, True), (1, 1.0, False)]
    """
    kinds = [(plan.type, plan.layer, plan.offset) for plan in plans]
    count = next(n for n in range(math.ceil(len(plans) * share), len(plans) + 1) if set(kinds[:n]) == set(kinds))
    all_of, tried_of = Counter(kinds), Counter(kinds[:count])
    end = kinds[max(range(len(plans)), key=lambda n: plans[n].number)]
    last = max(n for n in range(count) if kinds[n] == end)
    return [StandIn(plans[n], all_of[kinds[n]] / tried_of[kinds[n]], n == last) for n in range(count)]


class RunTrials:
    """Decides how runs are coded (`gop.RunChooser`), by trial.

    attempt: codes frames of a run as if it came next. effort: 1 tries the first run of a scene, the second if P frames won there, and every fourth
    after that, most of it, as P frames and with the longest run of B frames; 2 all of it, and with a shorter run too; 3 tries every run, and with
    both. each: as `map`, calls `attempt` for every way; at the same time, if it likes.

    >>> from zvc69.bitstream import FrameType
    >>> costs = iter([90.0, 100.0])
    >>> trials = RunTrials(lambda frames: Tried(next(costs), {}), effort=1)
    >>> ways = [[FramePlan(1, type, 0)] for type in (FrameType.P, FrameType.B)]
    >>> [trials.choose(ways, full=True)[0].type.name for _ in range(4)]
    ['P', 'P', 'P', 'P']
    """

    def __init__(self, attempt: Callable[[Sequence[StandIn]], Tried], effort: int, each: Callable[..., Iterable[Tried]] = map) -> None:
        self._attempt, self._each = attempt, each
        self._interval, self._share = INTERVALS[effort - 1], SHARES[effort - 1]
        self._ways = WAYS[effort - 1]
        self._way: int | None = None       # that won last
        self._again = False                # it is not to be relied on
        self._since = 0                    # runs since then
        self._frames: dict[FramePlan, tuple[int, Coded]] = {}

    def begin_scene(self) -> None:
        """The next run is of another scene."""
        self._way = None

    def choose(self, ways: Sequence[Plans], full: bool, first: bool = False) -> Plans:
        """The way of `ways` that costs least, or that did when a run was last tried. A short run before any trial has P frames."""
        self._frames = {}
        self._since += 1
        if full and (self._way is None or self._again or self._since >= self._interval):
            tried = list(self._each(self._attempt, [stand_ins(plans, self._share) for plans in ways[:self._ways]]))
            costs = [way.cost for way in tried]
            if self._share < 1:
                costs[0] *= LATER
            self._way, self._since = costs.index(min(costs)), 0
            self._again = first and self._way == 0
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


class RunCost:
    """What a run costs in bits at a base QP: those of payloads, and for distortion.

    The distortion is the number of frames times the geometric mean of their squared errors, as if all had their mean PSNR: quality is measured by
    that, and so what it gains by frames that are not alike counts.
    """

    def __init__(self, base_qp: float) -> None:
        self._qp, self._weight = base_qp, LAGRANGIAN / step_size(base_qp) ** 2 / 2 ** (max(base_qp - COARSE, 0) / HALVED)
        self._bits, self._frames, self._logarithms = 0.0, 0.0, 0.0

    def add(self, frame: Frame, coded: Coded, *, frames: float = 1.0, last: bool) -> None:
        """A frame of the run, original and coded, that counts for so many `frames`. last: for the last one in order of presentation too."""
        weight = frames + AFTERWARDS if last else frames
        self._bits += 8 * len(coded.payload) * frames
        self._frames += weight
        self._logarithms += weight * math.log(squared_error(frame, coded.reference.planes, self._qp) + LEAST_ERROR * frame.y.size)

    @property
    def total(self) -> float:
        """Of the frames so far."""
        return self._bits + self._weight * self._frames * math.exp(self._logarithms / max(self._frames, 1.0))


def squared_error(frame: Frame, planes: Planes, qp: float) -> float:
    """Sum over all samples, in squared 8-bit levels; chroma counts as `chroma_weight` says."""
    total, chroma = 0.0, chroma_weight(qp)
    for weight, original, plane in zip((1.0, chroma, chroma), frame.planes, planes, strict=True):
        difference = np.subtract(original, plane, dtype=np.int32).astype(np.float32).ravel()
        total += weight * float(difference @ difference)
    return total / 4 ** (frame.depth - 8)
