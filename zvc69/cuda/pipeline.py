"""I, P and B frames whose coding stays on the device: planes and vectors come in, substreams go out, and the reverse.

The same stages in the same order as zvc69.codec.frame_coder and zvc69.codec.chain: what is written here the CPU reads, symbol by symbol. Host and
device meet where a frame begins (`begin`), where an encoder chooses filters (`statistics`), and where it ends (`substreams`, `check`); between these are
launches alone, which a device may record and replay. Vectors are what they are given, or (P frames) searched on the device.
"""
from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bitstream import FilterSet
from ..core.loopfilter import CLASSES, TAPS, Statistics
from ..core.motion import MotionField
from ..core.scale import STEPS
from ..model.store import Model
from .choices import SlotChoice
from .device import Device
from .latents import DeviceIntegers, FrameKind, Latents, Replays, state_arrays
from .loopfilter import statistics_of
from .memory import Block, Held, Inputs, Store
from .network import Plan, StageLayers
from .pictures import PictureShape, Planes
from .reconstruction import Reconstruction, coefficients_of, picture_arrays

FILTERS = CLASSES + 2, TAPS


class DeviceModel:
    """A model's weights and tables on a device, for any number of streams and of pictures' sizes. Raises ModelError, BackendError."""

    def __init__(self, device: Device, model: Model) -> None:
        self.device, self.model, self.skip_below = device, model, model.manifest.skip_below
        self._integers: dict[bool, DeviceIntegers] = {}
        self._plans: dict[bool, Plan] = {}
        self._lock = threading.Lock()
        self.idle: dict[PictureShape, list[Any]] = {}
        """Each a `FrameDecoder` that nobody uses."""

    def integers(self, inter: bool) -> DeviceIntegers:
        """Of P and B frames (`inter`) or of I frames."""
        with self._lock:
            if inter not in self._integers:
                self._integers[inter] = DeviceIntegers(self.device, self.model.integers_of(inter), self.model.manifest.distortion)
                self.device.synchronise()       # other queues use them
        return self._integers[inter]

    def plan(self, slots: bool) -> Plan:
        with self._lock:
            if slots not in self._plans:
                self._plans[slots] = Plan(StageLayers.of(self.device, self.model, slots))
                self.device.synchronise()
        return self._plans[slots]


@dataclass(frozen=True, slots=True)
class Kept:
    """What later frames may refer to: a frame's picture, its state, and its motion where that was searched on the device."""

    picture: Held
    state: Held
    motion: Held | None = None


class FrameCodec:
    """Codes and decodes frames of one size. `begin` a frame, `encode` or `decode` it, take what came of it, `keep` it if others refer to it.

    What is encoded is `source`, and what came of it `picture.arrays`. graphs: launches of each kind of frame are recorded once, then replayed.
    search: frames may be of kinds that are searched, which takes memory; what is chosen for them is in `choice`.
    """

    def __init__(self, weights: DeviceModel, shape: PictureShape, *, half_sums: bool = False, graphs: bool = True, search: bool = False) -> None:
        device, skip_below = weights.device, weights.skip_below
        self._device, self.shape = device, shape
        self.inputs = Inputs(device, shape, FILTERS)
        self.latents = Latents(device, weights.integers, skip_below, shape, self.inputs, graphs=graphs)
        self.reconstruction = Reconstruction(device, weights.plan, skip_below, shape, self.inputs, self.latents.symbols, self.latents.z_index,
                                             half_sums=half_sums, graphs=graphs)
        self.picture, self.source_block = self.reconstruction.picture, Block(device, picture_arrays(shape))
        self.source = self.source_block.arrays
        self._pictures, self._states = Store(device, picture_arrays(shape)), Store(device, state_arrays(shape))
        self._replays = Replays(device, graphs)
        self._coding, self._quantised, self._coded = device.queue(), device.event(), device.event()
        self.choice = SlotChoice(device, shape, self.inputs) if search else None
        self._searched = False

    def begin(self, qp: int, *, source: Planes | Sequence[NDArray] | None = None, a: tuple[Kept, MotionField | None] | None = None,
              b: tuple[Kept, MotionField] | None = None, copy: NDArray[np.bool_] | None = None, filters: FilterSet | None = None) -> None:
        """What a frame takes from the host: planes to encode (None: they are in `source`), the slots' frames and motion (None: blank; slot A's motion is None
        where the device searches), copied blocks, and what it is filtered by when it is decoded."""
        fields = [None if slot is None else slot[1] for slot in (a, b)]
        self.inputs.send(qp, *fields, copy, None if filters is None else coefficients_of(filters))
        for plane, to in zip(source or (), self.source):
            self._device.upload(plane, into=to)
        self.refer(a, b)

    def refer(self, a: tuple[Kept, MotionField | None] | None, b: tuple[Kept, MotionField] | None) -> None:
        """The frames in the slots, of one whose motion is in `inputs`."""
        for number, slot in enumerate((a, b)):
            if slot is not None:
                self.reconstruction.refer(number, slot[0].picture)
        if a is not None:
            self.latents.refer(a[0].state)
            if a[1] is None:
                self.choice.refer(a[0].motion)

    def encode(self, kind: FrameKind) -> None:
        """`substreams` gives the bytes, `picture` has the reconstruction; of a frame that is to be filtered after `statistics` and `finish` alone."""
        self.latents.coder(kind)
        self._searched = kind.searched
        self._replays.run(("encode", kind), lambda: self._encode(kind))

    def statistics(self) -> list[Statistics]:
        """Of the frame that was encoded last, if it is to be filtered: what filters are chosen by. Waits for the device."""
        return statistics_of(self._device.download(self.reconstruction.sums))

    def finish(self, kind: FrameKind, filters: FilterSet | None) -> None:
        """Make the picture of the frame that was encoded last, if it is to be filtered, by these filters, or by none after all."""
        if filters is None:
            return self._replays.run(("round", kind), lambda: self.reconstruction.round(kind))
        self.inputs.send_filters(coefficients_of(filters))
        return self._replays.run(("filter", kind), lambda: self.reconstruction.filter(kind))

    def substreams(self, kind: FrameKind) -> tuple[bytes, ...]:
        """Of the frame that was encoded last; none where nothing is coded. Waits for the device."""
        return self.latents.coder(kind).bytes()

    def decode(self, kind: FrameKind, substreams: Sequence[bytes | memoryview]) -> None:
        """`picture` has it; `check` says whether the bytes were sound. Raises CorruptStreamError."""
        self.latents.decode(kind, substreams)
        self.reconstruction.decode(kind)

    def check(self, kind: FrameKind) -> None:
        """Of the frame that was decoded last. Waits for the device. Raises CorruptStreamError."""
        self.latents.check(kind)

    def keep(self) -> Kept:
        """Of the frame that was made last."""
        return Kept(self._pictures.hold(self.picture), self._states.hold(self.latents.state), self.choice.keep() if self._searched else None)

    def _encode(self, kind: FrameKind) -> None:
        latents, pictures = self.latents, self.reconstruction
        networks = pictures.networks(kind)
        pictures.pictures.pack(self.source, pictures.tensors["picture"])
        if kind.searched:
            self.choice.choose_motion(self.source, pictures.references[0].arrays)
        pictures.predict(kind)
        if kind.searched:
            self.choice.choose_copies(pictures.tensors["picture"], pictures.tensors["slot_a"])
        latents.fetch(kind)
        pictures.run(networks.analyse, kind)
        latents.begin(kind)
        for k in range(STEPS):
            if k == 2:
                pictures.run(networks.refine, kind)
            latents.indices(k, kind)
            latents.quantise(k, kind, networks.tensors["y"], networks.tensors["mean_1" if k < 2 else "mean_2"])
        # The entropy coder takes few processors: it runs beside the networks.
        self._device.record(self._quantised)
        with self._device.using(self._coding):
            self._device.follow(self._quantised)
            latents.encode(kind)
            self._device.record(self._coded)
        latents.finish()
        pictures.run(networks.synthesise, kind)
        self._device.follow(self._coded)
        if kind.filtered:
            pictures.classify(kind)
            pictures.take_statistics(kind, self.source)
        else:
            pictures.round(kind)
