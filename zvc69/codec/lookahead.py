"""Frames held back before they are coded, so that what follows a keyframe says how good it is to be.

A keyframe is worth its bits by how many frames live on it: those up to the next keyframe, each predicted from the one before with a loss.
"""
from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, takewhile
from statistics import mean

from ..media import Frame
from .gop import KEY_OFFSET
from .ratecontrol import Complexity
from .scenecut import FLASH, SceneCutDetector
from .temporal_filter import Neighbours

STRENGTH = 4.0
"""QPs that a keyframe is better for each doubling of the frames that live on it. Fitted to clips of the training set, as docs/TRAINING.md says."""
MOST = 16
"""QPs, at most."""
FINE, HALVED = 16, 20
"""Base QP from which what is not predicted counts less, by half for so many QPs more: what is smaller than the quantiser's errors is not coded in the frames
behind, and takes nothing of a keyframe away. No keyframe is better than KEY_OFFSET for that."""
FARTHEST = 60
"""Frames of a group that count at most where its end is out of sight."""
HELD_BYTES = 1 << 29
"""Samples that frames held back may take; larger pictures are held back in smaller numbers."""


@dataclass(frozen=True, slots=True)
class Group:
    """What is known of the frames that live on a keyframe.

    offset      QP of the keyframe, beyond the base QP
    frames      from it to the next keyframe; 0 if that is not known, but for what `gop` says
    complexity  of the frames behind it, the mean; None if there are none
    """

    offset: int
    frames: int = 0
    complexity: Complexity | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """A frame, and what is known of it when it is planned.

    wanted       it must be a keyframe: that was asked for, or a scene begins
    cut          a scene begins with it
    key          it is a keyframe
    score        of the scene cut detector: the share of the frame that the one before does not predict
    complexity   of its small picture; 0 where there is no detector
    group        of a keyframe: what is known of the frames up to the next one; None if it was not looked for
    neighbours   frames around it
    """

    number: int
    picture: Frame
    wanted: bool = False
    cut: bool = False
    key: bool = False
    score: float = 1.0
    complexity: Complexity = Complexity(0, 0)
    group: Group | None = None
    neighbours: Neighbours = Neighbours()


class Surroundings:
    """Remembers frames that are given back, so that each one knows its neighbours: `radius` on each side, as far as they are there, up to the next
    cut that is known."""

    def __init__(self, radius: int) -> None:
        self._radius = radius
        self._before: deque[Frame] = deque(maxlen=radius)      # of this scene, the last one first

    def of(self, frame: Looked, following: Iterable[Looked]) -> Looked:
        """The next frame with its neighbours. following: frames behind it, as far as they are there."""
        if frame.cut:
            self._before.clear()
        after = takewhile(lambda later: not later.cut, islice(following, self._radius))
        neighbours = Neighbours(tuple(self._before), tuple(later.picture for later in after))
        self._before.appendleft(frame.picture)
        return replace(frame, neighbours=neighbours)


class Lookahead:
    """Looks at frames, and gives each back when so many later ones have been looked at too.

    length     frames held back; 0: none, keyframes have no `group`
    gop        largest distance of keyframes, 0 = unlimited, 1 = keyframes alone
    detector   of scene cuts; None: there are none, and complexity is not wanted
    cuts       whether keyframes begin scenes
    qp         base QP; FINE where it is not known beforehand, a bitrate being aimed at: smaller keyframes fit into buffers
    radius     of `neighbours` on each side, for the temporal filter

    A flash is told where it begins if three later frames are there: so many are held back before a frame is looked at, the others after that.
    """

    def __init__(self, length: int, gop: int, detector: SceneCutDetector | None, *, cuts: bool, qp: float = FINE, radius: int = 0) -> None:
        self._surroundings, self._counting = Surroundings(radius), 2 ** (-max(qp - FINE, 0) / HALVED)
        self._length, self._gop, self._detector, self._cuts = length, gop, detector, cuts and detector is not None
        self._coming: deque[Looked] = deque()      # not looked at yet
        self._looked: deque[Looked] = deque()
        self._following = min(length, FLASH) if detector is not None else 0
        self._key: int | None = None               # number of the last keyframe
        self._count = 0

    def push(self, picture: Frame, keyframe: bool = False) -> list[Looked]:
        """The frames to plan now that this one is there; keyframe: it must be one."""
        self._coming.append(Looked(self._count, picture, keyframe))
        self._count += 1
        if len(self._coming) > self._following:
            self._look()
        return [self._released()] if len(self._coming) + len(self._looked) > self._held(picture) else []

    def flush(self) -> list[Looked]:
        """The frames that are left, at the end of the video."""
        while self._coming:
            self._look()
        return [self._released(ends=True) for _ in range(len(self._looked))]

    def _held(self, picture: Frame) -> int:
        """Frames that are held back, of pictures like this one."""
        size = sum(plane.nbytes for plane in picture.planes)
        return max(min(self._length, HELD_BYTES // size), self._following)

    def _look(self) -> None:
        frame = self._coming.popleft()
        since = 0 if self._key is None else frame.number - self._key
        if self._detector is not None:
            found = self._detector.push(frame.picture.y, since_key=since, following=[later.picture.y for later in self._coming])
            frame = replace(frame, wanted=frame.wanted or found.cut and self._cuts, cut=found.cut, score=found.score,
                            complexity=Complexity(found.inter_cost, found.intra_cost))
        key = self._key is None or frame.wanted or self._gop > 0 and since >= self._gop
        if key:
            self._key = frame.number
        self._looked.append(replace(frame, key=key))

    def _released(self, ends: bool = False) -> Looked:
        """The oldest frame. ends: none will follow those that are here."""
        frame = self._looked.popleft()
        frame = self._surroundings.of(frame, chain(self._looked, self._coming))     # of those that come, cuts are not known yet
        if not frame.key or not self._length or self._gop == 1:
            return frame
        others = list(takewhile(lambda later: not later.key, self._looked))
        key_follows = len(others) < len(self._looked)
        return replace(frame, group=self._group(others, ends or key_follows, key_follows, frame.complexity))

    def _group(self, others: Sequence[Looked], end: bool, key_follows: bool, complexity: Complexity) -> Group:
        """others: of a group, behind its keyframe, as far as they are seen. end: those are all. complexity: of the keyframe."""
        count = len(others) if end else min(self._gop or FARTHEST, FARTHEST) - 1
        missed = mean(later.score for later in others) if others else 1.0
        inter = Complexity(mean(later.complexity.inter for later in others), complexity.intra) if others else None
        offset = min(offset_for(1 - missed, count), max(offset_for(1 - missed * self._counting, count), KEY_OFFSET))
        return Group(offset, len(others) + 1 if key_follows else 0, inter)


def offset_for(share: float, count: int) -> int:
    """QP of a keyframe beyond the base QP, by the frames that it serves (`living_on_it`)."""
    return -min(round(STRENGTH * math.log2(living_on_it(share, count))), MOST)


def living_on_it(share: float, count: int) -> float:
    """Frames that a keyframe serves, itself included: of each the `share` that is left of what the one before had. count: frames behind it.

    >>> living_on_it(0.5, 2), living_on_it(0.9, 0)
    (1.75, 1.0)
    """
    return sum(share ** n for n in range(count + 1))
