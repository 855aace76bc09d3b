"""Who decides I or P, and each frame's QP."""
from __future__ import annotations

from dataclasses import dataclass

from ..bitstream import FrameType
from ..config import MAX_QP

KEY_OFFSET = -5
OFFSETS = (-4, 2, 0, 2)
"""Of P frames, by number in the group modulo 4: every fourth is better, and the frames after it live on that."""


@dataclass(frozen=True, slots=True)
class FramePlan:
    """Type and QP of the frame that comes next."""

    type: FrameType
    qp: int


class GopPlanner:
    """Plans groups of pictures at base `qp`: a keyframe every `gop` frames (0: the first only), P frames between."""

    def __init__(self, gop: int, qp: int) -> None:
        self._length, self._qp, self._since_key = gop, qp, 0
        self._started = False

    @property
    def inter(self) -> bool:
        """Whether frames refer to others at all."""
        return self._length != 1

    def next(self, force_keyframe: bool = False) -> FramePlan:
        """Plan of the next frame in coding order."""
        if not self._started or force_keyframe or self._since_key == self._length:
            self._started, self._since_key = True, 1
            return FramePlan(FrameType.I, self._clipped(KEY_OFFSET if self.inter else 0))
        offset = OFFSETS[self._since_key % 4]
        self._since_key += 1
        return FramePlan(FrameType.P, self._clipped(offset))

    def _clipped(self, offset: int) -> int:
        return min(max(self._qp + offset, 0), MAX_QP)
