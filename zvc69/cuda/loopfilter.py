"""The adaptive loop filter on the device: what `zvc69.core.loopfilter` does, to the bit."""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..core.loopfilter import BLOCK, CLASSES, PRODUCTS, TAPS, Statistics
from .device import Buffer, Device, blocks_of
from .pictures import PictureShape, Planes

_TILE = 30, 6
"""Columns and rows of blocks that a block of threads classifies (kernels/loopfilter.cu)."""
_COPY_BLOCKS = 32, 16, 16
_STATISTICS_BLOCKS = 8 * 16
"""Blocks of a row that a block of threads sums."""
_ROWS = (0, CLASSES), (CLASSES, CLASSES + 1), (CLASSES + 1, CLASSES + 2)
"""Of `coefficients` and `sums`, those of each plane: classes of luma, U, V."""


class LoopFilter:
    """Operations on planes of 12 bits of pictures of one shape. What comes out has the shape's depth."""

    def __init__(self, device: Device, shape: PictureShape) -> None:
        self._device, self.shape = device, shape

    def planes(self) -> Planes:
        """For samples of 12 bits: uint16 at every depth."""
        return tuple(self._device.empty(shape, np.uint16) for shape in self.shape.planes)

    def classes(self) -> Buffer:
        """(ceil(height / 4), ceil(width / 4)) uint8."""
        return self._device.empty((blocks_of(self.shape.height, BLOCK), blocks_of(self.shape.width, BLOCK)), np.uint8)

    def classify(self, luma: Buffer, out: Buffer) -> None:
        rows, columns = out.shape
        self._device.launch("classify_blocks", [blocks_of(columns, _TILE[0]), blocks_of(rows, _TILE[1])], [_TILE[0] + 2, _TILE[1] + 2],
                            [luma, self.shape.width, self.shape.height, out])

    def coefficients(self) -> Buffer:
        """(27, 12) int8: of luma's classes, of U, of V."""
        return self._device.empty((CLASSES + 2, TAPS), np.int8)

    def sums(self) -> Buffer:
        """For `statistics`: (27, 92) uint64, of luma's classes, of U, of V."""
        return self._device.empty((CLASSES + 2, PRODUCTS + 1), np.uint64)

    def filtered(self, fine: Planes, coefficients: Buffer, classes: Buffer, copy: Buffer | None, out: Planes) -> None:
        """All planes of a picture; copy (ceil(height / 32), ceil(width / 32)): where it is set, blocks are rounded alone."""
        for number, (plane, (first, last), to) in enumerate(zip(fine, _ROWS, out)):
            self.apply(number, plane, coefficients[first:last], to, None if number else classes, copy)

    def statistics(self, fine: Planes, target: Planes, classes: Buffer, copy: Buffer | None, sums: Buffer) -> None:
        """What `statistics_of` takes, of all planes; target: those that filtered planes are to be like, of the shape's depth."""
        self._device.fill_zero(sums)
        for number, (plane, wanted, (first, last), (height, width)) in enumerate(zip(fine, target, _ROWS, self.shape.planes)):
            grid = [blocks_of(blocks_of(width, BLOCK), _STATISTICS_BLOCKS), blocks_of(height, BLOCK)]
            self._device.launch(f"filter_statistics_{self.shape.bits}", grid, [256],
                                [plane, wanted, width, height, None if number else classes, copy, _COPY_BLOCKS[number], *self._depth, sums[first:last]])

    def apply(self, number: int, plane: Buffer, coefficients: Buffer, out: Buffer, classes: Buffer | None = None, copy: Buffer | None = None) -> None:
        """Plane `number` of a picture. coefficients int8: (25, 12) with classes, else (1, 12); copy as for `filtered`."""
        height, width = self.shape.planes[number]
        self._device.launch(f"filter_{self.shape.bits}", [blocks_of(blocks_of(width, BLOCK), 32), blocks_of(height, 4)], [32, 4],
                            [plane, width, height, coefficients, classes, copy, _COPY_BLOCKS[number], *self._depth, out])

    @property
    def _depth(self) -> tuple[int, ...]:
        return () if self.shape.depth == 8 else (self.shape.depth,)


def statistics_of(sums: NDArray[np.uint64]) -> list[Statistics]:
    """Of each plane, as `zvc69.core.loopfilter.statistics` takes them; exact. sums: what `LoopFilter.statistics` made, on the host."""
    whole = sums.view(np.int64)
    return [Statistics.of_sums(whole[first:last, :PRODUCTS], whole[first:last, PRODUCTS]) for first, last in _ROWS]
