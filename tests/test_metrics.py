"""PSNR, rates and BD-rate against known values."""
from __future__ import annotations

import math

import numpy as np
import pytest

from zvc69.errors import ConfigError
from zvc69.media import Frame
from zvc69.metrics import Psnr, PsnrMeter, bd_rate, bits_per_pixel, frame_psnr, kilobits_per_second


def flat(y: int, u: int = 100, v: int = 100, depth: int = 8, size: tuple[int, int] = (4, 6)) -> Frame:
    dtype = np.uint8 if depth == 8 else np.uint16
    chroma = tuple((side + 1) // 2 for side in size)
    return Frame(np.full(size, y, dtype), np.full(chroma, u, dtype), np.full(chroma, v, dtype), depth)


def test_psnr_of_a_constant_error():
    psnr = frame_psnr(flat(100, 100, 100), flat(101, 102, 90))
    assert psnr.y == pytest.approx(20 * math.log10(255))
    assert psnr.u == pytest.approx(20 * math.log10(255 / 2))
    assert psnr.v == pytest.approx(20 * math.log10(255 / 10))
    assert psnr.weighted == pytest.approx((6 * psnr.y + psnr.u + psnr.v) / 8)


def test_psnr_peak_follows_the_depth():
    assert frame_psnr(flat(100, depth=10), flat(101, depth=10)).y == pytest.approx(20 * math.log10(1023))
    assert frame_psnr(flat(0, depth=12), flat(4095, depth=12)).y == pytest.approx(0)


def test_psnr_of_extremes():
    assert frame_psnr(flat(0), flat(255)).y == pytest.approx(0)
    assert frame_psnr(flat(7), flat(7)) == Psnr(100, 100, 100)


def test_psnr_needs_equal_geometry():
    with pytest.raises(ConfigError, match="6x4, 8 bits with 8x4, 8 bits"):
        frame_psnr(flat(0), flat(0, size=(4, 8)))
    with pytest.raises(ConfigError, match="10 bits"):
        frame_psnr(flat(0), flat(0, depth=10))


def test_meter_averages_decibels():
    meter = PsnrMeter()
    with pytest.raises(ConfigError):
        meter.mean
    first = meter.add(flat(100), flat(101))
    second = meter.add(flat(100), flat(110))
    assert meter.frames == 2 and meter.mean.y == pytest.approx((first.y + second.y) / 2)


def test_rates():
    assert bits_per_pixel(1000, 100, 40, 2) == 1.0
    assert kilobits_per_second(125_000, 25, 25) == 1000.0
    assert bits_per_pixel(10, 4, 4, 0) == 0 and kilobits_per_second(10, 0, 25) == 0


ANCHOR = [(686.76, 40.28), (309.58, 37.18), (157.11, 34.24), (85.95, 31.42)]
TEST = [(893.34, 40.39), (407.8, 37.21), (204.93, 34.17), (112.75, 31.24)]


UNEVEN = [(100, 30), (150, 31), (400, 35.5), (900, 36), (1000, 40)]
UNEVEN_TEST = [(110, 30.5), (140, 32), (500, 35), (700, 37.5), (1500, 41)]


@pytest.mark.parametrize("anchor, test, percent", [(ANCHOR, TEST, 31.379878202398), (UNEVEN, UNEVEN_TEST, -7.383058903669)])
def test_bd_rate_of_known_curves(anchor, test, percent):
    """Figures from scipy.interpolate.PchipInterpolator, integrated by its own method."""
    assert bd_rate(anchor, test) == pytest.approx(percent, rel=1e-9)


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.0, 1.37])
def test_bd_rate_of_a_scaled_curve_is_the_factor(factor):
    assert bd_rate(ANCHOR, [(rate * factor, quality) for rate, quality in ANCHOR]) == pytest.approx(100 * (factor - 1))


def test_bd_rate_does_not_depend_on_order_of_points():
    assert bd_rate(ANCHOR[::-1], TEST) == bd_rate(ANCHOR, TEST)


def test_bd_rate_inverts():
    there, back = bd_rate(ANCHOR, TEST), bd_rate(TEST, ANCHOR)
    assert (1 + there / 100) * (1 + back / 100) == pytest.approx(1)


def test_bd_rate_of_two_points_is_linear():
    assert bd_rate([(100, 30), (200, 33)], [(200, 33), (400, 36), (100, 30)]) == pytest.approx(0)


@pytest.mark.parametrize("anchor, test, message", [
    (ANCHOR, [(1, 50.0), (2, 51.0)], "share no range"),
    (ANCHOR, [(1, 50.0)], "1 points"),
    (ANCHOR, [(0, 30.0), (2, 51.0)], "not positive"),
    ([(1, 30.0), (2, 29.0)], ANCHOR, "anchor curve does not rise"),
    ([(1, 30.0), (2, math.nan)], ANCHOR, "not finite"),
])
def test_bd_rate_refuses_curves_it_cannot_compare(anchor, test, message):
    with pytest.raises(ConfigError, match=message):
        bd_rate(anchor, test)
