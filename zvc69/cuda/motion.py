"""Motion search on the device. The algorithm in plain NumPy: `zvc69.core.reference.motion_search`."""
from __future__ import annotations

import numpy as np

from ..core.motion import SEARCH_WEIGHT
from .device import Buffer, Device, blocks_of
from .pictures import PictureShape

MAX_QP = 63
BORDER = 40
"""Samples around the interpolated reference (kernels/motion.h)."""
COLOURS = (0, 1, 0, 1)
"""Of a chequerboard of 32x32 blocks: which ones choose anew, turn by turn."""
_FOUND = 21


def search_weights() -> np.ndarray:
    """What 1/16 bit costs in 1/16 SAD, by QP, (64,) int32: as `zvc69.core.motion.search`."""
    return np.array([round(16 * SEARCH_WEIGHT * 2 * 2 ** (qp / 10.5)) for qp in range(MAX_QP + 1)], np.int32)


class MotionSearch:
    """Fields of pictures of one shape. All memory is taken when it is made: 17 times the luma plane, most of it the interpolated reference."""

    def __init__(self, device: Device, shape: PictureShape) -> None:
        self._device, self.shape = device, shape
        self._width, self._height = 8 * shape.columns, 8 * shape.rows
        area = self._width * self._height
        self._trees = shape.columns // 4, shape.rows // 4
        self._areas = tuple(blocks_of(n, 2) for n in self._trees)
        self._weights = device.upload(search_weights())
        self._current, self._reference = (device.empty(area * 337 // 256, np.uint8) for _ in range(2))      # 1 + 1/4 + 1/16 + 1/256
        self._phases = device.empty((16, self._height + 2 * BORDER, self._width + 2 * BORDER), np.uint8)
        (columns, rows), (far_columns, far_rows) = self._trees, self._areas
        self._far, self._coarse, self._middle, self._found = (
            device.empty((*size, 2), np.int16)
            for size in ((far_rows, far_columns), (rows, columns), (2 * rows, 2 * columns), (rows * columns, _FOUND)))
        self._fields = tuple(device.empty((shape.rows, shape.columns, 2), np.int16) for _ in range(2))

    def search(self, current: Buffer, reference: Buffer, way: Buffer, qp: Buffer, out: Buffer, previous: Buffer | None = None) -> None:
        """Vectors, (rows, columns, 2) int16, that predict the luma plane `current` from `reference`, as `Pictures.compensate` takes them.

        way: one int32, with which filter (`pictures.way_of`; overlap is not regarded). qp: one int32. previous: vectors that the coder expects, or None.
        """
        self.prepare(current, reference, way)
        self.windows(qp, previous)
        self.refine(qp, previous)
        self.merge(qp, out, previous)

    def prepare(self, current: Buffer, reference: Buffer, way: Buffer) -> None:
        """Both pictures at smaller sizes, the reference at all quarter phases."""
        shape, shift = self.shape, () if self.shape.depth == 8 else (self.shape.depth - 8,)
        self._device.launch(f"motion_levels_{shape.bits}", [*self._trees, 2], [16, 16],
                            [current, reference, shape.width, shape.height, *shift, self._current, self._reference])
        _, tall, wide = self._phases.shape
        self._device.launch("motion_phases", [blocks_of(wide, 64), blocks_of(tall, 16)], [256], [self._reference, self._width, self._height, way, self._phases])

    def windows(self, qp: Buffer, previous: Buffer | None) -> None:
        """Vectors at 1/16, 1/4 and 1/2 size."""
        launch, levels = self._device.launch, [self._current, self._reference, self._width, self._height]
        launch("motion_far", self._areas, [256], [*levels, self._weights, qp, self._far])
        launch("motion_coarse", self._trees, [256], [*levels, self._far, self._weights, qp, self._coarse])
        launch("motion_middle", [blocks_of(self._width, 64), self._height // 16], [128],
               [*levels, self._coarse, previous, self._weights, qp, self._middle])

    def refine(self, qp: Buffer, previous: Buffer | None) -> None:
        """A vector for each tree, quadrant and 8x8, and a first field."""
        self._device.launch("motion_refine", self._trees, [128], [self._current, self._phases, self._coarse, self._middle, previous, self._weights, qp,
                                                                  self._found, self._fields[0]])

    def merge(self, qp: Buffer, out: Buffer, previous: Buffer | None) -> None:
        """The field, of these."""
        field = self._fields[0]
        for turn, colour in enumerate(COLOURS):
            to = out if turn + 1 == len(COLOURS) else self._fields[(turn + 1) % 2]
            self._device.launch("motion_merge", self._trees, [128], [self._current, self._phases, self._found, field, previous, self._weights, qp, colour, to])
            field = to
