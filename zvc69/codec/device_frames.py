"""Frames decoded on a GPU, from substreams to pictures: the host parses payloads, vectors, copied blocks and filters."""
from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..bitstream import FileHeader, FrameHeader, FrameType, Payload
from ..core.motion import MotionField
from ..core.pool import Pool
from ..core.quantise import step_of
from ..cuda.frame_decoder import UNDER_WAY, FrameDecoder
from ..cuda.latents import FrameKind
from ..cuda.memory import Held
from ..cuda.pictures import PictureShape
from ..cuda.pipeline import DeviceModel
from ..model import Backend
from ..profiler import Profiler
from .concealment import Picture
from .latents import Symbols
from .parser import Parsed
from .temporal import Planes


@dataclass(frozen=True, slots=True)
class DeviceSymbols:
    """z and r of a frame, which stay on the device; its QP."""

    held: Held
    qp: int


class DeviceFrames:
    """Decodes frames of one stream. Symbols may be read on another thread than pictures are made on; the device's memory is asked for with the first
    frame, the host's comes from `pool`."""

    under_way = UNDER_WAY

    def __init__(self, header: FileHeader, weights: DeviceModel, profiler: Profiler, pool: Pool) -> None:
        self._shape, self._weights, self._stage = PictureShape(header.width, header.height, header.bit_depth), weights, profiler.stage
        self._pool = pool

    @property
    def reader(self) -> DeviceFrames:
        return self

    @cached_property
    def _decoder(self) -> FrameDecoder:
        """That another stream of this size has left, or a new one: recorded launches are kept with it."""
        idle = self._weights.idle.setdefault(self._shape, [])
        decoder = idle.pop() if idle else FrameDecoder(self._weights, self._shape)
        weakref.finalize(self, idle.append, decoder)
        return decoder

    def read(self, payload: Payload, qp: int, inter: bool, state: Held | None, field: MotionField | None,
             copy: NDArray[np.bool_] | None) -> tuple[DeviceSymbols, Held]:
        """As `LatentReader.read`. Waits for the device, which says whether the bytes are sound."""
        kind = FrameKind(inter, state is not None, len(payload.substreams) or 1, payload.lanes, qp if state is None else None)
        symbols, after = self._decoder.read(kind, payload.substreams, qp, state, field, copy)
        return DeviceSymbols(symbols, qp), after

    def planes(self, header: FrameHeader, parsed: Parsed, references: Sequence[Picture], picture: Picture, backend: Backend) -> Callable[[], Planes]:
        with self._stage("networks"):
            slots = [(self._on_device(reference), field) for reference, field in zip(references, (parsed.field, parsed.field_b))]
            decoder, symbols = self._decoder, parsed.symbols
            decoder.reconstruct(symbols.held, symbols.qp, slots, parsed.copy, parsed.filters, between=header.type == FrameType.B)
            if header.stored:
                picture.on_device = decoder.keep()
            fetching = decoder.fetch(symbols.held)

        def fetched() -> Planes:
            with self._stage("networks"):
                planes = self._pool.planes(self._shape.width, self._shape.height, self._shape.depth)
                fetching.into(planes)
                return planes

        return fetched

    def on_host(self, symbols: DeviceSymbols) -> Symbols:
        shape = self._shape
        z, r = self._decoder.symbols(symbols.held)
        packed = np.empty((shape.positions, 96), np.float32)
        step = step_of(shape.rows, shape.columns, 96).reshape(96, -1).T
        for k, of_step in enumerate(r):
            packed[step == k] = of_step.reshape(-1)
        rows, columns = shape.rows, shape.columns
        return Symbols(np.ascontiguousarray(z.reshape(rows // 4, columns // 4, -1).transpose(2, 0, 1), np.float32),
                       np.ascontiguousarray(packed.T.reshape(96, rows, columns)), symbols.qp)

    def _on_device(self, picture: Picture) -> Held:
        if picture.on_device is None:      # concealed: made on the host
            picture.on_device = self._decoder.take(picture.planes)
        return picture.on_device
