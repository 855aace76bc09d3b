"""Frames decoded by the CPU, but for the networks, which a backend runs."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..bitstream import FileHeader, FrameHeader, FrameType
from ..core.layout import Layout
from ..core.loopfilter import FINE_DEPTH
from ..core.pack import unpack
from ..core.pool import Pool
from ..model import Backend, Model
from ..profiler import Profiler
from .concealment import Picture
from .latents import Symbols
from .loop_filter import FinePicture
from .parser import HostReader, LatentReader, Parsed
from .temporal import Planes, Prediction, copy_blocks, predict


class Frames(Protocol):
    """Where a chain's frames are decoded."""

    under_way: int
    """Pictures that may be begun before the one before is there; 0 where they are there at once."""

    @property
    def reader(self) -> LatentReader: ...

    def planes(self, header: FrameHeader, parsed: Parsed, references: Sequence[Picture], picture: Picture, backend: Backend) -> Callable[[], Planes]:
        """Begin a frame's picture. What is given waits for it, if need be, and is called once, in the order in which they were begun.

        references: the pictures in its slots; picture: what later frames will refer to.
        """
        ...

    def on_host(self, symbols: Any) -> Symbols:
        """What `reader` has read, as arrays."""
        ...


class HostFrames:
    """Decodes frames of one stream; arrays come from `pool`; layout: of r and of slots. Frames may be made on several threads at a time."""

    under_way = 0

    def __init__(self, header: FileHeader, model: Model, profiler: Profiler, pool: Pool, layout: Layout) -> None:
        self._header, self._stage, self._pool, self._layout = header, profiler.stage, pool, layout
        self.reader = HostReader(model, header, pool.empty, layout)

    def planes(self, header: FrameHeader, parsed: Parsed, references: Sequence[Picture], picture: Picture, backend: Backend) -> Callable[[], Planes]:
        planes = self._made(header, parsed, references, backend)
        return lambda: planes

    def _made(self, header: FrameHeader, parsed: Parsed, references: Sequence[Picture], backend: Backend) -> Planes:
        width, height, depth, prediction, symbols = self._header.width, self._header.height, self._header.bit_depth, None, parsed.symbols
        if parsed.field is not None:
            with self._stage("compensate"):
                prediction = self._predict(header, parsed, references)
        with self._stage("networks"):
            decoded = backend.decode(symbols.z, symbols.r, symbols.qp, None if prediction is None else prediction.slots, parsed.copy, empty=self._pool.empty)
        copied = None if prediction is None else prediction.planes
        if parsed.filters is not None:
            with self._stage("loop filter"):
                fine = FinePicture.of(decoded, width, height, depth, copied, parsed.copy, self._planes(FINE_DEPTH))
                return fine.filtered(parsed.filters, self._planes(depth))
        with self._stage("unpack"):
            planes = unpack(decoded.values, width, height, depth, out=self._planes(depth), prediction=decoded.prediction)
            return planes if prediction is None else copy_blocks(planes, copied, parsed.copy)

    def on_host(self, symbols: Symbols) -> Symbols:
        return symbols

    def _predict(self, header: FrameHeader, parsed: Parsed, references: Sequence[Picture]) -> Prediction:
        depth, fields = self._header.bit_depth, (parsed.field, parsed.field_b)
        a, b = [*(field.warp(picture.planes, depth, out=self._planes(depth)) for picture, field in zip(references, fields)), None][:2]
        return predict(a, b, depth, between=header.type == FrameType.B, empty=self._pool.empty, layout=self._layout)

    def _planes(self, depth: int) -> Planes:
        return self._pool.planes(self._header.width, self._header.height, depth)
