"""A picture made small, with what comparing it to another needs: the ground that scene-cut detection stands on."""
from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

BLOCK = 4
"""Cells of a block's side. A block's costs are sums over its 16 cells."""
UNITS = 4
"""Of a cell's level, in one 8-bit luma level: sums over a block stay within int16 (1020 * 16)."""
RANGE = 2
"""Cells a block moves at most from where it was, and one from where the whole picture's motion takes it."""
TARGET = 80
"""Cells of the longer side, about: motion, noise and texture weigh alike at all picture sizes."""

Cells = NDArray[np.int16]


def cell_sizes(width: int, height: int) -> tuple[int, int]:
    """(rows, columns) of luma samples that one cell averages: 1, 2, 4 or a multiple of 8, 8 at 640x360.

    A side that would be left with fewer than 4 blocks gets smaller cells.

    >>> cell_sizes(640, 360), cell_sizes(1920, 1080), cell_sizes(64, 48), cell_sizes(16, 16384)
    ((8, 8), (24, 24), (1, 1), (208, 1))
    """
    wanted = max(width, height) / TARGET
    cell = 8 * round(wanted / 8) if wanted > 5.6 else 2 ** round(np.log2(max(wanted, 1)))

    def fitted(size: int) -> int:
        fit = cell
        while fit > 1 and size // fit < 4 * BLOCK:
            fit = fit - 8 if fit > 8 else fit // 2
        return fit

    return fitted(height), fitted(width)


def shrink(luma: np.ndarray, depth: int, cell: tuple[int, int]) -> Cells:
    """Means over cells, smoothed by [1 2 1] in both directions, in quarters of an 8-bit level; whole blocks only.

    luma: (height, width) uint8 (depth 8) or uint16. Of tall cells every n-th row is taken, eight in all.
    The smoothing takes away what sub-cell motion does to fine texture, which would look like change.
    """
    tall, wide = cell
    rows, columns = (size // part // BLOCK * BLOCK for size, part in zip(luma.shape, cell, strict=True))
    bands = luma[: rows * tall, : columns * wide].reshape(rows, tall, columns * wide)[:, :: max(1, tall // 8)]
    lines = bands[:, :8].sum(axis=1, dtype=np.uint16)           # 8 * 4095 at most
    # A product with ones, since NumPy's sums over a short last axis are slow; exact: 8 * 4095 * 208 is below 2^24.
    sums = lines.reshape(rows, columns, wide).astype(np.float32) @ np.ones(wide, np.float32)
    scale = UNITS / (min(tall, 8) * wide * 2 ** (depth - 8))
    return _smoothed(np.rint(sums * np.float32(scale)).astype(np.int16))


def _smoothed(cells: Cells) -> Cells:
    padded = np.pad(cells, 1, mode="edge")                      # 16 * 1020 fits int16
    rows = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    return rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:] + 8 >> 4


@lru_cache(maxsize=4)
def _window(rows: int, columns: int) -> NDArray[np.float64]:
    return np.outer(*(np.hanning(size + 2)[1:-1] for size in (rows, columns)))


def block_sums(cells: Cells) -> Cells:
    """(..., rows / 4, columns / 4) of (..., rows, columns) values whose sums fit int16."""
    shape = cells.shape
    lines = cells.reshape(*shape[:-2], shape[-2] // BLOCK, BLOCK, shape[-1])
    lines = lines[..., 0, :] + lines[..., 1, :] + lines[..., 2, :] + lines[..., 3, :]
    return lines[..., 0::BLOCK] + lines[..., 1::BLOCK] + lines[..., 2::BLOCK] + lines[..., 3::BLOCK]


class Thumbnail:
    """One small picture: `cells` (rows, columns) int16 in quarters of an 8-bit level, whole blocks of 4x4."""

    def __init__(self, cells: Cells) -> None:
        self.cells = cells

    @cached_property
    def intra(self) -> Cells:
        """Cost of each block from itself: sum of |level - block mean|, (rows / 4, columns / 4)."""
        rows, columns = self.cells.shape
        mean = (block_sums(self.cells) + 8 >> 4).repeat(BLOCK, axis=0).repeat(BLOCK, axis=1)
        return block_sums(np.abs(self.cells - mean))

    @cached_property
    def activity(self) -> float:
        """Mean intra cost in 8-bit levels a cell."""
        return float(self.intra.mean()) / (UNITS * BLOCK * BLOCK)

    @cached_property
    def _spectrum(self) -> NDArray[np.complex128]:
        """Of the windowed picture without its mean."""
        return np.fft.rfft2((self.cells - self.cells.mean()) * _window(*self.cells.shape))

    def shift(self, other: Thumbnail) -> tuple[int, int]:
        """(rows, columns) that `other`'s content has moved to be here, by phase correlation.

        Source: Kuglin and Hines, The phase correlation image alignment method, 1975.
        """
        cross = self._spectrum * other._spectrum.conj()
        magnitude = np.abs(cross)
        surface = np.fft.irfft2(cross / (magnitude + 1e-3 * magnitude.max() + 1e-9), s=self.cells.shape)
        peak = np.unravel_index(np.argmax(surface), surface.shape)
        return tuple(int(p) - size if p > size // 2 else int(p) for p, size in zip(peak, surface.shape, strict=True))  # type: ignore[return-value]

    def inter(self, other: Thumbnail, shift: tuple[int, int]) -> Cells:
        """Cost of each block from `other`: least SAD within 2 cells, and within 1 around `shift`; (rows / 4, columns / 4)."""
        cost = self._search(other, (0, 0), RANGE)
        return np.minimum(cost, self._search(other, shift, 1)) if max(map(abs, shift)) >= RANGE else cost

    def _search(self, other: Thumbnail, shift: tuple[int, int], reach: int) -> Cells:
        rows, columns = self.cells.shape
        margins = [reach + abs(s) for s in shift]
        padded = np.pad(other.cells, [(m, m) for m in margins], mode="edge")
        top, left = (abs(s) - s for s in shift)
        around = padded[top : top + rows + 2 * reach, left : left + columns + 2 * reach]
        difference = sliding_window_view(around, (rows, columns)) - self.cells
        return block_sums(np.abs(difference, out=difference)).min(axis=(0, 1))

    def with_levels_of(self, other: Thumbnail) -> Thumbnail:
        """This picture with the histogram of `other`: gains, offsets, gamma and clipping taken away, structure kept."""
        source, target = np.sort(self.cells, axis=None), np.sort(other.cells, axis=None)
        return Thumbnail(target[np.minimum(np.searchsorted(source, self.cells), source.size - 1)])
