"""What a first pass found out of frames, in the place of what the second would find out itself."""
from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from ..bitstream import FrameType
from ..media import Frame
from .gop import FramePlan
from .lookahead import Group, Looked, Surroundings
from .ratecontrol import Complexity, Statistics


class KnownFrames:
    """Gives frames back with what a first pass saw of them (in the place of a `lookahead.Lookahead`): which are keyframes, and how good.

    radius: of `neighbours` on each side, for the temporal filter; so many frames are held back. Cuts are not known any more: the filter sees them itself.
    """

    def __init__(self, statistics: Statistics, radius: int = 0) -> None:
        self._known = {frame.number: frame for frame in statistics.frames}
        keys = sorted(frame.number for frame in statistics.frames if frame.type == FrameType.I)
        self._lengths = {key: following - key for key, following in zip(keys, keys[1:])}
        self._count, self._radius = 0, radius
        self._held: deque[Looked] = deque()
        self._surroundings = Surroundings(radius)

    def push(self, picture: Frame, keyframe: bool = False) -> list[Looked]:
        """The frame, or the one that comes so much before it; keyframe: it must be one, whatever it was. The first pass must have seen it."""
        number, seen = self._count, self._known[self._count]
        self._count += 1
        key, group = seen.type == FrameType.I, None
        if key:
            group = Group(seen.offset, self._lengths.get(number, 0))
        self._held.append(Looked(number, picture, key or keyframe, key=key, complexity=Complexity(seen.inter, seen.intra), group=group))
        return [self._released()] if len(self._held) > self._radius else []

    def flush(self) -> list[Looked]:
        """The frames that are left, at the end of the video."""
        return [self._released() for _ in range(len(self._held))]

    def _released(self) -> Looked:
        return self._surroundings.of(self._held.popleft(), self._held)


class KnownRuns:
    """Has runs of frames coded with the types that they had in a first pass (`gop.RunChooser`)."""

    def __init__(self, statistics: Statistics) -> None:
        self._types = {frame.number: frame.type for frame in statistics.frames}

    def choose(self, ways: Sequence[Sequence[FramePlan]], full: bool, first: bool = False) -> Sequence[FramePlan]:
        """The way that the first pass went; the first one for frames that it has not seen."""
        return next((plans for plans in ways if all(plan.type == self._types.get(plan.number) for plan in plans)), ways[0])

    def begin_scene(self) -> None: ...
