"""A frame's picture on the device: what it is predicted from, the networks, rounding, the loop filter."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..bitstream import FilterSet
from .device import Buffer, Device
from .latents import FrameKind, Replays
from .loopfilter import LoopFilter
from .memory import Arrays, Block, Held, Inputs
from .network import Networks, Plan
from .pictures import Pictures, PictureShape, Planes


def picture_arrays(shape: PictureShape) -> Arrays:
    """Planes."""
    return {name: (size, shape.dtype) for name, size in zip("yuv", shape.planes)}


def coefficients_of(filters: FilterSet) -> np.ndarray:
    """As `Inputs` takes them: (27, 12) int8, of luma's classes, of U, of V."""
    return np.concatenate([filters.luma, filters.chroma])


class Reconstruction:
    """Pictures of one size, in `picture`. `refer` to those in the slots, then `decode`, or what an encoder does step by step.

    inputs: the frame's, sent before. symbols: as `latents.symbol_arrays`.
    """

    def __init__(self, device: Device, plan: Callable[[bool], Plan], skip_below: int, shape: PictureShape, inputs: Inputs, symbols: Block, z_index: Buffer, *,
                 half_sums: bool = False, graphs: bool = True) -> None:
        self._device, self._plan, self._skip_below, self._half_sums, self._inputs = device, plan, skip_below, half_sums, inputs
        self.shape, self.pictures, self.loop_filter = shape, Pictures(device, shape), LoopFilter(device, shape)
        self.picture, *self.references = (Block(device, picture_arrays(shape)) for _ in range(3))
        device.fill_zero(self.picture.buffer)      # whole blocks are copied, with the gaps between their arrays
        self.predicted = tuple(self.pictures.planes() for _ in range(2))
        self._mean = self.pictures.planes()
        self._fine, self._classes, self.sums = self.loop_filter.planes(), self.loop_filter.classes(), self.loop_filter.sums()
        self._blend = device.upload(np.zeros(1, np.float32)), device.upload(np.full(1, 0.5, np.float32))
        packed = [self.pictures.packed() for _ in range(3)]
        self.tensors = dict(zip(("picture", "slot_a", "slot_b"), packed)) | {"z": symbols["z"], "r": symbols["r"], "copy": inputs.copy, "z_index": z_index}
        self._networks: dict[tuple[bool, bool], Networks] = {}
        self._replays = Replays(device, graphs)

    def refer(self, slot: int, picture: Held) -> None:
        """The frame that comes has it in slot A (0) or B (1)."""
        self.references[slot].take(picture.block)

    def decode(self, kind: FrameKind) -> None:
        """`picture` has it then; filters are the inputs'."""
        self._replays.run((kind.inter, kind.state, kind.second, kind.between, kind.filtered), lambda: self._decode(kind))

    def _decode(self, kind: FrameKind) -> None:
        self.predict(kind)
        networks = self.networks(kind)
        self.run(networks.decode, kind)
        if kind.filtered:
            self.classify(kind)
            self.filter(kind)
        else:
            self.round(kind)

    def predict(self, kind: FrameKind) -> None:
        """Fill the networks' slots; a blank slot B repeats slot A."""
        if not kind.inter:
            return
        for slot, name in enumerate(("slot_a", "slot_b")[:1 + kind.second]):
            self.pictures.compensate(self.references[slot].arrays, self._inputs.vectors[slot], self._inputs.ways[slot], self.predicted[slot])
            self.pictures.pack(self.predicted[slot], self.tensors[name])
        if not kind.second:
            self._device.copy(self.tensors["slot_a"], self.tensors["slot_b"])
        if kind.between:
            self.pictures.average(*self.predicted, self._mean)

    def run(self, programs: list, kind: FrameKind) -> None:
        self.networks(kind).run(programs, self._inputs.qp, self._blend[kind.between])

    def round(self, kind: FrameKind) -> None:
        """The picture from the networks' levels, unfiltered."""
        self.pictures.unpack(self._levels(kind), self.picture.arrays, *self._copied(kind))

    def classify(self, kind: FrameKind) -> None:
        """The picture's samples of 12 bits, and their classes."""
        self.pictures.unpack_fine(self._levels(kind), self._fine, *self._copied(kind))
        self.loop_filter.classify(self._fine[0], self._classes)

    def filter(self, kind: FrameKind) -> None:
        """The picture, by the inputs' filters, after `classify`."""
        self.loop_filter.filtered(self._fine, self._inputs.filters, self._classes, self._copied(kind)[0], self.picture.arrays)

    def take_statistics(self, kind: FrameKind, source: Planes) -> None:
        """Into `sums`, after `classify`."""
        self.loop_filter.statistics(self._fine, source, self._classes, self._copied(kind)[0], self.sums)

    def networks(self, kind: FrameKind) -> Networks:
        key = kind.inter, kind.state
        if key not in self._networks:
            self._networks[key] = Networks(self._device, self._plan(kind.inter), self.shape.rows, self.shape.columns, self.tensors, z_skip=self._skip_below,
                                           z_sigma=kind.state, half_sums=self._half_sums)
        return self._networks[key]

    def _levels(self, kind: FrameKind) -> Buffer:
        return self.networks(kind).tensors["levels"]

    def _copied(self, kind: FrameKind) -> tuple[Buffer | None, Planes | None]:
        """Which blocks are copied, and of what."""
        if not kind.inter:
            return None, None
        return self._inputs.copy, self._mean if kind.between else self.predicted[0]
