"""How far the bits of the last seconds are from the target."""
from __future__ import annotations

import math
from collections import deque
from fractions import Fraction

SECONDS = 10
"""Length of the window in which the rate is to be held."""
SETTLING = 2
"""Seconds at the begin that do not count: nothing is known of the video yet."""
MARGIN = 0.95
"""Of the tolerance, that is used."""


class RateWindow:
    """Keeps the bits of any 10 seconds after the first 2 within `tolerance` of the target, as far as the bounds are kept to.

    rate        target in bits a frame
    fps         frames a second
    tolerance   share of the target: 0.05

    >>> window = RateWindow(1000, Fraction(25), 0.05)
    >>> for _ in range(60):
    ...     window.take(1000)
    >>> round(window.most), round(window.least)
    (12875, 0)
    """

    def __init__(self, rate: float, fps: Fraction, tolerance: float) -> None:
        self._rate = rate
        self._settling = math.ceil(SETTLING * fps)
        self._excesses: deque[float] = deque(maxlen=math.ceil(SECONDS * fps))     # after each of the last frames
        self.span = tolerance * len_of(self._excesses) * rate
        """Bits that the excess may move by within a window."""
        self.excess = 0.0
        """Bits that were spent so far beyond the target."""
        self._count = 0

    @property
    def most(self) -> float:
        """Bits that the next frame may have."""
        return math.inf if not self._excesses else self._excesses[0] + MARGIN * self.span - self.excess + self._rate

    @property
    def least(self) -> float:
        """Bits that the next frame must have, 0 at least."""
        return 0.0 if not self._excesses else max(self._excesses[0] - MARGIN * self.span - self.excess + self._rate, 0.0)

    def take(self, bits: float) -> None:
        """Go on by a frame."""
        self.excess += bits - self._rate
        self._count += 1
        if self._count >= self._settling:
            self._excesses.append(self.excess)


def len_of(excesses: deque[float]) -> int:
    return excesses.maxlen or 0
