"""I and P frames whose coding stays on the device: planes and vectors come in, substreams go out, and the reverse.

The same stages in the same order as zvc69.codec.frame_coder and zvc69.codec.chain: what is written here the CPU reads, symbol by symbol. Host and
device meet where a frame begins (`begin`) and ends (`substreams`, `check`); between the two are launches alone, which a device may record and replay.
Vectors are what they are given: the search is the caller's.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..bitstream.payload import bands
from ..core.motion import MotionField
from ..core.scale import STEPS
from ..model.store import Model
from ..model.tables import IntegerPart
from . import entropy
from .device import Buffer, Device
from .network import HYPER, LATENT, Networks, Plan, StageLayers
from .pictures import Pictures, PictureShape, Planes, way_of
from .sigma import SigmaNetwork
from .symbols import State, Symbols


class DeviceIntegers:
    """What decides how bits are read, on a device."""

    def __init__(self, device: Device, integers: IntegerPart, distortion: float) -> None:
        self._device, self._host = device, integers
        self.sigma = SigmaNetwork(device, integers.sigma.arrays)
        self.y_tables = entropy.Tables(device, integers.y_tables)
        self.thresholds = device.upload(integers.thresholds(distortion))
        self._z_tables: dict[int, entropy.Tables] = {}

    def z_tables(self, qp: int) -> entropy.Tables:
        """Of frames without state."""
        tables = self._host.z_tables(qp)
        if id(tables) not in self._z_tables:
            self._z_tables[id(tables)] = entropy.Tables(self._device, tables)
        return self._z_tables[id(tables)]


class DeviceModel:
    """A model's weights and tables on a device, for any number of pictures' sizes. Raises ModelError, BackendError."""

    def __init__(self, device: Device, model: Model) -> None:
        self.device, self.model, self.skip_below = device, model, model.manifest.skip_below
        self._integers: dict[bool, DeviceIntegers] = {}
        self._plans: dict[bool, Plan] = {}

    def integers(self, inter: bool) -> DeviceIntegers:
        """Of P and B frames (`inter`) or of I frames."""
        if inter not in self._integers:
            self._integers[inter] = DeviceIntegers(self.device, self.model.integers_of(inter), self.model.manifest.distortion)
        return self._integers[inter]

    def plan(self, slots: bool) -> Plan:
        if slots not in self._plans:
            self._plans[slots] = Plan(StageLayers.of(self.device, self.model, slots))
        return self._plans[slots]


@dataclass(frozen=True, slots=True)
class FrameKind:
    """What decides which launches a frame takes: slot A filled or not, a state from there or the blank one, substreams and their lanes.

    qp: where there is no state, since the tables of z depend on it then; elsewhere None.
    """

    inter: bool
    state: bool
    count: int
    lanes: int
    qp: int | None = None


class FrameMemory:
    """Buffers of one picture size, used for every frame: `source` and `levels` aside, what a frame makes is in `out`, `out_state`, and what it
    refers to in `reference`, `reference_state`; `keep` makes the one the other."""

    def __init__(self, weights: DeviceModel, shape: PictureShape) -> None:
        self.device, self.shape, device = weights.device, shape, weights.device
        self.pictures, self.symbols = Pictures(device, shape), Symbols(device, shape, LATENT)
        positions, coarse = shape.positions, shape.positions // 16
        self.source, self.reference, self.predicted, self.out = (self.pictures.planes() for _ in range(4))
        self.reference_state, self.fetched, self.out_state = (self._state() for _ in range(3))
        self.vectors, self.way = device.zeros((shape.rows, shape.columns, 2), np.int16), device.zeros(1, np.int32)
        self.copy = device.zeros(coarse, np.uint8)
        self.qp, self.blend = device.zeros(1, np.int32), device.zeros(1, np.float32)
        self.index, self.r = device.empty((STEPS, positions, LATENT // 4), np.uint8), device.empty((STEPS, positions, LATENT // 4), np.int16)
        self.features = device.empty((positions, HYPER), np.uint8)
        self.scratch = device.empty(max(weights.integers(inter).sigma.scratch_bytes(shape.rows, shape.columns) for inter in (False, True)), np.uint8)
        slot = self.pictures.packed()
        self.tensors = {"picture": self.pictures.packed(), "slot_a": slot, "slot_b": slot, "r": self.r, "copy": self.copy,
                        "z": device.empty((coarse, HYPER), np.int16), "z_index": device.empty((coarse, HYPER), np.uint8)}
        self.channels = device.upload(np.tile(np.arange(HYPER, dtype=np.uint8), (coarse, 1)))

    def _state(self) -> State:
        return tuple(self.device.empty((self.shape.positions, LATENT // 4), np.uint32) for _ in range(2))

    def keep(self) -> None:
        """Later frames refer to the frame that was made last."""
        for made, kept in zip((*self.out, *self.out_state), (*self.reference, *self.reference_state)):
            self.device.copy(made, kept)


class FrameCodec:
    """Codes and decodes frames of one size. `begin` a frame, `encode` or `decode` it, take what came of it, `keep` it if others refer to it.

    graphs: launches of each kind of frame are recorded once, then replayed.
    """

    def __init__(self, weights: DeviceModel, shape: PictureShape, *, half_sums: bool = False, graphs: bool = True) -> None:
        self._weights, self.shape, self._device = weights, shape, weights.device
        self.memory = FrameMemory(weights, shape)
        self._half_sums, self._graphs = half_sums, graphs
        self._networks: dict[tuple[bool, bool], Networks] = {}
        self._encoders: dict[tuple[int, int], entropy.Encoder] = {}
        self._decoders: dict[int, entropy.Decoder] = {}
        self._ends: dict[int, tuple[NDArray[np.uint32], list[Buffer]]] = {}
        self._replays: dict[tuple[str, FrameKind], Callable[[], None]] = {}

    def begin(self, qp: int, *, source: Planes | Sequence[NDArray] | None = None, field: MotionField | None = None,
              copy: NDArray[np.bool_] | None = None) -> None:
        """What a frame takes from the host: planes to encode (None: they are in `memory.source`), slot A's motion, copied blocks."""
        memory, upload = self.memory, self._device.upload
        upload(np.array([qp], np.int32), into=memory.qp)
        for plane, to in zip(source or (), memory.source):
            upload(plane, into=to)
        if field is not None:
            upload(field.vectors, into=memory.vectors)
            upload(np.array([way_of(field)], np.int32), into=memory.way)
        if copy is None:
            self._device.fill_zero(memory.copy)
        else:
            upload(copy.reshape(-1).astype(np.uint8), into=memory.copy)

    def encode(self, kind: FrameKind) -> None:
        """`substreams` gives the bytes, `memory.out` the reconstruction."""
        self._coder(kind)
        self._run("encode", kind, self._encode)

    def substreams(self, kind: FrameKind) -> tuple[bytes, ...]:
        """Of the frame that was encoded last; none where nothing is coded. Waits for the device."""
        return self._coder(kind).bytes()

    def decode(self, kind: FrameKind, substreams: Sequence[bytes | memoryview]) -> None:
        """`memory.out` has the picture; `check` says whether the bytes were sound. Raises CorruptStreamError."""
        self._decoder(kind).upload(substreams)
        self._run("decode", kind, self._decode)

    def check(self, kind: FrameKind) -> None:
        """Of the frame that was decoded last. Waits for the device. Raises CorruptStreamError."""
        entropy.check(self._device.download(self._decoder(kind).failures))

    def keep(self) -> None:
        self.memory.keep()

    def _run(self, what: str, kind: FrameKind, work: Callable[[FrameKind], None]) -> None:
        if not self._graphs:
            return work(kind)
        if (what, kind) not in self._replays:
            self._replays[what, kind] = self._device.recorded(lambda: work(kind))     # which has run it
            return None
        return self._replays[what, kind]()

    def _encode(self, kind: FrameKind) -> None:
        memory, weights, networks = self.memory, self._weights, self._network(kind)
        memory.pictures.pack(memory.source, memory.tensors["picture"])
        self._predict(kind)
        networks.run(networks.analyse, memory.qp, memory.blend)
        self._begin_sigma(kind)
        for k in range(STEPS):
            if k == 2:
                networks.run(networks.refine, memory.qp, memory.blend)
            self._indices(k, kind)
            memory.symbols.quantise(networks.tensors["y"], networks.tensors["mean_1" if k < 2 else "mean_2"], memory.index,
                                    weights.integers(kind.inter).thresholds, k, weights.skip_below, memory.r)
        self._coder(kind).put(self._calls(kind), [memory.tensors["z"], *memory.r])
        networks.run(networks.synthesise, memory.qp, memory.blend)
        self._finish(kind, networks)

    def _decode(self, kind: FrameKind) -> None:
        memory, networks, decoder = self.memory, self._network(kind), self._decoder(kind)
        ends = self._places(kind.count)[1]
        self._predict(kind)
        calls = self._calls(kind)
        self._device.fill_zero(memory.tensors["z"])
        self._device.fill_zero(memory.r)
        decoder.begin(kind.lanes)
        decoder.get(calls[0], ends[0], kind.lanes, memory.tensors["z"])
        self._begin_sigma(kind)
        for k in range(STEPS):
            self._indices(k, kind)
            decoder.get(calls[1 + k], ends[1 + k], kind.lanes, memory.r[k])
        decoder.end(kind.lanes)
        networks.run(networks.decode, memory.qp, memory.blend)
        self._finish(kind, networks)

    def _predict(self, kind: FrameKind) -> None:
        memory, shape = self.memory, self.shape
        if kind.inter:
            memory.pictures.compensate(memory.reference, memory.vectors, memory.way, memory.predicted)
            memory.pictures.pack(memory.predicted, memory.tensors["slot_a"])
        if kind.state:
            memory.symbols.fetch(memory.reference_state, memory.vectors, memory.fetched)
            self._weights.integers(True).sigma.z_indices(memory.fetched, memory.qp, shape.rows // 4, shape.columns // 4, memory.tensors["z_index"])

    def _begin_sigma(self, kind: FrameKind) -> None:
        memory, shape = self.memory, self.shape
        self._weights.integers(kind.inter).sigma.hyper_features(memory.tensors["z"], shape.rows // 4, shape.columns // 4, memory.scratch, memory.features)

    def _indices(self, k: int, kind: FrameKind) -> None:
        memory, shape = self.memory, self.shape
        self._weights.integers(kind.inter).sigma.indices(k, memory.features.view(np.uint32), memory.fetched if kind.state else None, memory.r, memory.qp,
                                    memory.copy if kind.inter else None, shape.rows, shape.columns, memory.scratch, memory.index)

    def _finish(self, kind: FrameKind, networks: Networks) -> None:
        memory = self.memory
        copied = (memory.copy, memory.predicted) if kind.inter else (None, None)
        memory.pictures.unpack(networks.tensors["levels"], memory.out, *copied)
        memory.symbols.state(memory.r, memory.index, memory.out_state)

    def _calls(self, kind: FrameKind) -> list[entropy.Call]:
        memory, integers, skip_below = self.memory, self._weights.integers(kind.inter), self._weights.skip_below
        left_out = memory.copy if kind.inter else None
        if kind.state:
            z = entropy.Call(memory.tensors["z_index"], integers.y_tables, skip_below, left_out, HYPER)
        else:
            z = entropy.Call(memory.channels, integers.z_tables(kind.qp), 0, left_out, HYPER)
        return [z, *(entropy.Call(index, integers.y_tables, skip_below) for index in memory.index)]

    def _network(self, kind: FrameKind) -> Networks:
        key = kind.inter, kind.state
        if key not in self._networks:
            self._networks[key] = Networks(self._device, self._weights.plan(kind.inter), self.shape.rows, self.shape.columns, self.memory.tensors,
                                           z_skip=self._weights.skip_below, z_sigma=kind.state, half_sums=self._half_sums)
        return self._networks[key]

    def _places(self, count: int) -> tuple[NDArray[np.uint32], list[Buffer]]:
        """Where bands end in each call, on the host and on the device."""
        if count not in self._ends:
            rows, columns = self.shape.rows // 4, self.shape.columns // 4
            edges = np.array([0, *(last for _, last in bands(rows, count))], np.uint32)
            ends = np.stack([edges * (columns * HYPER)] + [edges * (16 * columns * (LATENT // 4))] * STEPS)
            self._ends[count] = ends, [self._device.upload(row) for row in ends]
        return self._ends[count]

    def _coder(self, kind: FrameKind) -> entropy.Encoder:
        key = kind.count, kind.lanes
        if key not in self._encoders:
            self._encoders[key] = entropy.Encoder(self._device, self._places(kind.count)[0], kind.lanes)
        return self._encoders[key]

    def _decoder(self, kind: FrameKind) -> entropy.Decoder:
        if kind.count not in self._decoders:
            room = 2 * (self.shape.width * self.shape.height + 4096)       # twice what 8 bits a sample are: no frame is larger
            self._decoders[kind.count] = entropy.Decoder(self._device, kind.count, room)
        return self._decoders[kind.count]
