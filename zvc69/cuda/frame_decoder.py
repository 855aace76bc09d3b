"""A stream's frames decoded on the device, symbols ahead of pictures."""
from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..bitstream import FilterSet
from ..core.motion import MotionField
from .device import Device
from .latents import FrameKind, Latents, state_arrays, symbol_arrays
from .memory import Arrays, Block, Held, Inputs, Store, views_of
from .pictures import PictureShape
from .pipeline import FILTERS, DeviceModel
from .reconstruction import Reconstruction, coefficients_of, picture_arrays

UNDER_WAY = 1
"""Pictures that may be on their way to the host while the next one is made."""


class _Download:
    """Memory and events of a picture on its way."""

    def __init__(self, device: Device, arrays: Arrays) -> None:
        self.block = Block(device, arrays)
        self.host = device.pinned(self.block.buffer.size)
        self.planes = tuple(views_of(self.host, arrays).values())
        self.drawn, self.there = device.event(), device.event()


@dataclass(frozen=True, slots=True)
class Fetching:
    """A picture on its way to the host, with the symbols that it is made of: what holds them is not used again before."""

    device: Device
    place: _Download
    symbols: Held

    def into(self, planes: Sequence[NDArray]) -> None:
        """Waits for it; before `UNDER_WAY` others are begun."""
        self.device.wait_for(self.place.there)
        for plane, to in zip(self.place.planes, planes, strict=True):
            np.copyto(to, plane)


class FrameDecoder:
    """Decodes frames of one size in two parts, that of the integers and that of the pictures, which share no memory: the first may be frames ahead of
    the other, on another thread. Each has a queue of its own, so that the entropy decoder, which takes a few processors for long, runs beside the networks,
    and so have downloads. What `read`, `keep` and `take` give is used again when it has gone."""

    def __init__(self, weights: DeviceModel, shape: PictureShape, *, half_sums: bool = False, graphs: bool = True) -> None:
        device, skip_below = weights.device, weights.skip_below
        self._device, self._reading, self._drawing, self._down = device, *(device.queue() for _ in range(3))
        self._read = device.event()
        self._read_inputs, self._inputs, symbols = Inputs(device, shape, FILTERS), Inputs(device, shape, FILTERS), Block(device, symbol_arrays(shape))
        self._latents = Latents(device, weights.integers, skip_below, shape, self._read_inputs, graphs=graphs)
        self._reconstruction = Reconstruction(device, weights.plan, skip_below, shape, self._inputs, symbols, self._latents.z_index,
                                              half_sums=half_sums, graphs=graphs)
        self._symbols, self._picture = symbols, self._reconstruction.picture
        self._held_symbols, self._states, self._pictures = (Store(device, arrays(shape)) for arrays in (symbol_arrays, state_arrays, picture_arrays))
        self._places = deque(_Download(device, self._picture.layout) for _ in range(1 + UNDER_WAY))
        device.synchronise()     # all queues use what was made on this one

    def read(self, kind: FrameKind, substreams: Sequence[bytes | memoryview], qp: int, state: Held | None, field: MotionField | None,
             copy: NDArray[np.bool_] | None) -> tuple[Held, Held]:
        """A frame's symbols, and its state; `state`: of slot A's frame, to be fetched along `field`. Waits for the device. Raises CorruptStreamError."""
        with self._device.using(self._reading):
            self._read_inputs.send(qp, field, None, copy)
            if state is not None:
                self._latents.refer(state)
            self._latents.decode(kind, substreams)
            self._latents.check(kind)
            held = self._held_symbols.hold(self._latents.symbols), self._states.hold(self._latents.state)
            self._device.record(self._read)
            return held

    def symbols(self, held: Held) -> tuple[NDArray, ...]:
        """z and r on the host, as `read` gave them."""
        with self._device.using(self._reading):
            return held.block.download()

    def reconstruct(self, symbols: Held, qp: int, slots: Sequence[tuple[Held, MotionField]], copy: NDArray[np.bool_] | None, filters: FilterSet | None, *,
                    between: bool) -> None:
        """A picture, for `keep` and `fetch`; slots: pictures and motion of A and B, as far as they are filled; between: of a B frame."""
        kind = FrameKind(bool(slots), False, 1, 1, None, len(slots) == 2, between, filters is not None)
        with self._device.using(self._drawing):
            self._inputs.send(qp, *[field for _, field in slots], *[None] * (2 - len(slots)), copy, None if filters is None else coefficients_of(filters))
            for number, (picture, _) in enumerate(slots):
                self._reconstruction.refer(number, picture)
            self._device.follow(self._read)
            self._symbols.take(symbols.block)
            self._reconstruction.decode(kind)

    def keep(self) -> Held:
        """The picture that was made last."""
        with self._device.using(self._drawing):
            return self._pictures.hold(self._picture)

    def fetch(self, symbols: Held) -> Fetching:
        """Begin to fetch the picture that was made last, of these symbols."""
        device, place = self._device, self._places[0]
        self._places.rotate(-1)
        with device.using(self._drawing):
            device.follow(place.there)      # of a picture that was dropped
            place.block.take(self._picture)
            device.record(place.drawn)
        with device.using(self._down):
            device.follow(place.drawn)
            device.fetch(place.block.buffer, place.host)
            device.record(place.there)
        return Fetching(device, place, symbols)

    def take(self, planes: Sequence[NDArray]) -> Held:
        """A picture that was made on the host."""
        with self._device.using(self._drawing):
            return self._pictures.upload(planes)
