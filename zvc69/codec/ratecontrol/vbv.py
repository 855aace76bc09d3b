"""The video buffering verifier: the buffer of a decoder that is fed at a bounded rate."""
from __future__ import annotations

from ...errors import ConfigError

FULLNESS = 0.9
"""Of the buffer when the first frame is taken out, as in x264."""
SPARE = 32
"""Bits that a buffer of constant rate holds beyond those of a frame interval at least: frames have whole bytes, and filler cannot make every number of them."""


class VbvBuffer:
    """A leaky bucket as in H.264 Annex C: bits arrive at `rate` a frame until the buffer of `size` bits is full; each frame, in
    order of coding, is taken out at once, one frame interval after the one before.

    constant   the channel cannot pause (constant rate): that the buffer is full when bits arrive is an overflow

    Raises ConfigError.

    >>> buffer = VbvBuffer(rate=1000, size=8000)
    >>> buffer.most
    7200.0
    >>> buffer.take(5000)
    True
    >>> buffer.fullness
    3200.0
    >>> buffer.take(4000)                           # an underflow: the frame is not there yet
    False
    """

    def __init__(self, rate: float, size: float, *, constant: bool = False, fullness: float = FULLNESS) -> None:
        if rate <= 0 or size < rate + SPARE * constant:
            raise ConfigError(f"a VBV buffer of {size / 1000:g} kbit, less than one frame takes at the rate of {rate / 1000:g} kbit a frame")
        self.rate, self.size, self._constant = rate, size, constant
        self.fullness = fullness * size
        self.underflows = self.overflows = 0

    @property
    def most(self) -> float:
        """Bits that the next frame may have."""
        return self.fullness

    @property
    def least(self) -> float:
        """Bits that the next frame must have, so that those that arrive meanwhile find room; 0 where the channel can pause."""
        return max(self.fullness + self.rate - self.size, 0.0) if self._constant else 0.0

    def take(self, bits: float) -> bool:
        """Take a frame out, and let those bits in that arrive before the next; whether it was there in time and they find room."""
        under, over = bits > self.fullness, bits < self.least
        self.underflows += under
        self.overflows += over
        # A frame that is late is waited for: the next interval begins with an empty buffer.
        self.fullness = min(max(self.fullness - bits, 0.0) + self.rate, self.size)
        return not (under or over)
