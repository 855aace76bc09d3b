"""Rate control: the QP of each frame, and whether it is to be coded again at another one."""
from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from typing import Protocol

from ...bitstream import FrameType
from ...config import MAX_QP
from .frame import PlannedFrame
from .model import RateModel, log_payload
from .vbv import VbvBuffer

AIM = 0.92
"""Of the most that a frame may have, that is aimed at, since the model errs."""
KEY_FILL, FILL = 0.9, 0.5
"""Of what is in the VBV buffer, that a keyframe and another frame may take: those after it want something too. So little is asked of
frames when the buffer is nearly empty that it fills again."""
WORTH = 3
"""By how many QPs a keyframe must have missed what it should have been, to be coded again for that."""


FILLING, LOWER = 2, 6
"""Times more that a frame is coded again so that a buffer of constant rate does not overflow; QPs that each is lower at least, unless lower ones were tried."""


class BaseQp(Protocol):
    """What the QPs of frames are derived from; goes_by_bits: from the bits of the frames before too."""

    goes_by_bits: bool

    @property
    def most(self) -> float:
        """Bits that the next frame may have."""

    def base(self, frame: PlannedFrame) -> float:
        """Base QP of a frame, not rounded; its own is that plus its offset."""

    def take(self, frame: PlannedFrame, qp: int, bits: int, filler: int = 0) -> None:
        """Go on by a frame that was coded in `bits`, to which so many of filler were added."""


class Limit(Protocol):
    """Bits that the next frame may have and must have."""

    @property
    def most(self) -> float: ...

    @property
    def least(self) -> float: ...

    def take(self, bits: int) -> object: ...


class RateController:
    """Is asked for the QP of each frame in order of coding, and told the bits that this led to.

    base           where QPs come from
    model          bits of frames by QP
    limits         bounds of each frame's bits
    vbv            a buffer that must not underflow, if any
    max_reencodes  times that a frame is coded again at most, to keep within limits. With a VBV buffer and 1 or more, once more still, at QP 63, if it
                   would underflow, and twice more, at lower QPs, if one of constant rate would overflow: what then still lacks is filler

    For every frame: `begin` gives a QP; `judge` is told the bits and gives the next QP to try, or None; then `chosen` is the QP whose
    bits count, `least` what they are to be filled up to, and `finish` is told them.
    """

    def __init__(self, base: BaseQp, model: RateModel, limits: Sequence[Limit] = (), vbv: VbvBuffer | None = None,
                 max_reencodes: int = 0) -> None:
        self._base, self._model, self._vbv, self._max = base, model, vbv, max_reencodes
        self._limits = [*limits, *([] if vbv is None else [vbv])]
        self._carry = self._rest = 0.0         # so that the mean QP is not rounded
        self._tried: dict[int, int] = {}
        self.reencodes = 0

    def begin(self, frame: PlannedFrame) -> int:
        """QP to code the frame at first."""
        self._frame, self._tried = frame, {}
        self._most = min([self._base.most, *(limit.most for limit in self._limits)])
        if self._vbv is not None:
            self._most = min(self._most, (KEY_FILL if frame.type == FrameType.I else FILL) * self._vbv.most)
        self._least = max((limit.least for limit in self._limits), default=0.0)
        self._qp = self._first()
        return self._qp

    def foreseen(self, frames: Sequence[PlannedFrame]) -> list[int] | None:
        """What `begin` will give for the frames that follow the one that it was asked for last; None if that depends on the bits that frames take."""
        if self._limits or self._vbv is not None or self._base.goes_by_bits:
            return None
        other, found = copy.deepcopy(self), []
        for frame in frames:
            other._carry = other._rest
            found.append(other.begin(frame))
        return found

    def judge(self, bits: int) -> int | None:
        """Told the bits at the QP that was given last: a QP to code the frame at again, None if that is enough."""
        for qp, others in self._tried.items():
            self._model.compare(self._frame.kind, qp, others, self._qp, bits)
        self._tried[self._qp] = bits
        qp = self._next(bits)
        if qp is None or qp in self._tried:
            return None
        self.reencodes += 1
        self._qp = qp
        return qp

    @property
    def chosen(self) -> int:
        """The QP tried that serves best: within the limits, or nearest to them, and never too many bits if that can be."""
        return min(self._tried, key=self._badness)

    @property
    def least(self) -> int:
        """Bits that the frame must have, with filler if need be, so that a buffer of constant rate does not overflow; else 0."""
        return 0 if self._vbv is None else math.ceil(self._vbv.least)

    def finish(self, bits: int, filler: int = 0) -> None:
        """Go on by this frame, which took so many bits at the QP `chosen`, and so many of filler beyond them: these are spent, but say nothing of frames."""
        frame, qp = self._frame, self.chosen
        self._model.learn(frame.kind, frame.complexity, qp, bits)
        self._base.take(frame, qp, bits, filler)
        for limit in self._limits:
            limit.take(bits + filler)
        self._carry = self._rest

    def _first(self) -> int:
        frame = self._frame
        wanted = self._base.base(frame) + frame.offset
        rounded = math.floor(wanted + self._carry + 0.5)
        self._rest = wanted + self._carry - rounded
        qp = _clipped(rounded)
        expected = self._model.bits(frame.kind, frame.complexity, qp)
        most = self._most if self._max else AIM * self._most          # the model errs: what can be tried need not be feared
        if expected > most:
            return max(qp, _clipped(math.ceil(self._at(most))))
        if expected < self._least / AIM:
            return min(qp, _clipped(math.floor(self._at(self._least / AIM))))
        return qp

    def _next(self, bits: int) -> int | None:
        """The QP to try after this one, None to be content."""
        if len(self._tried) > self._max:
            return self._last_resort() if self._max and self._vbv is not None else None
        too_many = [qp for qp, tried in self._tried.items() if tried > self._most]
        too_few = [qp for qp, tried in self._tried.items() if tried < self._least]
        low, high = max(too_many, default=-1) + 1, min(too_few, default=MAX_QP + 1) - 1
        if low > high:
            return None
        if bits > self._most:
            last = len(self._tried) == self._max
            return min(max(self._moved(bits, self._most * AIM ** (2 + 2 * last), math.ceil), low), high)
        if bits < self._least:
            return max(min(self._moved(bits, self._least / AIM, math.floor), high), low)
        if self._frame.type == FrameType.I and len(self._tried) == 1:
            return self._replanned(bits)
        return None

    def _last_resort(self) -> int | None:
        """A QP to try where those tried, as many as there may be, would break the buffer."""
        if min(self._tried.values()) > self._vbv.most:
            return MAX_QP
        best, least = self.chosen, self._vbv.least
        if self._tried[best] >= least or len(self._tried) > self._max + FILLING:
            return None
        finer = max((qp for qp in self._tried if qp < best), default=None)
        if finer is None:
            return max(min(self._moved(self._tried[best], least / AIM, math.floor), best - LOWER), 0)
        return self._between(finer, best, least / AIM)

    def _between(self, finer: int, coarser: int, bits: float) -> int | None:
        """The QP between two of those tried that should take so many bits, None if there is none."""
        most, least = (log_payload(self._tried[qp]) for qp in (finer, coarser))
        if coarser - finer < 2 or most <= least:
            return None
        share = (log_payload(bits) - least) / (most - least)
        return min(max(math.floor(coarser - share * (coarser - finer)), finer + 1), coarser - 1)

    def _moved(self, bits: int, target: float, rounded) -> int:
        slope = self._model.slope(self._frame.kind)
        return _clipped(self._qp + rounded(math.log2(bits / max(target, 1.0)) / slope))

    def _replanned(self, bits: int) -> int | None:
        """The QP that the keyframe would get now that its bits at one QP are known, if it is far from that."""
        self._model.learn(self._frame.kind, self._frame.complexity, self._qp, bits)
        qp = self._first()
        return qp if abs(qp - self._qp) >= WORTH else None

    def _badness(self, qp: int) -> tuple[float, float, int]:
        bits = self._tried[qp]
        late = 0.0 if self._vbv is None else max(bits - self._vbv.most, 0.0)
        last = -list(self._tried).index(qp)
        return late, max(bits - self._most, self._least - bits, 0.0), last

    def _at(self, bits: float) -> float:
        return self._model.qp(self._frame.kind, self._frame.complexity, bits)


def _clipped(qp: int) -> int:
    return min(max(qp, 0), MAX_QP)
