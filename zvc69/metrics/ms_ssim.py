"""Multi-scale structural similarity of luma planes."""
from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales, full size first."""
WINDOW, SIGMA = 11, 1.5
K1, K2 = 0.01, 0.03
SMALLEST_SIDE = (WINDOW - 1) * 2 ** (len(WEIGHTS) - 1) + 1
"""161: of a smaller picture the window does not fit into the fifth scale."""

_BLOCK = 32


def ms_ssim(reference: np.ndarray, picture: np.ndarray, depth: int = 8) -> float:
    """Multi-scale SSIM of two (height, width) planes of `depth` bits, integers or floats: 1 for equal ones, at least 0.

    With means, variances and covariance under an 11x11 Gaussian window of sigma 1.5 (sum 1), wherever the window
    lies in the picture, C1 = (0.01 L)^2, C2 = (0.03 L)^2, L = 2^depth - 1,

        luminance l = (2 mx my + C1) / (mx^2 + my^2 + C1)        contrast-structure cs = (2 sxy + C2) / (sx^2 + sy^2 + C2)

    the result is the product over five scales of mean(cs)^weight, but mean(l cs)^weight at the last, negative means
    taken as 0. A scale is the mean of 2x2 samples of the one before, the last column and row repeated at odd sizes.
    Weights 0.0448, 0.2856, 0.3001, 0.2363, 0.1333.

    Raises ConfigError unless the planes are of one shape with both sides at least 161: a figure of fewer scales could
    not be compared with others.

    Source: Wang, Simoncelli, Bovik, "Multi-scale structural similarity for image quality assessment", Asilomar 2003,
    and its authors' MATLAB code.

    >>> plane = np.add.outer(np.arange(176), np.arange(200)) % 256
    >>> ms_ssim(plane, plane), round(ms_ssim(plane, plane // 2), 4)
    (1.0, 0.8438)
    """
    if reference.ndim != 2 or reference.shape != picture.shape:
        raise ConfigError(f"MS-SSIM compares planes of one shape, not {reference.shape} with {picture.shape}")
    if min(reference.shape) < SMALLEST_SIDE:
        height, width = reference.shape
        raise ConfigError(f"MS-SSIM needs pictures of {SMALLEST_SIDE}x{SMALLEST_SIDE} at least, not {width}x{height}")
    # Levels around 0 keep the variances' cancellation small; the luminance term adds the shift back.
    x, y = (plane.astype(np.float64) - 2.0 ** (depth - 1) for plane in (reference, picture))
    result = 1.0
    for scale, weight in enumerate(WEIGHTS):
        if scale:
            x, y = _halved(x), _halved(y)
        value = _similarity(x, y, depth, with_luminance=scale == len(WEIGHTS) - 1)
        result *= max(value, 0.0) ** weight
    return min(result, 1.0)


class MsSsimMeter:
    """Average over frames of each frame's MS-SSIM; `frames` counts them.

    >>> plane, meter = np.zeros((161, 161), np.uint8), MsSsimMeter()
    >>> meter.add(plane, plane), meter.mean
    (1.0, 1.0)
    """

    def __init__(self) -> None:
        self.per_frame: list[float] = []

    @property
    def frames(self) -> int:
        return len(self.per_frame)

    def add(self, reference: np.ndarray, picture: np.ndarray, depth: int = 8) -> float:
        """Measure a pair of luma planes; returns their MS-SSIM."""
        value = ms_ssim(reference, picture, depth)
        self.per_frame.append(value)
        return value

    @property
    def mean(self) -> float:
        """Average so far. Raises ConfigError without any frame."""
        if not self.per_frame:
            raise ConfigError("no frame was compared")
        return math.fsum(self.per_frame) / self.frames


def _similarity(x: NDArray[np.float64], y: NDArray[np.float64], depth: int, *, with_luminance: bool) -> float:
    """Mean of cs, or of l cs, over the positions of the window."""
    peak = 2**depth - 1
    c1, c2 = (K1 * peak) ** 2, (K2 * peak) ** 2
    mean_x, mean_y = _blurred(x), _blurred(y)
    variances = _blurred(x * x + y * y) - mean_x * mean_x - mean_y * mean_y
    covariance = _blurred(x * y) - mean_x * mean_y
    similarity = (2 * covariance + c2) / (variances + c2)
    if with_luminance:
        shift = 2.0 ** (depth - 1)
        mean_x += shift
        mean_y += shift
        similarity *= (2 * mean_x * mean_y + c1) / (mean_x * mean_x + mean_y * mean_y + c1)
    return float(similarity.mean())


def _halved(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    rows, columns = plane.shape[0] % 2, plane.shape[1] % 2
    if rows or columns:
        plane = np.pad(plane, ((0, rows), (0, columns)), mode="edge")
    return (plane[::2, ::2] + plane[1::2, ::2] + plane[::2, 1::2] + plane[1::2, 1::2]) * 0.25


def _blurred(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """The window's weighted mean at every position where it lies inside."""
    return _blurred_rows(_blurred_rows(plane).T).T


def _blurred_rows(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Filtering along rows as matrix products of 32 results each, faster in NumPy than 11 shifted sums.

    A product a row: one large one would be spread over threads by the linear algebra library, whose waiting costs ten times the work where
    others use the cores too.
    """
    rows, columns = plane.shape
    count = columns - WINDOW + 1
    blocks = -(-count // _BLOCK)
    padded = np.zeros((rows, blocks * _BLOCK + WINDOW - 1))
    padded[:, :columns] = plane
    windows = np.lib.stride_tricks.sliding_window_view(padded, _BLOCK + WINDOW - 1, axis=1)[:, ::_BLOCK]
    return (np.ascontiguousarray(windows) @ _FILTER).reshape(rows, -1)[:, :count]


def _filter_matrix() -> NDArray[np.float64]:
    """(42, 32): column n holds the taps for result n of a block."""
    taps = np.exp(-((np.arange(WINDOW) - WINDOW // 2) ** 2) / (2 * SIGMA**2))
    matrix = np.zeros((_BLOCK + WINDOW - 1, _BLOCK))
    for n in range(_BLOCK):
        matrix[n:n + WINDOW, n] = taps / taps.sum()
    return matrix


_FILTER = _filter_matrix()
