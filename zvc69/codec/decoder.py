"""Packets to frames: parsing (integers, its own thread if wanted), then one graph call a frame."""
from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from ..bitstream import FileHeader, FrameType, Packet, PacketParser
from ..config import MAX_PIXELS
from ..core.pack import unpack
from ..core.pool import Pool
from ..errors import StreamError, WrongModelError
from ..media import Colour, Frame, from_coded
from ..model import Backend, Model, create_backend, model_for_hash
from ..profiler import Profiler
from .parser import FrameParser, Parsed
from .references import PictureBuffer
from .reorder import Reorder
from .temporal import Planes, Prediction, copy_blocks, predict

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
        self._packets = PacketParser(self.header)
        self._profiler = profiler or Profiler()
        self._chain = _Chain(self)

    @property
    def backend(self) -> str:
        """Name of the backend in use."""
        return self._backend.name

    def decode(self, packet: Packet | bytes) -> list[Frame]:
        """Frames that this packet completes, in order of presentation.

        Raises CorruptStreamError (TruncatedStreamError) for a damaged packet, and for frames that refer to it; the decoder goes on
        with the next keyframe.
        """
        if not isinstance(packet, Packet):
            packet = self._packets.parse(packet)
        return self._chain.present(packet, self._chain.reconstruct(packet, self._chain.parse(packet)))

    def parse(self, packet: Packet) -> Parsed:
        """A packet's symbols and motion, in coding order like `decode`, without running the networks."""
        return self._chain.parse(packet)

    def flush(self) -> list[Frame]:
        """Frames that are still held back, at the end of the stream."""
        return self._chain.rest()

    def decode_all(self, packets: Iterable[Packet], *, first: int = 0,
                   on_error: Callable[[Packet, StreamError], None] | None = None) -> Iterator[Frame]:
        """Frames of `packets`, which begin at a keyframe, parsed up to three packets ahead on a thread of its own.

        Independent of `decode` and of other calls. first: frames before this number, in order of presentation, are decoded, but not
        given.
        on_error: told of a packet that cannot be parsed, which is then left out; without it the error is raised, after the frames
        of the packets before. So is an error that iterating `packets` raises.
        """
        chain, pending = _Chain(self), deque[tuple[Packet | None, Future[Parsed]]]()
        with ThreadPoolExecutor(1, "zvc69-parse") as parser:

            def finished() -> Iterator[Frame]:
                packet, future = pending.popleft()
                try:
                    frames = chain.present(packet, chain.reconstruct(packet, future.result()))
                except StreamError as error:
                    if packet is None or on_error is None:
                        raise
                    on_error(packet, error)
                    return
                yield from chain.from_number(frames, first)

            try:
                for entry in _parse_ahead(packets, chain, parser):
                    pending.append(entry)
                    if len(pending) > AHEAD:
                        yield from finished()
                while pending:
                    yield from finished()
                yield from chain.from_number(chain.rest(), first)
            finally:
                for _, future in pending:
                    future.cancel()


def _parse_ahead(packets: Iterable[Packet], chain: _Chain, parser: ThreadPoolExecutor) -> Iterator[tuple[Packet | None, Future[Parsed]]]:
    """Packets and their symbols to come; an error of the stream stands, without packet, where it came."""
    try:
        for packet in packets:
            yield packet, parser.submit(chain.parse, packet)
    except StreamError as error:
        broken: Future[Parsed] = Future()
        broken.set_exception(error)
        yield None, broken


class _Chain:
    """One run through a stream: the frames that later ones refer to. `parse` and `reconstruct` may be on a thread each."""

    def __init__(self, decoder: Decoder) -> None:
        self._header, self._backend, self._profiler = decoder.header, decoder._backend, decoder._profiler
        self._pool = Pool()      # of this run alone: it goes when the last of its frames has gone
        self._parser = FrameParser(decoder._model, decoder.header, self._pool)
        self._pictures: PictureBuffer[Planes] = PictureBuffer()
        self._reorder: Reorder[Frame] = Reorder()
        self._keyframe = (0, 0)      # number and pts of the last one

    def parse(self, packet: Packet) -> Parsed:
        with self._profiler.stage("parse"):
            return self._parser.parse(packet)

    def reconstruct(self, packet: Packet, parsed: Parsed) -> Frame:
        header, symbols, prediction = self._header, parsed.symbols, None
        if parsed.field is not None:
            with self._profiler.stage("compensate"):
                prediction = self._predict(packet, parsed)
        with self._profiler.stage("networks"):
            packed = self._backend.decode(symbols.z, symbols.r, symbols.qp, None if prediction is None else prediction.slots)
        with self._profiler.stage("unpack"):
            planes = unpack(packed, header.width, header.height, header.bit_depth, out=self._planes())
            if prediction is not None:
                planes = copy_blocks(planes, prediction.planes, parsed.copy)
        self._pictures.follow(packet.header, planes)
        if header.gop != 1:
            for plane in planes:     # later frames are predicted from them
                plane.flags.writeable = False
        return from_coded(planes, header.bit_depth, Colour.of_header(header), packet.pts)

    def _predict(self, packet: Packet, parsed: Parsed) -> Prediction:
        depth = self._header.bit_depth
        a = parsed.field.warp(self._pictures.get(packet.header.slot_a), depth, out=self._planes())
        b = None if parsed.field_b is None else parsed.field_b.warp(self._pictures.get(packet.header.slot_b), depth, out=self._planes())
        return predict(a, b, depth, between=packet.type == FrameType.B, empty=self._pool.empty)

    def _planes(self) -> Planes:
        return self._pool.planes(self._header.width, self._header.height, self._header.bit_depth)

    def present(self, packet: Packet, frame: Frame) -> list[Frame]:
        """What can be shown now that `frame` is decoded."""
        out = []
        if packet.keyframe:
            self._keyframe = packet.number, packet.pts
            out = self._reorder.begin(packet.pts)
        return out + self._reorder.put(packet.pts, frame)

    def rest(self) -> list[Frame]:
        """What is held back, at the end."""
        return self._reorder.rest()

    def from_number(self, frames: list[Frame], first: int) -> Iterator[Frame]:
        """Those of `frames` whose number in order of presentation is `first` or more."""
        number, pts = self._keyframe
        return (frame for frame in frames if number + frame.pts - pts >= first)
