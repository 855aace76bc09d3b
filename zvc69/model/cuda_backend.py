"""The networks on an NVIDIA GPU (kernels/, zvc69/cuda), behind the interface that all backends have: pictures and symbols come from and go to the host.

That is how encoders use it; decoders have whole frames decoded by its `device_model`.
"""
from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.pool import Empty
from ..core.quantise import step_of
from ..cuda.device import Buffer, CupyDevice, Device
from ..cuda.network import Networks, Plan
from ..cuda.pipeline import DeviceModel
from ..cuda.program import Flag, Layer, Program, fragments
from ..errors import BackendError
from .backend import Analysis, Array, Backend, Copy, Decoded, Slots
from .store import Model

KEPT_SIZES = 2
"""Picture sizes whose memory is kept, of each kind of frame."""
_CENTRE = np.float32(128)


@dataclass(frozen=True, slots=True)
class _OnDevice:
    """Stands in an `Analysis` for what has stayed on the device: that of the frame that was analysed as number `number`."""

    number: int


class CudaBackend(Backend):
    """Computes in halves with sums in floats; pictures are within FORMAT.md's tolerance. One frame at a time: `refine` and `synthesise` go with the
    last `analyse`. Whole frames are run, copied blocks or not.

    device: the first GPU, or what is given. whole_frames: a decoder has all of a frame decoded there (`codec.device_frames`), not only its networks run.
    Raises BackendError if there is none that will do, or if the model is not known to it.
    """

    gradients = several = False

    def __init__(self, model: Model, device: Device | None = None, *, whole_frames: bool = True) -> None:
        self.name, self._tiled = "cuda", None
        self._device = device or CupyDevice()
        self._weights = DeviceModel(self._device, model)
        self.device_model = self._weights if whole_frames else None
        self._sizes: OrderedDict[tuple[bool, int, int], _Size] = OrderedDict()
        self._lock, self._number = threading.RLock(), 0
        check(self._device)

    def analyse(self, picture: Array, qp: int, slots: Slots | None = None, keep: Array | None = None, copy: Copy = None) -> Analysis:
        with self._lock:
            size = self._size(picture, slots)
            size.put("picture", picture)
            if keep is not None:
                size.upload("z_index", _positions_first(keep).astype(np.uint8))
            size.run("analyse", qp)
            self._number += 1
            on_device = _OnDevice(self._number)
            return Analysis(size.get("y"), size.get("z", 4), size.get("mean_1"), on_device, None if slots is None else on_device,
                            None if slots is None else on_device)

    def refine(self, analysis: Analysis, r: Array) -> Array:
        with self._lock:
            size = self._size_of(analysis)
            size.put_symbols(r)
            size.run("refine")
            return size.get("mean_2")

    def synthesise(self, analysis: Analysis, mean_2: Array, r: Array, qp: int) -> Array:
        with self._lock:
            size = self._size_of(analysis)
            size.upload("mean_1", _positions_first(analysis.mean_1))
            size.upload("mean_2", _positions_first(mean_2))
            size.put_symbols(r)
            size.run("synthesise", qp)
            return size.get("levels")

    def decode(self, z: Array, r: Array, qp: int, slots: Slots | None = None, copy: Copy = None, *, empty: Empty = np.empty) -> Decoded:
        with self._lock:
            size = self._size(r, slots)
            size.upload("z", _positions_first(z).astype(np.int16))
            size.put_symbols(r)
            size.run("decode", qp)
            return Decoded(size.get("levels"))

    def _size(self, like: Array, slots: Slots | None) -> _Size:
        _, rows, columns = like.shape
        key = slots is not None, rows, columns
        if key not in self._sizes:
            while sum(kind == key[0] for kind, _, _ in self._sizes) >= KEPT_SIZES:
                del self._sizes[next(k for k in self._sizes if k[0] == key[0])]
            self._sizes[key] = _Size(self._device, self._weights.plan(key[0]), rows, columns)
        self._sizes.move_to_end(key)
        size = self._sizes[key]
        if slots is not None:
            size.put("slot_a", slots.a)
            size.put("slot_b", slots.b)
            size.upload("blend", np.array([slots.blend], np.float32))
        return size

    def _size_of(self, analysis: Analysis) -> _Size:
        if not isinstance(analysis.features, _OnDevice) or analysis.features.number != self._number:
            raise BackendError("the cuda backend has begun another frame since this one was analysed")
        _, rows, columns = analysis.y.shape
        return self._sizes[analysis.context is not None, rows, columns]


class _Size:
    """Memory and programs for frames of one size and kind; arrays of the host are channel first."""

    def __init__(self, device: Device, plan: Plan, rows: int, columns: int) -> None:
        self._device, self._rows, self._columns = device, rows, columns
        positions = rows * columns
        tensors: dict[str, Buffer] = {name: device.empty((positions, 96), np.float16) for name in ("picture", "slot_a", "slot_b")}
        tensors |= {"r": device.empty((4, positions, 24), np.int16), "z": device.empty((positions // 16, 48), np.int16)}
        tensors |= {"z_index": device.empty((positions // 16, 48), np.uint8), "copy": device.zeros(positions // 16, np.uint8)}
        self._qp, tensors["blend"] = device.zeros(1, np.int32), device.zeros(1, np.float32)
        # `keep` comes as zeros and ones: what is below one is left out.
        self._networks = Networks(device, plan, rows, columns, tensors, z_skip=1)
        step = _positions_first(step_of(rows, columns, 96))
        self._of_step = np.stack([np.flatnonzero(step == k).reshape(positions, 24) for k in range(4)])

    def upload(self, name: str, array: NDArray[Any]) -> None:
        buffer = self._networks.tensors[name]
        self._device.upload(array.reshape(buffer.shape), into=buffer)

    def put(self, name: str, picture: Array) -> None:
        """A packed picture."""
        self.upload(name, (_positions_first(picture) - _CENTRE).astype(np.float16))

    def put_symbols(self, r: Array) -> None:
        self.upload("r", _positions_first(r).reshape(-1)[self._of_step].astype(np.int16))

    def run(self, stage: str, qp: int = 0) -> None:
        self._device.upload(np.array([qp], np.int32), into=self._qp)
        self._networks.run(getattr(self._networks, stage), self._qp, self._networks.tensors["blend"])

    def get(self, name: str, share: int = 1) -> Array:
        array = self._device.download(self._networks.tensors[name])
        return np.ascontiguousarray(array.reshape(self._rows // share, self._columns // share, -1).transpose(2, 0, 1), dtype=np.float32)


def check(device: Device) -> None:
    """A product with the unit matrix, which must give what goes in. Raises BackendError: a device that fails here is not to be used."""
    rng = np.random.default_rng(0)
    values = rng.integers(-512, 512, (64, 96)).astype(np.float16)
    layer = Layer(device.upload(fragments(np.eye(96, dtype=np.float32))), device.zeros(96, np.float32), 96, 96, 96)
    program = Program("self-test")
    area = program.area(96)
    program.load(area, "in")
    program.pointwise(area, layer, Flag.OUT_FLOAT, out="out")
    tensors = {"in": device.upload(values), "out": device.zeros((64, 96), np.float32)}
    program.bind(device, 8, 8, tensors, device.shared_limit, False).launch(device, device.zeros(1, np.int32), device.zeros(1, np.float32))
    if not np.array_equal(device.download(tensors["out"]), values.astype(np.float32)):
        raise BackendError(f"{device.name}: the self-test of the tensor cores fails")


def _positions_first(array: NDArray[Any]) -> NDArray[Any]:
    return np.ascontiguousarray(array.reshape(array.shape[0], -1).T)
