"""Bjontegaard delta rate, with piecewise cubic interpolation (VCEG-M33, JVET-H0030's PCHIP form).

The logarithm of the rate is interpolated over quality by monotone cubics (Fritsch and Carlson; slopes as in
MATLAB's pchip), and the difference of two curves is averaged over the range of quality that both cover.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import ConfigError


def bd_rate(anchor: Sequence[tuple[float, float]], test: Sequence[tuple[float, float]]) -> float:
    """Average difference in rate at equal quality, in percent; negative: `test` needs fewer bits.

    anchor, test    points (rate, quality): any unit of rate, quality in dB, in any order, at least two each

    Raises ConfigError for rates that are not positive, quality that does not rise with rate, and curves
    that share no range of quality.

    >>> anchor = [(100, 30.0), (200, 33.0), (400, 36.0), (800, 39.0)]
    >>> round(bd_rate(anchor, [(0.8 * rate, psnr) for rate, psnr in anchor]), 6)
    -20.0
    """
    first, second = _Curve(anchor, "anchor"), _Curve(test, "test")
    low, high = max(first.low, second.low), min(first.high, second.high)
    if low >= high:
        raise ConfigError(
            f"curves share no range of quality: {first.low:.2f}..{first.high:.2f} and {second.low:.2f}..{second.high:.2f}"
        )
    difference = (second.integral(low, high) - first.integral(low, high)) / (high - low)
    return float(np.expm1(difference)) * 100


class _Curve:
    """ln(rate) as a piecewise cubic of quality, in Hermite form: knots x, values y, slopes d."""

    def __init__(self, points: Sequence[tuple[float, float]], name: str) -> None:
        if len(points) < 2:
            raise ConfigError(f"{name} curve has {len(points)} points, two are needed")
        rate, quality = np.array(sorted(points), dtype=float).T
        if not (np.isfinite(rate).all() and np.isfinite(quality).all() and (rate > 0).all()):
            raise ConfigError(f"{name} curve has rates that are not positive, or figures that are not finite")
        if not (np.diff(quality) > 0).all():
            raise ConfigError(f"quality of the {name} curve does not rise with its rate")
        self._x, self._y = quality, np.log(rate)
        self._d = _slopes(self._x, self._y)
        self.low, self.high = float(quality[0]), float(quality[-1])

    def integral(self, low: float, high: float) -> float:
        """Integral over [low, high] within the curve's range."""
        # Two-point Gauss quadrature integrates cubics exactly.
        edges = np.unique(np.concatenate([[low, high], self._x[(self._x > low) & (self._x < high)]]))
        middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
        return float(np.sum(half * (self._at(middle - half / np.sqrt(3)) + self._at(middle + half / np.sqrt(3)))))

    def _at(self, x: np.ndarray) -> np.ndarray:
        piece = np.clip(np.searchsorted(self._x, x) - 1, 0, len(self._x) - 2)
        width = self._x[piece + 1] - self._x[piece]
        t = (x - self._x[piece]) / width
        y0, y1, d0, d1 = self._y[piece], self._y[piece + 1], self._d[piece] * width, self._d[piece + 1] * width
        return y0 + t * (d0 + t * (3 * (y1 - y0) - 2 * d0 - d1 + t * (2 * (y0 - y1) + d0 + d1)))


def _slopes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Slopes at the knots: weighted harmonic means inside, one-sided three-point estimates at the ends."""
    width, secant = np.diff(x), np.diff(y) / np.diff(x)
    if len(secant) == 1:
        return np.repeat(secant, 2)
    slopes = np.zeros_like(x)
    left, right = secant[:-1], secant[1:]
    monotone = left * right > 0
    w1, w2 = 2 * width[1:] + width[:-1], width[1:] + 2 * width[:-1]
    slopes[1:-1][monotone] = ((w1 + w2) / (w1 / np.where(monotone, left, 1) + w2 / np.where(monotone, right, 1)))[monotone]
    slopes[0] = _end_slope(width[0], width[1], secant[0], secant[1])
    slopes[-1] = _end_slope(width[-1], width[-2], secant[-1], secant[-2])
    return slopes


def _end_slope(width: float, next_width: float, secant: float, next_secant: float) -> float:
    slope = ((2 * width + next_width) * secant - width * next_secant) / (width + next_width)
    if slope * secant <= 0:
        return 0.0
    if secant * next_secant <= 0 and abs(slope) > 3 * abs(secant):
        return 3 * secant
    return slope
