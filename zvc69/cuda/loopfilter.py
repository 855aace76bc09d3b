"""The adaptive loop filter on the device: what `zvc69.core.loopfilter` does, to the bit."""
from __future__ import annotations

import numpy as np

from ..core.loopfilter import BLOCK
from .device import Buffer, Device, blocks_of
from .pictures import PictureShape, Planes

_TILE = 30, 6
"""Columns and rows of blocks that a block of threads classifies (kernels/loopfilter.cu)."""
_COPY_BLOCKS = 32, 16, 16


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

    def widen(self, planes: Planes, predicted: Planes, copy: Buffer) -> None:
        """Where copy (ceil(height / 32), ceil(width / 32)) is set, planes become `predicted`, as 12 bits."""
        for plane, other, (height, width), side in zip(planes, predicted, self.shape.planes, _COPY_BLOCKS):
            self._device.launch(f"widen_{self.shape.bits}", [blocks_of(height * width, 256)], [256], [other, copy, width, height, side, *self._depth, plane])

    def classify(self, luma: Buffer, out: Buffer) -> None:
        rows, columns = out.shape
        self._device.launch("classify_blocks", [blocks_of(columns, _TILE[0]), blocks_of(rows, _TILE[1])], [_TILE[0] + 2, _TILE[1] + 2],
                            [luma, self.shape.width, self.shape.height, out])

    def apply(self, number: int, plane: Buffer, coefficients: Buffer, out: Buffer, classes: Buffer | None = None, copy: Buffer | None = None) -> None:
        """Plane `number` of a picture. coefficients int8: (25, 12) with classes, else (1, 12); copy as for `widen`: those blocks are rounded alone."""
        height, width = self.shape.planes[number]
        self._device.launch(f"filter_{self.shape.bits}", [blocks_of(blocks_of(width, BLOCK), 32), blocks_of(height, 4)], [32, 4],
                            [plane, width, height, coefficients, classes, copy, _COPY_BLOCKS[number], *self._depth, out])

    @property
    def _depth(self) -> tuple[int, ...]:
        return () if self.shape.depth == 8 else (self.shape.depth,)
