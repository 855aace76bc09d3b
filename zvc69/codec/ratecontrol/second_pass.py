"""Base QPs of a second pass: all frames share one slope, and the whole takes the bits that it is to take."""
from __future__ import annotations

import math
from collections.abc import Sequence

from ...bitstream import FrameType
from ...config import MAX_QP
from ...errors import StatisticsError
from .frame import PlannedFrame
from .model import HEADER_BITS, LEAST_BITS, Complexity
from .quality import ComplexityOffset
from .statistics import FrameStatistics

KEY_SLOPE, SLOPE = 0.08, 0.125
"""log2 of the bits that one QP brings if all frames change by it, of keyframes and of others: means over clips of the training set."""
MEMORY = 0.98
"""Of what is known of the statistics' error, that is left a frame later."""
PRIOR = 8
"""Mean frames that the statistics count for before that error is believed."""
STEP = 1.0
"""Base QPs from one frame to the next at most."""
BASES = -20.0, float(MAX_QP) + 20


class SecondPass:
    """Base QPs for a clip that was coded before and is to have `bits` in all.

    The sum of J = D + lambda R over all frames is least under a bound of the bits where all have the same slope; lambda goes with the base QP, so
    that is the same for all frames, and each has its offset and what its complexity adds (`ComplexityOffset`). After every frame it is found anew for
    those that are left and the bits that are left, so that what the statistics err by is made up for.
    """

    most = math.inf
    goes_by_bits = True

    def __init__(self, frames: Sequence[FrameStatistics], bits: float) -> None:
        self._known = {frame.number: frame for frame in frames}
        offset = ComplexityOffset()
        self._extra = {frame.number: offset.of(frame.type, Complexity(frame.inter, frame.intra)) for frame in frames}
        self._bits_left, self._frames_left = float(bits), len(frames)
        # Bits that the frames left would take at base QP 0, headers aside, by slope.
        self._at_zero = {slope: sum(self._at_zero_of(f) for f in frames if _slope(f.type) == slope) for slope in (KEY_SLOPE, SLOPE)}
        mean = bits / len(frames)
        self._real = self._foreseen = PRIOR * mean
        self._prior = PRIOR * mean
        self._base: float | None = None

    @property
    def planned(self) -> float:
        """The base QP at which the frames left take the bits left."""
        low, high = BASES
        for _ in range(16):
            middle = (low + high) / 2
            low, high = (middle, high) if self._left_at(middle) > self._bits_left else (low, middle)
        return (low + high) / 2

    def base(self, frame: PlannedFrame) -> float:
        """Base QP of a frame, not rounded. Raises StatisticsError for one that the first pass has not seen."""
        seen = self._known.get(frame.number)
        if seen is None:
            raise StatisticsError(f"the statistics are of {len(self._known)} frames, this clip has more", frame=frame.number)
        base = self.planned
        if self._base is not None:
            base = min(max(base, self._base - STEP), self._base + STEP)
        self._base = base
        return base + self._extra[frame.number]

    def take(self, frame: PlannedFrame, qp: int, bits: int, filler: int = 0) -> None:
        """Go on by a frame."""
        seen = self._known[frame.number]
        slope = _slope(seen.type)
        self._at_zero[slope] = max(self._at_zero[slope] - self._at_zero_of(seen), 0.0)
        self._frames_left -= 1
        self._bits_left -= bits + filler
        # The prior is added anew so that it does not fade: frames that are all but copies say nothing.
        self._real = MEMORY * (self._real - self._prior) + bits + self._prior
        self._foreseen = MEMORY * (self._foreseen - self._prior) + HEADER_BITS + _payload_bits(seen, qp - frame.offset) + self._prior

    def _at_zero_of(self, frame: FrameStatistics) -> float:
        """Bits of a frame at base QP 0."""
        return _payload_bits(frame, self._extra[frame.number])

    def _left_at(self, base: float) -> float:
        """Bits that the frames left will take."""
        foreseen = HEADER_BITS * self._frames_left + sum(at_zero * 2 ** (-slope * base) for slope, at_zero in self._at_zero.items())
        return foreseen * self._real / self._foreseen


def _slope(type: FrameType) -> float:
    return KEY_SLOPE if type == FrameType.I else SLOPE


def _payload_bits(frame: FrameStatistics, base: float) -> float:
    """What a frame takes at a base QP, its header aside."""
    return max(frame.bits - HEADER_BITS, LEAST_BITS) * 2 ** (_slope(frame.type) * (frame.qp - frame.offset - base))
