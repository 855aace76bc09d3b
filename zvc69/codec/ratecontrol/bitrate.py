"""The base QP that holds a bitrate: feed-forward from a model of the bits, and a controller on what was spent too much."""
from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from ...bitstream import FrameType
from ...config import MAX_QP
from .frame import PlannedFrame
from .model import RateModel

REMEMBERED = 16
"""Frames between keyframes that stand for those to come."""
LONGEST = 10
"""Seconds over which a keyframe's bits are made up for at most."""
RISE, FALL = 3.0, 1.5
"""Base QPs up and down at most from one frame to the next of a scene: too many bits are a danger, too few are none."""
INTEGRAL = 0.25
"""Weight of the integral term, of the proportional one."""
URGENCY = 16.0
"""A departure of half the band is corrected this much / 4 + 1 times as hard, in proportion, as a small one."""
LEAST_SHARE = 0.1
"""Of the mean bits of a frame, that frames get while a debt is paid back."""
BASES = -20.0, float(MAX_QP) + 20
"""Bounds of base QPs: beyond them every offset leads to QP 0 or 63."""


@dataclass(frozen=True, slots=True)
class Band:
    """Bits that the excess over the target may move between; the middle is where it is held."""

    low: float
    high: float

    @property
    def span(self) -> float:
        return self.high - self.low


class AverageBitrate:
    """Base QPs for `rate` bits a frame.

    The excess over the target falls on a straight line from keyframe to keyframe, as it does at a constant QP: a keyframe may take it from the lower
    part of `band` to the upper, and the frames after it pay that back. So do B frames with what the P frame of their run takes beyond the mean: that
    much is foreseen above the line. What departs from the line is corrected within `reaction` frames by a proportional and an integral term; the
    model gives the QP for the bits that are then due.
    """

    goes_by_bits = True

    def __init__(self, model: RateModel, rate: float, fps: Fraction, band: Band, reaction: float) -> None:
        self._model, self._rate, self._band, self._reaction = model, rate, band, max(reaction, 4.0)
        self._longest = max(int(LONGEST * fps), 1)
        self._recent: deque[PlannedFrame] = deque(maxlen=REMEMBERED)
        self._base: float | None = None
        self._wanted = 0.0
        self._excess = self._integral = 0.0
        self._foreseen = 0.0               # bits of this run of B frames so far, beyond those of as many mean frames
        self._begin, self._end, self._length, self._since = 0.0, 0.0, 1, 0

    @property
    def most(self) -> float:
        """Bits that the next frame may have."""
        return max(self._band.high - self._excess + self._rate, LEAST_SHARE * self._rate)

    def base(self, frame: PlannedFrame) -> float:
        """Base QP of a frame, not rounded."""
        self._wanted = self._find(frame)
        return self._wanted

    def _find(self, frame: PlannedFrame) -> float:
        if frame.type == FrameType.I and frame.period != 1:
            return self._of_keyframe(frame)
        due = max(self._due(), LEAST_SHARE * self._rate)
        frames = self._with_recent(frame)
        base = _solve(lambda base: self._mean(frames, base) - due)
        if self._base is not None:
            base = min(max(base, self._base - FALL), self._base + RISE)
        return base

    def take(self, frame: PlannedFrame, qp: int, bits: int, filler: int = 0) -> None:
        """Go on by a frame that was coded at `qp`."""
        self._excess += bits + filler - self._rate
        if frame.type == FrameType.I and frame.period != 1:
            scene_begins = frame.cut or self._base is None
            if scene_begins:
                self._recent.clear()
            self._base = None if scene_begins else self._base
            self._begin, self._length = self._excess, self._frames_to_key(frame)
            self._end = self._low_before_key(bits) if frame.period else self._middle
            self._since, self._integral, self._foreseen = 0, 0.0, 0.0
            return
        self._since += 1
        used = qp - frame.offset
        frames = self._with_recent(frame)
        if frame.layer == 0:
            self._foreseen = 0.0
        if any(other.layer for other in frames):
            self._foreseen += self._bits(frame, used) - self._mean(frames, used)
        error = self._error()
        limit = self._band.span / 2
        self._integral = min(max(self._integral + error / self._reaction, -limit), limit)
        self._base = self._wanted if abs(used - self._wanted) <= 1 else float(used)       # rounding is none of its affair
        self._recent.append(frame)

    def _due(self) -> float:
        """Bits that a frame is to have now."""
        falling = (self._end - self._begin) / self._length if self._since < self._length else 0.0
        error = self._error()
        urgent = 1 + (error / self._band.span) ** 2 * URGENCY
        return self._rate + falling - (error * urgent + INTEGRAL * self._integral) / self._reaction

    def _error(self) -> float:
        """Bits that were spent beyond what was to be spent by now."""
        return self._excess - self._line() - self._foreseen

    def _with_recent(self, frame: PlannedFrame) -> list[PlannedFrame]:
        """As many frames as there are in whole runs, this one the last: what is to come is like them."""
        return [*list(self._recent)[-REMEMBERED + 1:], frame]

    def _line(self) -> float:
        """Excess that is wanted after the frame coded last."""
        return self._begin + (self._end - self._begin) * min(self._since / self._length, 1.0)

    @property
    def _middle(self) -> float:
        return (self._band.low + self._band.high) / 2

    def _frames_to_key(self, frame: PlannedFrame) -> int:
        return max(min(frame.period or self._longest, self._longest) - 1, 1)

    def _low_before_key(self, bits: float) -> float:
        """Excess before a keyframe of so many bits, so that it is as much above the middle after it."""
        return max(self._middle - max(bits - self._rate, 0.0) / 2, self._band.low)

    def _of_keyframe(self, frame: PlannedFrame) -> float:
        """The base QP at which this frame and those up to the next keyframe take the bits that are there for them."""
        count = self._frames_to_key(frame)
        new = frame.cut or not self._recent
        frames = [frame_like(frame)] if new else list(self._recent)

        def beyond(base: float) -> float:
            own = min(self._bits(frame, base), self.most)
            end = self._low_before_key(own) if frame.period else self._middle
            return own + count * self._mean(frames, base) - (count + 1) * self._rate - end + self._excess

        base = _solve(beyond)
        if not new and self._base is not None:
            base = min(max(base, self._base - RISE), self._base + RISE)
        return base

    def _mean(self, frames: list[PlannedFrame], base: float) -> float:
        return sum(self._bits(frame, base) for frame in frames) / len(frames)

    def _bits(self, frame: PlannedFrame, base: float) -> float:
        return self._model.bits(frame.kind, frame.complexity, min(max(base + frame.offset, 0), MAX_QP))


def frame_like(key: PlannedFrame) -> PlannedFrame:
    """A frame as they may come after a keyframe that begins a scene."""
    return PlannedFrame(key.number + 1, FrameType.P, 0, 0, key.following or key.complexity.still_unknown())


def _solve(falling: Callable[[float], float]) -> float:
    """Where a falling function of the base QP is zero, or the bound nearest to that."""
    low, high = BASES
    for _ in range(14):                                # to 0.01
        middle = (low + high) / 2
        if falling(middle) > 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2
