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


def places_of(arrays: Arrays) -> tuple[dict[str, slice], int]:
    """Where each array is in a buffer of bytes, and how many bytes that has."""
    places, at = {}, 0
    for name, (shape, dtype) in arrays.items():
        size = prod(shape) * np.dtype(dtype).itemsize
        places[name] = slice(at, at + size)
        at += -(-size // ALIGNMENT) * ALIGNMENT
    return places, at


def views_of(whole: Buffer, arrays: Arrays) -> dict[str, Buffer]:
    """The arrays in a buffer of bytes, on the device or on the host."""
    return {name: whole[place].view(dtype).reshape(shape) for (name, (shape, dtype)), place in zip(arrays.items(), places_of(arrays)[0].values())}


class Block:
    """Arrays one behind the other, so that one copy moves all of them. Raises BackendError if there is no memory."""

    def __init__(self, device: Device, arrays: Arrays) -> None:
        self._device, self.layout = device, arrays
        self.buffer = device.empty(places_of(arrays)[1], np.uint8)
        self._arrays = views_of(self.buffer, arrays)

    def __getitem__(self, name: str) -> Buffer:
        return self._arrays[name]

    @property
    def arrays(self) -> tuple[Buffer, ...]:
        return tuple(self._arrays.values())

    def take(self, other: Block) -> None:
        """What `other`, of the same layout, holds. Asynchronous."""
        self._device.copy(other.buffer, self.buffer)

    def take_bytes(self, buffer: Buffer) -> None:
        """Bytes in this layout, or its first ones. Asynchronous."""
        self._device.copy(buffer, self.buffer[:buffer.size])

    def download(self) -> tuple[NDArray, ...]:
        """The arrays on the host. Waits for the device."""
        return tuple(views_of(self._device.download(self.buffer), self.layout).values())


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


def input_arrays(shape: PictureShape, filters: tuple[int, int]) -> Arrays:
    """What the host says of a frame. Slots' vectors come last: what a frame has not is not sent."""
    vectors = ((shape.rows, shape.columns, 2), np.int16)
    return {"qp": ((1,), np.int32), "ways": ((2,), np.int32), "copy": ((shape.positions // 16,), np.uint8), "filters": (filters, np.int8),
            "a": vectors, "b": vectors}


def write_inputs(host: Mapping[str, NDArray], qp: int, a: MotionField | None = None, b: MotionField | None = None, copy: NDArray[np.bool_] | None = None,
                 filters: NDArray[np.int8] | None = None) -> str:
    """Into arrays of `input_arrays`; the name of the last one that the device needs."""
    last = "filters"
    host["qp"][0] = qp
    host["copy"][:] = 0 if copy is None else copy.reshape(-1)
    if filters is not None:
        host["filters"][:] = filters
    for n, (name, field) in enumerate((("a", a), ("b", b))):
        if field is not None:
            host[name][:] = field.vectors
            host["ways"][n] = way_of(field)
            last = name
    return last


class Inputs:
    """What the host says of a frame: QP, copied blocks, filters, and each slot's motion. In one upload, or taken from where it was sent before."""

    def __init__(self, device: Device, shape: PictureShape, filters: tuple[int, int]) -> None:
        self._device, self.layout = device, input_arrays(shape, filters)
        self._places, size = places_of(self.layout)
        self._block, self._bytes = Block(device, self.layout), np.zeros(size, np.uint8)
        device.fill_zero(self._block.buffer)
        self._host = views_of(self._bytes, self.layout)
        self.qp, self.copy, self.filters = (self._block[name] for name in ("qp", "copy", "filters"))
        self.vectors = self._block["a"], self._block["b"]
        """Of slots A and B, (rows, columns, 2) int16."""
        self.ways = self._block["ways"][:1], self._block["ways"][1:]
        """How they predict (`pictures.way_of`), (1,) int32 each."""

    def send(self, qp: int, a: MotionField | None = None, b: MotionField | None = None, copy: NDArray[np.bool_] | None = None,
             filters: NDArray[np.int8] | None = None) -> None:
        end = self._places[write_inputs(self._host, qp, a, b, copy, filters)].stop
        self._device.upload(self._bytes[:end], into=self._block.buffer[:end])

    def take(self, buffer: Buffer) -> None:
        """From the device: bytes in the layout, up to those of the last array that `write_inputs` named."""
        self._block.take_bytes(buffer)

    def send_filters(self, filters: NDArray[np.int8]) -> None:
        self._device.upload(filters, into=self.filters)
