"""Memory of frames: arrays that lie in one buffer, and what is kept of a frame for later ones."""
from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from math import prod

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..core.motion import MotionField
from .device import Buffer, Device
from .pictures import PictureShape, way_of

ALIGNMENT = 256

Arrays = Mapping[str, tuple[Sequence[int], DTypeLike]]
"""Shape and type of each array, by name."""


def _places(arrays: Arrays) -> tuple[dict[str, slice], int]:
    places, at = {}, 0
    for name, (shape, dtype) in arrays.items():
        size = prod(shape) * np.dtype(dtype).itemsize
        places[name] = slice(at, at + size)
        at += -(-size // ALIGNMENT) * ALIGNMENT
    return places, at


def _views(whole: Buffer, arrays: Arrays) -> dict[str, Buffer]:
    return {name: whole[place].view(dtype).reshape(shape) for (name, (shape, dtype)), place in zip(arrays.items(), _places(arrays)[0].values())}


class Block:
    """Arrays one behind the other, so that one copy moves all of them. Raises BackendError if there is no memory."""

    def __init__(self, device: Device, arrays: Arrays) -> None:
        self._device, self.layout = device, arrays
        self.buffer = device.empty(_places(arrays)[1], np.uint8)
        self._arrays = _views(self.buffer, arrays)

    def __getitem__(self, name: str) -> Buffer:
        return self._arrays[name]

    @property
    def arrays(self) -> tuple[Buffer, ...]:
        return tuple(self._arrays.values())

    def take(self, other: Block) -> None:
        """What `other`, of the same layout, holds. Asynchronous."""
        self._device.copy(other.buffer, self.buffer)

    def download(self) -> tuple[NDArray, ...]:
        """The arrays on the host. Waits for the device."""
        return tuple(_views(self._device.download(self.buffer), self.layout).values())


class Held:
    """What was in a block when it was kept. Its memory is used again when nobody refers to it any more."""

    __slots__ = ("block", "__weakref__")

    def __init__(self, block: Block) -> None:
        self.block = block


class Store:
    """Keeps copies of blocks of one layout. No more memory is asked for than is needed at a time; it goes with the store and what it holds."""

    def __init__(self, device: Device, arrays: Arrays) -> None:
        self._device, self._arrays = device, arrays
        self._idle: list[Block] = []

    def hold(self, block: Block) -> Held:
        """A copy, which is made behind what the device has been told so far."""
        held = self._held()
        held.block.take(block)
        return held

    def upload(self, arrays: Sequence[NDArray]) -> Held:
        """Arrays of the host, in the layout's order."""
        held = self._held()
        for array, to in zip(arrays, held.block.arrays, strict=True):
            self._device.upload(array, into=to)
        return held

    def _held(self) -> Held:
        block = self._idle.pop() if self._idle else Block(self._device, self._arrays)
        held = Held(block)
        weakref.finalize(held, self._idle.append, block)
        return held


class Inputs:
    """What the host says of a frame, in one upload: QP, copied blocks, filters, and each slot's motion."""

    def __init__(self, device: Device, shape: PictureShape, filters: tuple[int, int]) -> None:
        self._device = device
        vectors = ((shape.rows, shape.columns, 2), np.int16)
        arrays: Arrays = {"qp": ((1,), np.int32), "ways": ((2,), np.int32), "copy": ((shape.positions // 16,), np.uint8), "filters": (filters, np.int8),
                          "a": vectors, "b": vectors}
        self._places, size = _places(arrays)
        self._whole, self._bytes = device.zeros(size, np.uint8), np.zeros(size, np.uint8)
        self._host, there = _views(self._bytes, arrays), _views(self._whole, arrays)
        self.qp, self.copy, self.filters = there["qp"], there["copy"], there["filters"]
        self.vectors = there["a"], there["b"]
        """Of slots A and B, (rows, columns, 2) int16."""
        self.ways = there["ways"][:1], there["ways"][1:]
        """How they predict (`pictures.way_of`), (1,) int32 each."""

    def send(self, qp: int, a: MotionField | None = None, b: MotionField | None = None, copy: NDArray[np.bool_] | None = None,
             filters: NDArray[np.int8] | None = None) -> None:
        host, end = self._host, self._places["filters"].stop
        host["qp"][0] = qp
        host["copy"][:] = 0 if copy is None else copy.reshape(-1)
        if filters is not None:
            host["filters"][:] = filters
        for n, (name, field) in enumerate((("a", a), ("b", b))):
            if field is not None:
                host[name][:] = field.vectors
                host["ways"][n] = way_of(field)
                end = self._places[name].stop
        self._device.upload(self._bytes[:end], into=self._whole[:end])

    def send_filters(self, filters: NDArray[np.int8]) -> None:
        self._device.upload(filters, into=self.filters)
