"""Where a new scene begins: frames for which prediction from the past is of no use.

As in x264 (`scenecut` in slicetype.c) a frame is a cut when predicting it from the one before costs nearly as much as
coding it alone, with less patience the longer ago the last keyframe was. It differs in what is compared, since here no
later frame may be known: pictures of about 80x45 cells, with global changes of brightness taken out, so that fades and
flashes are no cuts, and with the frames before a flash at hand, so that the scene's return is none. Where there is
lookahead it tells the flash itself too, as x264 and SVT-AV1 do. Thresholds: measured by `benchmarks/scenecut.py`.
"""
from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError
from ..media.frame import DEPTHS, plane_dtype
from .thumbnail import BLOCK, UNITS, Cells, Thumbnail, cell_sizes, shrink

THRESHOLD = 0.66
CERTAIN = 0.8
"""The threshold just after a keyframe, where another one is dear, if it is not higher already."""
PATIENCE = 8
"""Frames after a keyframe until the threshold is halfway down from `CERTAIN` to what was asked for."""
RISE = 0.1
"""By how much a cut's score is above the least of the three frames before: what is ever unlike itself, as water, sparks or a
noisy sensor in the dark, makes no new scene with every frame."""
FLASH = 3
"""Frames that something else may be seen between two of one scene and be a flash, no scene of its own."""
FLOOR = 0.3
"""8-bit levels a cell that any block costs, so that noise in flat areas is no structure that came or went."""
CAP = 8.0
"""8-bit levels a cell from which a block weighs no more: few blocks of high contrast do not decide alone."""
BLANK = 0.25
"""8-bit levels of activity below which a picture is of one colour: nothing in it could be a darker form of another."""
FADED = 3.0
"""8-bit levels of activity that a picture must have to be a scene cut after or before a blank one. With less it is the
begin or the end of a fade; or a scene so flat that coding it costs little either way."""


@dataclass(frozen=True, slots=True)
class CutDecision:
    """What was found out about a frame.

    cut         it begins a new scene: code a keyframe. Never the first frame, which has nothing to be compared to
    flash       it is unlike the frame before, but there is one scene before and after: a flash ends here, or, known by
                lookahead alone, begins here
    score       0..1, the share of the intra cost that remains after prediction: 0.1 to 0.3 in a shot, from 0.8 at cuts
    inter_cost  mean error of its blocks' best prediction from `reference`, in 8-bit levels; a cell is 1/80 of the picture wide
    intra_cost  mean deviation from the blocks' means, in the same unit
    reference   the past frame that it was found to be like: 1 = the one before, 2.. = one before a flash, 0 = none
    """

    cut: bool
    flash: bool
    score: float
    inter_cost: float
    intra_cost: float
    reference: int


class SceneCutDetector:
    """Finds scene cuts in a sequence of luma planes, frame by frame; keeps four small pictures.

    width, height   of the planes, from 16
    depth           bits per sample: 8, 10 or 12
    threshold       0..1: the score from which a frame is a cut if the last keyframe is long ago; higher finds fewer

    Raises ConfigError.

    >>> import numpy as np
    >>> y, x = np.mgrid[:144, :176]
    >>> detector = SceneCutDetector(176, 144, 8)
    >>> waves = [np.sin(x / 9 + n / 5) * np.cos(y / 7) for n in range(4)]
    >>> frames = [(128 + 80 * wave).astype(np.uint8) for wave in (*waves, np.sin(x * y / 300))]
    >>> [detector.push(frame).cut for frame in frames]
    [False, False, False, False, True]
    """

    def __init__(self, width: int, height: int, depth: int, *, threshold: float = THRESHOLD) -> None:
        if min(width, height) < 4 * BLOCK:
            raise ConfigError(f"a picture of {width}x{height} is too small for scene cut detection: 16x16 at least")
        if depth not in DEPTHS:
            raise ConfigError(f"bit depth {depth} is not one of 8, 10, 12")
        if not 0 < threshold <= 1:
            raise ConfigError(f"scene cut threshold {threshold} is not within 0..1")
        self._shape, self._depth, self._threshold = (height, width), depth, threshold
        self._cell = cell_sizes(width, height)
        self._past: deque[Thumbnail] = deque(maxlen=FLASH + 1)
        self._scores: deque[float] = deque(maxlen=3)
        self._since_key = 0

    def push(self, luma: np.ndarray, *, since_key: int | None = None, following: Sequence[np.ndarray] = ()) -> CutDecision:
        """Look at the next frame in order of showing.

        luma: (height, width), uint8 at depth 8, else uint16. since_key: frames since the last keyframe, 1 = that was the
        frame before; None counts from the last cut found. following: the frames after this one as far as they are known;
        the first three serve, and are looked at only if this frame may be a cut. Raises ConfigError for other planes.
        """
        now = self._small(luma)
        self._since_key = self._since_key + 1 if since_key is None else since_key
        if self._past:
            decision = self._decide(now, following)
            self._scores.append(decision.score)
        else:
            decision = CutDecision(False, False, 1.0, 0.0, now.activity, 0)
        if decision.cut or not self._past:
            self._since_key = 0
        self._past.appendleft(now)
        return decision

    def _decide(self, now: Thumbnail, following: Sequence[np.ndarray]) -> CutDecision:
        score, cost = _compare(now, self._past[0], self._threshold)
        if score < self._limit():
            return CutDecision(False, False, score, cost, now.activity, 1)
        for age in range(2, len(self._past) + 1):
            score_then, cost_then = _compare(now, self._past[age - 1], self._threshold)
            if score_then < self._threshold:
                return CutDecision(False, True, score, cost_then, now.activity, age)
        ends = any(_compare(self._small(later), self._past[0], self._threshold)[0] < self._threshold for later in following[:FLASH])
        return CutDecision(not ends, ends, score, cost, now.activity, 0)

    def _limit(self) -> float:
        """The score that makes a cut here."""
        limit = self._threshold + max(CERTAIN - self._threshold, 0) * PATIENCE / (PATIENCE + self._since_key)
        return max(limit, min(self._scores) + RISE) if self._scores else limit

    def _small(self, luma: np.ndarray) -> Thumbnail:
        if luma.shape != self._shape or luma.dtype != plane_dtype(self._depth):
            height, width = self._shape
            raise ConfigError(f"luma must be {plane_dtype(self._depth)} of shape {(height, width)}, not {luma.dtype} of shape {luma.shape}")
        return Thumbnail(shrink(luma, self._depth, self._cell))


def _compare(now: Thumbnail, then: Thumbnail, enough: float) -> tuple[float, float]:
    """Score and mean inter cost, in 8-bit levels, of predicting `now` from `then`. Changes of brightness are taken out if the
    score without that is not below `enough`."""
    shift = now.shift(then)
    inter = now.inter(then, shift)
    score = _score(inter, now.intra)
    if score >= enough:
        low, high = sorted((now.activity, then.activity))
        if low > BLANK:
            inter = np.minimum(inter, now.inter(then.with_levels_of(now), shift))
            score = _score(inter, now.intra)
        elif high < FADED:
            score = 0.0
    return score, float(inter.mean()) / (UNITS * BLOCK * BLOCK)


def _score(inter: Cells, intra: Cells) -> float:
    """Mean of min(inter / intra, 1) over blocks, each weighted by its intra cost within limits."""
    cells = np.float32(UNITS * BLOCK * BLOCK)
    alone: NDArray[np.float32] = intra / cells + np.float32(FLOOR)
    weight = np.minimum(alone, np.float32(CAP))
    return float((weight * np.minimum(inter / cells / alone, 1)).sum() / weight.sum())
