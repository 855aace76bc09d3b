"""How many bits a frame takes at a QP: learned from the frames coded so far."""
from __future__ import annotations

import math
from dataclasses import dataclass

from ...bitstream import FrameType
from ...config import MAX_QP

HEADER_BITS = 64
"""That a frame takes when nothing in it is coded: headers and flags."""
LEAST_BITS = 8.0
"""Of what is coded in a frame, so that its logarithm is bounded."""
COMPLEXITY_FLOOR = 0.05
"""8-bit levels: what prediction from a still frame leaves is noise and rounding."""
SLOPES = 0.05, 0.25
"""Bounds of what one QP brings, in log2 of the bits. The step alone doubles every 10.5 QP, 0.095; noise in still scenes goes faster."""
EXPONENTS = {FrameType.I: 0.4, FrameType.P: 0.5, FrameType.B: 0.5}
"""Bits rise with this power of the thumbnails' cost: cells of 1/80 of the picture do not see fine texture."""
FIRST_GUESS = {FrameType.I: (0.4, 0.08), FrameType.P: (0.2, 0.135), FrameType.B: (0.2, 0.135)}
"""log2 of the bits a pixel at complexity 1 and QP 0, and slope: least squares over clips of the training set at 352x288."""
FOLLOW, FOLLOW_KEY, FOLLOW_SLOPE = 0.08, 0.6, 0.25
"""Weight of the newest frame, of the newest keyframe, and of the newest one coded twice."""
INTRA_SHARE = 0.3
"""Inter cost of a frame, of its intra cost, while none of the scene is known."""


@dataclass(frozen=True, slots=True)
class Complexity:
    """Mean error, in 8-bit levels, of a frame's small picture predicted from the frame before (`inter`) and from its blocks' means (`intra`)."""

    inter: float
    intra: float

    def of(self, type: FrameType) -> float:
        """What counts for a frame of this type."""
        return max(self.intra if type == FrameType.I else self.inter, COMPLEXITY_FLOOR)

    def still_unknown(self) -> Complexity:
        """What to expect of the frames after the first of a scene."""
        return Complexity(INTRA_SHARE * self.intra, self.intra)


Kind = tuple[FrameType, int]
"""Type and temporal layer: what frames share a model."""


@dataclass(slots=True)
class _Curve:
    """log2(bits) = level + exponent * log2(complexity) - slope * qp."""

    level: float
    slope: float
    weight: float = 0.0


class RateModel:
    """bits ~ a * complexity^c * 2^(-b qp), with a and b learned online for every kind of frame, and c = 0.4 for I frames, else 0.5.

    pixels   of a picture, which the first guess goes by; after that what was coded counts

    >>> model, kind = RateModel(352 * 288), (FrameType.P, 0)
    >>> for qp in (30, 32, 30, 31, 29):
    ...     model.learn(kind, Complexity(1.0, 8.0), qp, 64 + 2 ** (16 - 0.1 * qp))
    >>> abs(model.bits(kind, Complexity(1.0, 8.0), 30) / (64 + 2 ** 13) - 1) < 0.05
    True
    >>> abs(model.qp(kind, Complexity(1.0, 8.0), 64 + 2 ** 13) - 30) < 0.5
    True
    """

    def __init__(self, pixels: int) -> None:
        self._pixels = pixels
        self._curves: dict[Kind, _Curve] = {}

    def slope(self, kind: Kind) -> float:
        """log2 of the bits that one QP brings."""
        return self._curve(kind).slope

    def bits(self, kind: Kind, complexity: Complexity, qp: float) -> float:
        """Bits of a frame, header included."""
        curve = self._curve(kind)
        return HEADER_BITS + 2 ** (curve.level + EXPONENTS[kind[0]] * math.log2(complexity.of(kind[0])) - curve.slope * qp)

    def qp(self, kind: Kind, complexity: Complexity, bits: float) -> float:
        """The QP, not rounded, 0..63, at which a frame takes so many bits."""
        curve = self._curve(kind)
        rest = log_payload(bits) - curve.level - EXPONENTS[kind[0]] * math.log2(complexity.of(kind[0]))
        return min(max(-rest / curve.slope, 0.0), float(MAX_QP))

    def learn(self, kind: Kind, complexity: Complexity, qp: int, bits: int) -> None:
        """Take a coded frame into account."""
        curve = self._curve(kind)
        error = log_payload(bits) - EXPONENTS[kind[0]] * math.log2(complexity.of(kind[0])) + curve.slope * qp - curve.level
        self._curves[kind] = curve
        curve.weight = min(curve.weight + 1, 1 / (FOLLOW_KEY if kind[0] == FrameType.I else FOLLOW))
        curve.level += error / curve.weight

    def compare(self, kind: Kind, qp: int, bits: int, other_qp: int, other_bits: int) -> None:
        """Take into account that one frame took so many bits at two QPs: what the slope is learned from."""
        if qp == other_qp:
            return
        found = (log_payload(bits) - log_payload(other_bits)) / (other_qp - qp)
        curve = self._curve(kind)
        self._curves[kind] = curve
        slope = curve.slope + FOLLOW_SLOPE * (min(max(found, SLOPES[0]), SLOPES[1]) - curve.slope)
        curve.level += (slope - curve.slope) * other_qp
        curve.slope = slope

    def _curve(self, kind: Kind) -> _Curve:
        """That of the kind; before any such frame was coded, that of the nearest layer, or the first guess."""
        if kind in self._curves:
            return self._curves[kind]
        type, layer = kind
        known = [other for other in self._curves if other[0] != FrameType.I] if type != FrameType.I else []
        if known:
            near = self._curves[min(known, key=lambda other: (other[0] != type, abs(other[1] - layer)))]
            return _Curve(near.level, near.slope)
        level, slope = FIRST_GUESS[type]
        return _Curve(level + math.log2(self._pixels), slope)


def log_payload(bits: float) -> float:
    """log2 of the bits of a frame of `bits`, its header aside."""
    return math.log2(max(bits - HEADER_BITS, LEAST_BITS))
