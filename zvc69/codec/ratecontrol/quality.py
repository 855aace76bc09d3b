"""Base QPs that follow quality alone: constant QP, and constant quality (CRF)."""
from __future__ import annotations

import math
from collections import deque

from ...bitstream import FrameType
from .frame import PlannedFrame


class ConstantQp:
    """The same base QP for all frames; only what their place in the group adds differs."""

    def __init__(self, qp: float) -> None:
        self._qp = qp

    most = math.inf

    def base(self, frame: PlannedFrame) -> float:
        """Base QP of a frame, not rounded."""
        return self._qp

    def take(self, frame: PlannedFrame, qp: int, bits: int) -> None:
        """Nothing to be learned."""
