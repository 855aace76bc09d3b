"""What a first pass found out of frames, in the place of what the second would find out itself."""
from __future__ import annotations

from collections.abc import Sequence

from ..bitstream import FrameType
from ..media import Frame
from .gop import FramePlan
from .lookahead import Group, Looked
from .ratecontrol import Complexity, Statistics


class KnownFrames:
    """Gives frames back at once, with what a first pass saw of them (in the place of a `lookahead.Lookahead`): which are keyframes, and how good."""

    def __init__(self, statistics: Statistics) -> None:
        self._known = {frame.number: frame for frame in statistics.frames}
        keys = sorted(frame.number for frame in statistics.frames if frame.type == FrameType.I)
        self._lengths = {key: following - key for key, following in zip(keys, keys[1:])}
        self._count = 0

    def push(self, picture: Frame, keyframe: bool = False) -> list[Looked]:
        """The frame; keyframe: it must be one, whatever it was. The first pass must have seen it."""
        number, seen = self._count, self._known[self._count]
        self._count += 1
        key, group = seen.type == FrameType.I, None
        if key:
            group = Group(seen.offset, self._lengths.get(number, 0))
        return [Looked(number, picture, key or keyframe, key=key, complexity=Complexity(seen.inter, seen.intra), group=group)]

    def flush(self) -> list[Looked]:
        """None: no frame is held back."""
        return []


class KnownRuns:
    """Has runs of frames coded with the types that they had in a first pass (`gop.RunChooser`)."""

    def __init__(self, statistics: Statistics) -> None:
        self._types = {frame.number: frame.type for frame in statistics.frames}

    def choose(self, ways: Sequence[Sequence[FramePlan]], full: bool, first: bool = False) -> Sequence[FramePlan]:
        """The way that the first pass went; the first one for frames that it has not seen."""
        return next((plans for plans in ways if all(plan.type == self._types.get(plan.number) for plan in plans)), ways[0])

    def begin_scene(self) -> None: ...
