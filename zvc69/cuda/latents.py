"""A frame's symbols on the device: the sigma network, the entropy coder, and the states that later frames refer to. Integers alone."""
from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..bitstream.limits import MAX_SUBSTREAMS
from ..bitstream.payload import bands
from ..core.scale import STEPS
from ..model.tables import IntegerPart
from . import entropy
from .device import Buffer, Device
from .memory import Arrays, Block, Held, Inputs
from .network import HYPER, LATENT
from .pictures import PictureShape
from .sigma import SigmaNetwork
from .symbols import Symbols


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
            self._device.synchronise()      # other queues use them
        return self._z_tables[id(tables)]


@dataclass(frozen=True, slots=True)
class FrameKind:
    """What decides which launches a frame takes: slot A filled or not, a state from there or the blank one, substreams and their lanes.

    qp: where there is no state, since the tables of z depend on it then; elsewhere None. second: slot B is filled. between: a B frame, predicted from the mean
    of both. filtered: by the loop filter. searched: an encoder's P frame whose motion and copied blocks are chosen on the device.
    """

    inter: bool
    state: bool
    count: int
    lanes: int
    qp: int | None = None
    second: bool = False
    between: bool = False
    filtered: bool = False
    searched: bool = False


class Replays:
    """Launches that are recorded when they first run, and then replayed; without `graphs` they run each time."""

    def __init__(self, device: Device, graphs: bool) -> None:
        self._device, self._graphs = device, graphs
        self._known: dict[Hashable, Callable[[], None]] = {}

    def run(self, key: Hashable, work: Callable[[], None]) -> None:
        if not self._graphs:
            work()
        elif key in self._known:
            self._known[key]()
        else:
            self._known[key] = self._device.recorded(work)      # which has run it

    def forget(self) -> None:
        """Memory that they use has moved."""
        self._known.clear()


def symbol_arrays(shape: PictureShape) -> Arrays:
    return {"z": ((shape.positions // 16, HYPER), np.int16), "r": ((STEPS, shape.positions, LATENT // 4), np.int16)}


def state_arrays(shape: PictureShape) -> Arrays:
    """Magnitude and index codes, words of four channels."""
    codes = ((shape.positions, LATENT // 4), np.uint32)
    return {"magnitude": codes, "index": codes}


class Latents:
    """Symbols of frames of one size, in `symbols`. `refer` to a state where a frame has one, then `decode` and `check`, or what an encoder does step by step.
    `state` is then that of the frame.

    integers: of P and B frames (True), of I frames. inputs: the frame's, sent before.
    """

    def __init__(self, device: Device, integers: Callable[[bool], DeviceIntegers], skip_below: int, shape: PictureShape, inputs: Inputs, *,
                 graphs: bool = True) -> None:
        self._device, self._integers, self._skip_below, self.shape, self._inputs = device, integers, skip_below, shape, inputs
        self.operations, positions, coarse = Symbols(device, shape, LATENT), shape.positions, shape.positions // 16
        self.symbols = Block(device, symbol_arrays(shape))
        self.state, self._reference, self._fetched = (Block(device, state_arrays(shape)) for _ in range(3))
        for block in (self.symbols, self.state):      # whole blocks are copied, with the gaps between their arrays
            device.fill_zero(block.buffer)
        self.index, self.z_index = device.empty((STEPS, positions, LATENT // 4), np.uint8), device.empty((coarse, HYPER), np.uint8)
        self._features = device.empty((positions, HYPER), np.uint8)
        self._scratch = device.empty(max(integers(inter).sigma.scratch_bytes(shape.rows, shape.columns) for inter in (False, True)), np.uint8)
        self._channels = device.upload(np.tile(np.arange(HYPER, dtype=np.uint8), (coarse, 1)))
        self._replays = Replays(device, graphs)
        self._ends: dict[int, tuple[NDArray[np.uint32], list[Buffer]]] = {}
        self._encoders: dict[tuple[int, int], entropy.Encoder] = {}

    @property
    def r(self) -> Buffer:
        return self.symbols["r"]

    def refer(self, state: Held) -> None:
        """The frame that comes has its state from there."""
        self._reference.take(state.block)

    def decode(self, kind: FrameKind, substreams: Sequence[bytes | memoryview]) -> None:
        """`check` says whether the bytes were sound. Raises CorruptStreamError if there are not `kind.count` of them, or more than rows; BackendError."""
        if self.decoder.upload(substreams, kind.count):
            self._replays.forget()
        self._run_decoder(kind)

    def decode_sent(self, kind: FrameKind, substreams: Buffer) -> None:
        """Likewise, of bytes that `decoder.write` made and that are on the device already."""
        if self.decoder.take(substreams, kind.count):
            self._replays.forget()
        self._run_decoder(kind)

    @cached_property
    def decoder(self) -> entropy.Decoder:
        """`decoder.failures` of a frame's substreams are for `entropy.check`."""
        room = 2 * (self.shape.width * self.shape.height + 4096)       # twice what 8 bits a sample are: hardly a frame is larger
        return entropy.Decoder(self._device, MAX_SUBSTREAMS, room)

    def _run_decoder(self, kind: FrameKind) -> None:
        self._places(kind.count)
        self._replays.run((kind.inter, kind.state, kind.count, kind.lanes, self._z_key(kind)), lambda: self._decode(kind))

    def check(self, kind: FrameKind) -> None:
        """Of the frame that was decoded last. Waits for the device. Raises CorruptStreamError."""
        entropy.check(self._device.download(self.decoder.failures[:kind.count]))

    def fetch(self, kind: FrameKind) -> None:
        """The state that the frame begins with, and the indices of z that follow from it."""
        if not kind.state:
            return
        rows, columns = self.shape.rows // 4, self.shape.columns // 4
        self.operations.fetch(self._reference.arrays, self._inputs.vectors[0], self._fetched.arrays)
        self._integers(True).sigma.z_indices(self._fetched.arrays, self._inputs.qp, rows, columns, self.z_index)

    def begin(self, kind: FrameKind) -> None:
        """After z is known."""
        rows, columns = self.shape.rows // 4, self.shape.columns // 4
        self._integers(kind.inter).sigma.hyper_features(self.symbols["z"], rows, columns, self._scratch, self._features)

    def indices(self, k: int, kind: FrameKind) -> None:
        """Of step k, after the steps before are known."""
        self._integers(kind.inter).sigma.indices(k, self._features.view(np.uint32), self._fetched.arrays if kind.state else None, self.r, self._inputs.qp,
                                                 self._inputs.copy if kind.inter else None, self.shape.rows, self.shape.columns, self._scratch, self.index)

    def quantise(self, k: int, kind: FrameKind, y: Buffer, mean: Buffer) -> None:
        self.operations.quantise(y, mean, self.index, self._integers(kind.inter).thresholds, k, self._skip_below, self.r)

    def encode(self, kind: FrameKind) -> None:
        """After all is known."""
        self.coder(kind).put(self._calls(kind), [self.symbols["z"], *self.r])

    def finish(self) -> None:
        """Make `state`."""
        self.operations.state(self.r, self.index, self.state.arrays)

    def coder(self, kind: FrameKind) -> entropy.Encoder:
        key = kind.count, kind.lanes
        if key not in self._encoders:
            self._encoders[key] = entropy.Encoder(self._device, self._places(kind.count)[0], kind.lanes)
        return self._encoders[key]

    def _decode(self, kind: FrameKind) -> None:
        decoder, calls, ends = self.decoder, self._calls(kind), self._places(kind.count)[1]
        self.fetch(kind)
        self._device.fill_zero(self.symbols.buffer)
        decoder.begin(kind.lanes)
        decoder.get(calls[0], ends[0], kind.lanes, self.symbols["z"])
        self.begin(kind)
        for k in range(STEPS):
            self.indices(k, kind)
            decoder.get(calls[1 + k], ends[1 + k], kind.lanes, self.r[k])
        decoder.end(kind.lanes)
        self.finish()

    def _z_key(self, kind: FrameKind) -> int | None:
        return None if kind.state else id(self._integers(kind.inter).z_tables(kind.qp))

    def _calls(self, kind: FrameKind) -> list[entropy.Call]:
        integers, left_out = self._integers(kind.inter), self._inputs.copy if kind.inter else None
        if kind.state:
            z = entropy.Call(self.z_index, integers.y_tables, self._skip_below, left_out, HYPER)
        else:
            z = entropy.Call(self._channels, integers.z_tables(kind.qp), 0, left_out, HYPER)
        return [z, *(entropy.Call(index, integers.y_tables, self._skip_below) for index in self.index)]

    def _places(self, count: int) -> tuple[NDArray[np.uint32], list[Buffer]]:
        """Where bands end in each call, on the host and on the device."""
        if count not in self._ends:
            rows, columns = self.shape.rows // 4, self.shape.columns // 4
            edges = np.array([0, *(last for _, last in bands(rows, count))], np.uint32)
            ends = np.stack([edges * (columns * HYPER)] + [edges * (16 * columns * (LATENT // 4))] * STEPS)
            self._ends[count] = ends, [self._device.upload(row) for row in ends]
        return self._ends[count]
