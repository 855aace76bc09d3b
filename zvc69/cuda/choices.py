"""What an encoder of P frames chooses on the device besides vectors: how these predict, and which blocks are copied."""
from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..codec.compensation import CHANGE_BITS
from ..codec.copying import COPY_BITS, gain_model, step_size
from ..core.motion import KERNELS, RATE_WEIGHT, MotionField
from .device import Buffer, Device, blocks_of
from .memory import Arrays, Block, Held, Inputs, Store
from .motion import MAX_QP, MotionSearch
from .pictures import PictureShape, Planes

_QPS = range(MAX_QP + 1)
_GROUPS = 12
"""Of eight channels in a packed picture."""


class WayChoice:
    """Of luma's filter and overlap, as `zvc69.codec.compensation` judges them: by the absolute error, and 4 bits for each change from what is expected.

    All four ways are compared, by the same vectors; the CPU's encoder tries three, and where the other filter is better searches again.
    """

    def __init__(self, device: Device, shape: PictureShape) -> None:
        self._device, self._shape = device, shape
        self._changes = device.upload(np.array([round(256 * RATE_WEIGHT * step_size(qp) * CHANGE_BITS) for qp in _QPS], np.int32))
        self.sums = device.zeros(4, np.uint64)
        """Absolute errors of the last choice, by way (`pictures.way_of`), in samples' own units."""

    def choose(self, source: Buffer, reference: Buffer, vectors: Buffer, qp: Buffer, way: Buffer) -> None:
        """way, one int32, is what is expected, and becomes what costs least for the luma plane `source`; where costs are equal, what is expected."""
        s, shift = self._shape, self._shape.depth - 8
        self._device.fill_zero(self.sums)
        self._device.launch(f"compare_ways_{s.bits}", [blocks_of(s.width, 128), blocks_of(s.height, 8)], [128],
                            [source, reference, vectors, s.columns, s.width, s.height, *([shift] if shift else []), self.sums])
        self._device.launch("choose_way", [1], [32], [self.sums, shift, self._changes, qp, way])


class CopyChoice:
    """Of the 32x32 blocks that take their prediction as it is: those of `zvc69.codec.copying.choose_copies`."""

    def __init__(self, device: Device, shape: PictureShape) -> None:
        self._device, self._shape = device, shape
        self._inside = blocks_of(shape.height, 8), blocks_of(shape.width, 8)
        models = [(1 / step_size(qp), math.sqrt(model.chroma) / step_size(qp), model.distortion, model.constant, model.least)
                  for qp, model in ((qp, gain_model(qp)) for qp in _QPS)]
        self._models = device.upload(np.array(models, np.float32))

    def choose(self, picture: Buffer, prediction: Buffer, qp: Buffer, out: Buffer) -> None:
        """picture, prediction (positions, 96) float16; out (positions / 16,) uint8: 1 where copying is best. Blocks outside of the picture count nothing."""
        s = self._shape
        self._device.launch("choose_copies", [blocks_of(s.columns, 32), s.rows // 4], [32, 4],
                            [picture, prediction, s.columns, *self._inside, self._models, qp, COPY_BITS, out])

    def take_padding(self, picture: Buffer, prediction: Buffer) -> None:
        """Give `picture` the prediction's samples in 8x8 blocks outside: as `zvc69.codec.temporal.take_padding`."""
        s = self._shape
        if self._inside != (s.rows, s.columns):
            self._device.launch("take_padding", [blocks_of(s.positions * _GROUPS, 256)], [256],
                                [prediction, s.columns, *self._inside, s.positions, picture])


def choice_arrays(shape: PictureShape) -> Arrays:
    """What `SlotChoice` makes."""
    return {"vectors": ((shape.rows, shape.columns, 2), np.int16), "way": ((1,), np.int32), "copy": ((shape.positions // 16,), np.uint8)}


@dataclass(frozen=True, slots=True)
class Chosen:
    """On the host: vectors (rows, columns, 2) int16, how they predict (`pictures.way_of`), and copied blocks, (rows / 4, columns / 4) bool."""

    vectors: NDArray[np.int16]
    way: int
    copy: NDArray[np.bool_]

    @property
    def field(self) -> MotionField:
        """With the largest blocks that the vectors allow."""
        return MotionField.from_vectors(self.vectors).using(KERNELS[self.way & 1], self.way >= 2)


class SlotChoice:
    """Motion of a P frame's slot A, and its copied blocks, for the frame's `inputs`. What is expected is the motion of the reference: frames are taken to
    be as far apart as those before."""

    def __init__(self, device: Device, shape: PictureShape, inputs: Inputs) -> None:
        self._device, self._inputs = device, inputs
        self.search, self.way, self.copies = MotionSearch(device, shape), WayChoice(device, shape), CopyChoice(device, shape)
        self.made, self._expected = (Block(device, choice_arrays(shape)) for _ in range(2))
        device.fill_zero(self.made.buffer)      # whole blocks are copied, with the gaps between their arrays
        self._store = Store(device, choice_arrays(shape))

    def refer(self, expected: Held | None) -> None:
        """None: the reference has no motion."""
        if expected is None:
            self._device.fill_zero(self._expected.buffer)
        else:
            self._expected.take(expected.block)

    def keep(self) -> Held:
        return self._store.hold(self.made)

    def choose_motion(self, source: Planes, reference: Planes) -> None:
        copy, made, expected, inputs = self._device.copy, self.made, self._expected, self._inputs
        copy(expected["way"], made["way"])
        self.search.search(source[0], reference[0], made["way"], inputs.qp, made["vectors"], expected["vectors"])
        self.way.choose(source[0], reference[0], made["vectors"], inputs.qp, made["way"])
        copy(made["vectors"], inputs.vectors[0])
        copy(made["way"], inputs.ways[0])

    def choose_copies(self, picture: Buffer, prediction: Buffer) -> None:
        """Of packed pictures; `picture` gets the prediction's samples outside of what is shown."""
        self.copies.take_padding(picture, prediction)
        self.copies.choose(picture, prediction, self._inputs.qp, self.made["copy"])
        self._device.copy(self.made["copy"], self._inputs.copy)

    def download(self) -> Chosen:
        """Waits for the device."""
        return chosen(*self.made.download())


def chosen(vectors: NDArray[np.int16], way: NDArray[np.int32], copy: NDArray[np.uint8]) -> Chosen:
    """Of arrays of `choice_arrays` that may be used again."""
    rows, columns, _ = vectors.shape
    return Chosen(vectors.copy(), int(way[0]), copy.astype(bool).reshape(rows // 4, columns // 4))
