"""Pictures on the device: planes, packed pictures, compensation."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.loopfilter import FINE_DEPTH
from ..core.motion import MotionField
from ..core.pack import CHANNELS, blocks
from .device import Buffer, Device, blocks_of

Planes = tuple[Buffer, Buffer, Buffer]
"""Y (height, width), U, V (half of that, rounded up): uint8 at depth 8, else uint16."""

_GROUPS = CHANNELS // 8
_UNPACKED = 32


@dataclass(frozen=True, slots=True)
class PictureShape:
    """Size of a stream's pictures, and what follows from it. Blocks are 8x8; rows and columns of them are multiples of 4."""

    width: int
    height: int
    depth: int

    @property
    def rows(self) -> int:
        return blocks(self.width, self.height)[0]

    @property
    def columns(self) -> int:
        return blocks(self.width, self.height)[1]

    @property
    def positions(self) -> int:
        """Blocks of a picture."""
        return self.rows * self.columns

    @property
    def planes(self) -> tuple[tuple[int, int], ...]:
        half = (self.height + 1) // 2, (self.width + 1) // 2
        return (self.height, self.width), half, half

    @property
    def dtype(self) -> type:
        return np.uint8 if self.depth == 8 else np.uint16

    @property
    def bits(self) -> str:
        """The end of the names of kernels that take these samples."""
        return "8" if self.depth == 8 else "16"


def way_of(field: MotionField) -> int:
    """How a field predicts, as kernels take it: 1 for luma's sharp filter + 2 for overlap."""
    return (field.kernel == "sharp") + 2 * field.overlap


class Pictures:
    """Operations on pictures of one shape."""

    def __init__(self, device: Device, shape: PictureShape) -> None:
        self._device, self.shape = device, shape

    def planes(self) -> Planes:
        return tuple(self._device.empty(shape, self.shape.dtype) for shape in self.shape.planes)

    def packed(self) -> Buffer:
        """(positions, 96) float16: levels less 128."""
        return self._device.empty((self.shape.positions, CHANNELS), np.float16)

    def pack(self, planes: Planes, out: Buffer) -> None:
        """Edges are repeated as far as there are blocks."""
        s = self.shape
        scale = () if s.depth == 8 else (2.0 ** (8 - s.depth),)
        self._device.launch(f"pack_{s.bits}", [blocks_of(s.positions * _GROUPS, 256)], [256],
                            [*planes, s.width, s.height, s.columns, s.positions, *scale, out])

    def unpack(self, levels: Buffer, out: Planes, copy: Buffer | None = None, predicted: Planes | None = None) -> None:
        """levels (positions, 96) float32, not less 128. Where copy (rows / 4, columns / 4) is set, samples are `predicted`'s."""
        s = self.shape
        scale = () if s.depth == 8 else (2.0 ** (s.depth - 8), 2.0 ** s.depth - 1)
        predicted = (None, None, None) if predicted is None else predicted
        self._device.launch(f"unpack_{s.bits}", [blocks_of(s.positions, _UNPACKED)], [_UNPACKED * _GROUPS],
                            [levels, copy, *predicted, s.width, s.height, s.columns, s.positions, *scale, *out])

    def unpack_fine(self, levels: Buffer, out: Planes, copy: Buffer | None = None, predicted: Planes | None = None) -> None:
        """As `unpack`, to uint16 planes of the 12 bits that the loop filter takes."""
        s = self.shape
        shift = () if s.depth == 8 else (FINE_DEPTH - s.depth,)
        predicted = (None, None, None) if predicted is None else predicted
        self._device.launch(f"unpack_fine_{s.bits}", [blocks_of(s.positions, _UNPACKED)], [_UNPACKED * _GROUPS],
                            [levels, copy, *predicted, s.width, s.height, s.columns, s.positions, *shift, *out])

    def compensate(self, reference: Planes, vectors: Buffer, way: Buffer, out: Planes) -> None:
        """vectors (rows, columns, 2) int16, in quarter pixels; way: one int32, what `way_of` says."""
        s = self.shape
        shift = () if s.depth == 8 else (s.depth - 8,)
        (height, width), (chroma_height, chroma_width), _ = s.planes
        self._device.launch(f"compensate_luma_{s.bits}", [blocks_of(width, 128), blocks_of(height, 8)], [128],
                            [reference[0], vectors, s.columns, way, width, height, *shift, out[0]])
        self._device.launch(f"compensate_chroma_{s.bits}", [blocks_of(chroma_width, 128), blocks_of(chroma_height, 4), 2], [128],
                            [*reference[1:], vectors, s.columns, way, chroma_width, chroma_height, *shift, *out[1:]])

    def average(self, a: Planes, b: Planes, out: Planes) -> None:
        for first, second, to in zip(a, b, out):
            self._device.launch(f"average_{self.shape.bits}", [blocks_of(to.size, 256)], [256], [first, second, to.size, to])

    def from_nv12(self, luma: Buffer, chroma: Buffer, pitch: int, out: Planes) -> None:
        """luma (height, pitch), chroma (height / 2 rounded up, pitch): uint8; at depth 10 P010, uint16 with the bits on top, pitch in samples."""
        kernel = "planes_of_nv12" if self.shape.depth == 8 else "planes_of_p010"
        self._device.launch(kernel, [blocks_of(out[1].size, 256)], [256], [luma, chroma, pitch, self.shape.width, self.shape.height, *out])

    def from_rgb(self, rgb: Buffer, out: Planes) -> None:
        """rgb (height, width, 3) uint8, to BT.601 of limited range at depth 8; chroma is the mean of a 2x2."""
        self._device.launch("planes_of_rgb", [blocks_of(out[1].size, 256)], [256], [rgb, self.shape.width, self.shape.height, *out])
