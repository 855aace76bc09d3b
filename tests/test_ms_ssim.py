"""MS-SSIM against the figures of pytorch-msssim and against a plain evaluation of its definition."""
from __future__ import annotations

import numpy as np
import pytest

from zvc69.errors import ConfigError
from zvc69.metrics import MsSsimMeter, ms_ssim
from zvc69.metrics.ms_ssim import SMALLEST_SIDE, WEIGHTS


def wave(height: int, width: int, depth: int) -> np.ndarray:
    i, j = np.mgrid[:height, :width]
    level = 0.5 + 0.3 * np.sin(i / 7) * np.cos(j / 11) + 0.15 * np.sin(i * j / 97)
    return np.round(level * (2**depth - 1)).astype(np.uint16)


def rippled(plane: np.ndarray, depth: int) -> np.ndarray:
    i, j = np.mgrid[:plane.shape[0], :plane.shape[1]]
    peak = 2**depth - 1
    return np.clip(np.round(plane + 0.05 * peak * np.sin(i * 3.1 + j * 1.7)), 0, peak).astype(np.uint16)


def shifted(plane: np.ndarray, depth: int) -> np.ndarray:
    return np.round(np.roll(plane, 2, 1) * 0.9).astype(np.uint16)


def plain_ms_ssim(x: np.ndarray, y: np.ndarray, peak: int) -> float:
    """The definition word by word: a two-dimensional window, moments about the local means, every position by itself."""
    taps = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(taps, taps) / np.outer(taps, taps).sum()
    x, y, result = x.astype(float), y.astype(float), 1.0
    for scale, weight in enumerate(WEIGHTS):
        if scale:
            x, y = plain_halved(x), plain_halved(y)
        values = []
        for i in range(x.shape[0] - 10):
            for j in range(x.shape[1] - 10):
                a, b = x[i:i + 11, j:j + 11], y[i:i + 11, j:j + 11]
                ma, mb = (window * a).sum(), (window * b).sum()
                va, vb = (window * (a - ma) ** 2).sum(), (window * (b - mb) ** 2).sum()
                cs = (2 * (window * (a - ma) * (b - mb)).sum() + (0.03 * peak) ** 2) / (va + vb + (0.03 * peak) ** 2)
                luminance = (2 * ma * mb + (0.01 * peak) ** 2) / (ma**2 + mb**2 + (0.01 * peak) ** 2)
                values.append(cs * luminance if scale == len(WEIGHTS) - 1 else cs)
        result *= max(np.mean(values), 0) ** weight
    return result


def plain_halved(plane: np.ndarray) -> np.ndarray:
    rows, columns = plane.shape
    out = np.empty(((rows + 1) // 2, (columns + 1) // 2))
    for i, j in np.ndindex(out.shape):
        below, right = min(2 * i + 1, rows - 1), min(2 * j + 1, columns - 1)
        out[i, j] = (plane[2 * i, 2 * j] + plane[2 * i, right] + plane[below, 2 * j] + plane[below, right]) / 4
    return out


@pytest.mark.parametrize("height, width, depth, change, figure", [
    (176, 192, 8, rippled, 0.997424580839208),
    (176, 192, 8, shifted, 0.6271167507288512),
    (256, 320, 10, rippled, 0.9976946080598258),
    (720, 1280, 8, shifted, 0.8105809312479315),
])
def test_figures_of_pytorch_msssim(height, width, depth, change, figure):
    """Made once with pytorch-msssim 1.0.0 in float64 (its window given in float64 too), at sizes where its padding plays no part."""
    plane = wave(height, width, depth)
    assert ms_ssim(plane, change(plane, depth), depth) == pytest.approx(figure, rel=1e-9)


@pytest.mark.parametrize("size", [(SMALLEST_SIDE, SMALLEST_SIDE), (163, 170)])
def test_definition_at_odd_sizes(size):
    plane = wave(*size, 8)
    other = shifted(plane, 8)
    assert ms_ssim(plane, other) == pytest.approx(plain_ms_ssim(plane, other, 255), rel=1e-9)


def test_extremes():
    plane = wave(176, 176, 8)
    assert ms_ssim(plane, plane) == 1.0
    assert ms_ssim(plane, 255 - plane) == 0.0
    assert ms_ssim(np.zeros_like(plane), np.zeros_like(plane)) == 1.0


def test_it_falls_with_noise_and_is_symmetric():
    plane, noise = wave(176, 192, 8), np.random.default_rng(0).standard_normal((176, 192))
    worse = [ms_ssim(plane, np.clip(plane + level * noise, 0, 255)) for level in (1, 4, 16, 64)]
    assert worse == sorted(worse, reverse=True) and worse[-1] > 0
    assert ms_ssim(plane, shifted(plane, 8)) == pytest.approx(ms_ssim(shifted(plane, 8), plane))


def test_depth_only_scales():
    plane = wave(176, 192, 8)
    other = rippled(plane, 8)
    assert ms_ssim(plane * (1023 / 255), other * (1023 / 255), 10) == pytest.approx(ms_ssim(plane, other), rel=1e-6)


@pytest.mark.parametrize("a, b, message", [
    ((160, 400), (160, 400), "161x161 at least, not 400x160"),
    ((176, 176), (176, 178), "one shape"),
    ((176, 176, 3), (176, 176, 3), "one shape"),
])
def test_what_cannot_be_measured_is_refused(a, b, message):
    with pytest.raises(ConfigError, match=message):
        ms_ssim(np.zeros(a), np.zeros(b))


def test_meter_averages():
    meter, plane = MsSsimMeter(), wave(176, 176, 8)
    with pytest.raises(ConfigError):
        meter.mean
    meter.add(plane, plane)
    second = meter.add(plane, shifted(plane, 8))
    assert meter.frames == 2 and meter.mean == pytest.approx((1 + second) / 2)
