"""Who decides I, P or B, what a frame refers to, in which order frames are coded, and how much better or worse than the others."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ..bitstream import FrameType

KEY_OFFSET = -13
SHORT_GROUPS = (8, -7), (16, -10)
"""Of keyframes of groups that have so many frames at most. Measured, as docs/TRAINING.md says; with a lookahead, what follows says it better."""
OFFSETS = (-2, 1, 0, 1)
"""Of P frames without B frames between, by number in the group modulo 4: every fourth is better, and the frames after it live on that."""
RUN_OFFSETS = {1: (-2, 3), 3: (-4, 0, 4), 7: (-6, -2, 2, 6), 15: (-6, -2, 2, 6, 7)}
"""Of runs with so many B frames: of the P frame that ends them, and of B frames by level. Those that others refer to are better, the more so the more
there are that do."""


@dataclass(frozen=True, slots=True)
class FramePlan:
    """How frame `number`, in order of presentation, is coded. offset: QP beyond the base QP. past, future: the frames that a B frame
    refers to. sigma_reset: this frame and those coded after it take no sigma state from frames before it. to_key: frames from this one
    to the next keyframe that is due, 0 if none is."""

    number: int
    type: FrameType
    offset: int
    layer: int = 0
    stored: bool = True
    past: int | None = None
    future: int | None = None
    sigma_reset: bool = False
    to_key: int = 0


Plans = Sequence[FramePlan]
"""Of frames that follow each other, in coding order."""


class RunChooser(Protocol):
    """Decides how the frames up to a P frame, a run, are coded."""

    def choose(self, ways: Sequence[Plans], full: bool, first: bool = False) -> Plans:
        """One of `ways` to code the frames of a run: P frames alone, then with B frames. full: the run was not cut short by the
        end of a group. first: it is the first one behind a keyframe. All frames before it are coded."""

    def begin_scene(self) -> None:
        """The next run is of another scene."""


class GopPlanner:
    """Plans groups of pictures: a keyframe every `gop` frames (0: the first only), between them P frames, and before
    each of these `b_frames` (0, 1, 3, 7 or 15; fewer where a group ends) B frames in levels, each halfway between two others.
    Every `sigma_reset`-th P frame of a group (0: none) begins the sigma state anew. chooser: decides of each run of `b_frames` + 1 whether it has
    its B frames, or P frames alone, or as many B frames before each of its P frames as one of `shorter` says.

    >>> planner = GopPlanner(0, b_frames=3)
    >>> [(plan.number, plan.type.name, plan.layer) for n in range(5) for plan in planner.push(n)]
    [(0, 'I', 0), (4, 'P', 0), (2, 'B', 1), (1, 'B', 2), (3, 'B', 2)]
    """

    def __init__(self, gop: int, b_frames: int = 0, sigma_reset: int = 0, chooser: RunChooser | None = None, shorter: Sequence[int] = ()) -> None:
        self._length, self._between, self._reset, self._chooser = gop, b_frames, sigma_reset, chooser
        self._ways = 0, b_frames, *shorter
        self._key: int | None = None
        self._p_frames = 0                   # of this group
        self._anchor = 0                     # the frame coded last that is no B frame
        self._waiting: list[int] = []

    @property
    def inter(self) -> bool:
        """Whether frames refer to others at all."""
        return self._length != 1

    def push(self, number: int, keyframe: bool = False, offset: int | None = None, length: int = 0) -> list[FramePlan]:
        """Plans, in coding order, of the frames that can be coded now that frame `number` is there; keyframe: it must be one. Of keyframes, if
        known: offset, the QP beyond the base QP, and length, frames to the next one."""
        if self._key is None or keyframe or self._length and number - self._key >= self._length:
            plans = self.flush()
            if keyframe and self._chooser is not None:
                self._chooser.begin_scene()
            self._key = self._anchor = number
            self._p_frames = 0
            if offset is None or not self.inter:
                offset = self._key_offset
            return plans + [FramePlan(number, FrameType.I, offset, to_key=length or self._length)]
        self._waiting.append(number)
        return self.flush() if len(self._waiting) > self._between else []

    def flush(self) -> list[FramePlan]:
        """Plans of the frames that wait for more."""
        if not self._waiting:
            return []
        last, first, count = self._waiting[-1], self._anchor, len(self._waiting)
        self._waiting, self._anchor = [], last
        if self._chooser is None:
            return self._run(first, last, self._between)
        before, ways = self._p_frames, []
        for between in self._ways:
            self._p_frames = before
            ways.append(self._run(first, last, between))
        chosen = self._chooser.choose(ways, full=count > self._between, first=first == self._key)
        self._p_frames = before + sum(plan.type == FrameType.P for plan in chosen)
        return list(chosen)

    def _run(self, first: int, last: int, between: int) -> list[FramePlan]:
        """Plans of the frames after `first`, the anchor, up to `last`."""
        plans: list[FramePlan] = []
        while first < last:
            anchor = min(first + between + 1, last)
            self._p_frames += 1
            reset = self._reset > 0 and self._p_frames % self._reset == 0
            offset, *levels = RUN_OFFSETS[between] if between else (OFFSETS[(anchor - self._key) % len(OFFSETS)],)
            plans += [FramePlan(anchor, FrameType.P, offset, sigma_reset=reset, to_key=self._to_key(anchor)), *self.halves(first, anchor, levels)]
            first = anchor
        return plans

    def halves(self, first: int, last: int, offsets: Sequence[int] = RUN_OFFSETS[15][1:], level: int = 1) -> list[FramePlan]:
        """B frames between two coded ones, in coding order. offsets: of QP, by level; at least as many as there will be levels."""
        if last - first < 2:
            return []
        middle = (first + last) // 2
        plan = FramePlan(middle, FrameType.B, offsets[level - 1], level, last - first > 2, first, last, to_key=self._to_key(middle))
        return [plan, *self.halves(first, middle, offsets, level + 1), *self.halves(middle, last, offsets, level + 1)]

    @property
    def _key_offset(self) -> int:
        """Of a keyframe of whose group nothing is known but how long it may be."""
        if not self.inter:
            return 0
        return next((offset for most, offset in SHORT_GROUPS if 0 < self._length <= most), KEY_OFFSET)

    def _to_key(self, number: int) -> int:
        return self._key + self._length - number if self._length and self._key is not None else 0
