"""Packets to frames: parsing (integers, its own thread if wanted), then one graph call a frame."""
from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from ..bitstream import FileHeader, FrameType, Packet, PacketParser, Payload
from ..config import MAX_PIXELS
from ..core.pack import unpack
from ..errors import StreamError, UnsupportedVersionError, WrongModelError
from ..media import Frame
from ..model import Backend, Model, create_backend, model_for_hash
from ..profiler import Profiler
from .latents import Symbols, parse_latents

AHEAD = 3
"""Frames that are parsed before the networks need them."""


class Decoder:
    """Decodes packets of one stream.

    header       the stream's `FileHeader`, or its 64 bytes
    backend      "auto", "cpu" or "openvino"
    model        name or folder of the model to use; it must be the stream's. None searches the installed ones
    threads      of the networks, 0 = all cores
    max_pixels   larger pictures are refused
    profiler     takes the times of the stages

    Raises WrongModelError, BackendError, StreamError.
    """

    def __init__(self, header: FileHeader | bytes, *, backend: str = "auto", model: str | None = None, threads: int = 0,
                 max_pixels: int = MAX_PIXELS, profiler: Profiler | None = None) -> None:
        self.header = header if isinstance(header, FileHeader) else FileHeader.unpack(header)
        if self.header.width * self.header.height > max_pixels:
            raise StreamError(f"pictures of {self.header.width}x{self.header.height} are larger than max_pixels = {max_pixels}")
        self._model: Model = model_for_hash(self.header.model_hash, model)
        manifest = self._model.manifest
        if (manifest.latent_channels, manifest.hyper_channels) != (self.header.latent_channels, self.header.hyper_channels):
            raise WrongModelError("the header's channel counts are not those of its model")
        self._backend: Backend = create_backend(backend, self._model, threads)
        self._parser = PacketParser(self.header)
        self._profiler = profiler or Profiler()

    @property
    def backend(self) -> str:
        """Name of the backend in use."""
        return self._backend.name

    def decode(self, packet: Packet | bytes) -> list[Frame]:
        """Frames that this packet completes, in order of presentation.

        Raises CorruptStreamError (TruncatedStreamError) for a damaged packet; the decoder goes on with the next keyframe.
        """
        if not isinstance(packet, Packet):
            packet = self._parser.parse(packet)
        return [self._reconstruct(packet, self.parse(packet))]

    def flush(self) -> list[Frame]:
        """Frames that are still held back, at the end of the stream."""
        return []

    def decode_all(self, packets: Iterable[Packet], *, on_error: Callable[[Packet, StreamError], None] | None = None) -> Iterator[Frame]:
        """Frames of `packets`, parsed up to three packets ahead on a thread of its own.

        on_error: told of a packet that cannot be parsed, which is then left out; without it the error is raised, after the frames
        of the packets before. So is an error that iterating `packets` raises.
        """
        pending: deque[tuple[Packet | None, Future[Symbols]]] = deque()
        with ThreadPoolExecutor(1, "zvc69-parse") as parser:
            try:
                for entry in self._parse_ahead(packets, parser):
                    pending.append(entry)
                    if len(pending) > AHEAD:
                        yield from self._finished(*pending.popleft(), on_error)
                while pending:
                    yield from self._finished(*pending.popleft(), on_error)
            finally:
                for _, future in pending:
                    future.cancel()

    def _parse_ahead(self, packets: Iterable[Packet], parser: ThreadPoolExecutor) -> Iterator[tuple[Packet | None, Future[Symbols]]]:
        """Packets and their symbols to come; an error of the stream stands, without packet, where it came."""
        try:
            for packet in packets:
                yield packet, parser.submit(self.parse, packet)
        except StreamError as error:
            broken: Future[Symbols] = Future()
            broken.set_exception(error)
            yield None, broken

    def _finished(self, packet: Packet | None, future: Future[Symbols],
                  on_error: Callable[[Packet, StreamError], None] | None) -> Iterator[Frame]:
        try:
            symbols = future.result()
        except StreamError as error:
            if packet is None or on_error is None:
                raise
            on_error(packet, error)
            return
        yield self._reconstruct(packet, symbols)

    def parse(self, packet: Packet) -> Symbols:
        """A packet's symbols: no float and no other frame is needed, so any thread may run ahead with it.

        Raises CorruptStreamError, or UnsupportedVersionError for a type of frame that is not known yet.
        """
        if packet.type != FrameType.I:
            raise UnsupportedVersionError(f"{packet.type.name} frames are not defined in this format version", offset=packet.offset, frame=packet.number)
        try:
            with self._profiler.stage("parse"):
                payload = Payload.unpack(packet.payload, packet.type)
                return parse_latents(self._model, packet.header.qp, self.header.width, self.header.height, payload)
        except StreamError as error:
            raise type(error)(error.message, offset=packet.offset, frame=packet.number) from error

    def _reconstruct(self, packet: Packet, symbols: Symbols) -> Frame:
        header = self.header
        with self._profiler.stage("networks"):
            packed = self._backend.decode(symbols.z, symbols.r, symbols.qp)
        with self._profiler.stage("unpack"):
            return Frame(*unpack(packed, header.width, header.height, header.bit_depth), depth=header.bit_depth, pts=packet.pts)
