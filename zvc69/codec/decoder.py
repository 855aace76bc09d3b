"""Packets to frames: parsing (integers, its own thread if wanted), then one graph call a frame."""
from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

from ..bitstream import FileHeader, Packet, PacketParser
from ..bitstream.limits import MAX_LAYER
from ..config import MAX_PIXELS
from ..core.pack import blocks
from ..errors import ConfigError, StreamError, WrongModelError
from ..media import Frame
from ..model import Backend, Model, create_backend, model_for_hash
from ..profiler import Profiler
from .chain import Chain
from .parser import Parsed
from .reconstructor import Reconstructor
from .recovery import Step

AHEAD = 3
"""Frames that are parsed before the networks need them."""
MOST_AT_ONCE = 4
"""Frames that are reconstructed beside each other: runs of 7 B frames have no more that do not need each other."""


ENOUGH = {"cpu": 1, "openvino": 2, "openvino-bf16": 2}
"""Threads of a frame from which another frame gains more than another thread. Two cores and nothing else on them, 640x360, two frames at once against
one: 1.05 times as fast with ONNX Runtime, 0.93 times with OpenVINO."""

_LOADERS = ThreadPoolExecutor(2, "zvc69-load")


class Decoder:
    """Decodes packets of one stream.

    header       the stream's `FileHeader`, or its 64 bytes
    backend      "auto", "cpu", "openvino", "openvino-bf16" or "cuda" (see `create_backend`); with "cuda" whole frames are decoded on the GPU
    model        name or folder of the model to use; it must be the stream's. None searches the installed ones
    threads      of the networks, 0 = all cores
    max_pixels   larger pictures are refused
    conceal      tolerant: no damage raises; for every frame that is lost (by the counters of packets), corrupt, or refers to what
                 is missing, one is made from the pictures before it. `Frame.integrity` says which are whole. Parsing goes on at
                 the next sigma-reset, if what was lost can be told, and all is whole again from the next keyframe on
    max_layer    frames of higher temporal layers are neither decoded nor given: of a stream with B frames every second one or fewer.
                 0..7; their packets must come all the same, since places in the picture buffer count them
    keyframe_needed   called, with `conceal`, when frames are lost that later ones may refer to: once for each loss, and by `decode`
                 for every packet before the first keyframe; from the thread that takes the frames. What it is for:
                 `encoder.request_keyframe`, or a message to where the encoder is
    profiler     takes the times of the stages

    Raises WrongModelError, BackendError, StreamError, ConfigError.
    """

    def __init__(self, header: FileHeader | bytes, *, backend: str = "auto", model: str | None = None, threads: int = 0,
                 max_pixels: int = MAX_PIXELS, conceal: bool = False, keyframe_needed: Callable[[], object] | None = None,
                 max_layer: int = MAX_LAYER, profiler: Profiler | None = None) -> None:
        self.header = header if isinstance(header, FileHeader) else FileHeader.unpack(header)
        if self.header.width * self.header.height > max_pixels:
            raise StreamError(f"pictures of {self.header.width}x{self.header.height} are larger than max_pixels = {max_pixels}")
        if not 0 <= max_layer <= MAX_LAYER:
            raise ConfigError(f"max_layer {max_layer} is not within 0..{MAX_LAYER}")
        self._model: Model = model_for_hash(self.header.model_hash, model)
        manifest = self._model.manifest
        if (manifest.latent_channels, manifest.hyper_channels) != (self.header.latent_channels, self.header.hyper_channels):
            raise WrongModelError("the header's channel counts are not those of its model")
        self._backend: Backend = create_backend(backend, self._model, threads)
        self._threads, self._shared = threads, None      # or the future of a backend
        self._at_once = _frames_at_once(self._backend, threads or os.cpu_count() or 1)
        self._packets = PacketParser(self.header)
        self._profiler = profiler or Profiler()
        self._conceal, self._keyframe_needed = conceal, keyframe_needed
        self._max_layer = max_layer
        self._chain = self._new_chain()
        self._joined = False     # a keyframe has come

    def _new_chain(self) -> Chain:
        return Chain(self.header, self._model, self._backend, self._profiler, conceal=self._conceal, damaged=self._keyframe_needed,
                     max_layer=self._max_layer)

    @property
    def backend(self) -> str:
        """Name of the backend in use."""
        return self._backend.name

    def decode(self, packet: Packet | bytes) -> list[Frame]:
        """Frames that this packet completes, in order of presentation; those of lost packets before it, if they are concealed.

        Raises CorruptStreamError (TruncatedStreamError) for a damaged packet, and for frames that refer to it; the decoder goes on
        with the next keyframe. With `conceal` a damaged packet counts as lost: what is shown instead comes with the next one.
        """
        if not isinstance(packet, Packet):
            try:
                packet = self._packets.parse(packet)
            except StreamError:
                if not self._conceal:
                    raise
                if not self._joined and self._keyframe_needed is not None:
                    self._keyframe_needed()
                return []
        self._joined = True
        return [frame for step in self._chain.parse(packet) for frame in self._chain.show(step)]

    def parse(self, packet: Packet) -> Parsed | None:
        """A packet's symbols and motion, in coding order like `decode`, without running the networks; None if it is above `max_layer`.

        Raises CorruptStreamError for what cannot be parsed, with `conceal` too: then only if that frame itself would be concealed.
        """
        return self._chain.parse_one(packet)

    def flush(self) -> list[Frame]:
        """Frames that are still held back, at the end of the stream."""
        return self._chain.rest()

    def decode_all(self, packets: Iterable[Packet], *, first: int = 0, total: int = 0,
                   on_error: Callable[[Packet, StreamError], None] | None = None) -> Iterator[Frame]:
        """Frames of `packets`, which begin at a keyframe, parsed up to three packets ahead on a thread of its own. Where they have B frames, frames that
        do not need each other are reconstructed at the same time (`reconstructor.Reconstructor`), so that eight are read ahead of the one that is shown.

        Independent of `decode` and of other calls. first: frames before this number, in order of presentation, are decoded, but not
        given.
        total: frames of the whole stream, if known and `packets` goes to its end: with `conceal`, up to 255 that are missing there
        are made up for.
        on_error: told of a packet that cannot be parsed, which is then left out, or concealed; without it the error is raised
        unless concealed, after the frames of the packets before. An error that iterating `packets` raises is raised always.
        """
        chain = self._new_chain()
        frames = Reconstructor(chain, self._backend, self._shared_backend, self._at_once).frames

        def steps(parser: ThreadPoolExecutor, pending: deque[tuple[Packet | None, Future[list[Step]]]]) -> Iterator[Step]:
            def next_ones() -> Iterator[Step]:
                packet, future = pending.popleft()
                try:
                    found = future.result()
                except StreamError as error:
                    if packet is None or on_error is None:
                        raise
                    on_error(packet, error)
                    return
                for step in found:
                    if step.error is not None and on_error is not None:
                        on_error(packet, step.error)
                    yield step

            for entry in _parse_ahead(packets, chain, parser):
                pending.append(entry)
                if len(pending) > AHEAD:
                    yield from next_ones()
            while pending:
                yield from next_ones()
            yield from chain.end(total)

        pending: deque[tuple[Packet | None, Future[list[Step]]]] = deque()
        with ThreadPoolExecutor(1, "zvc69-parse") as parser:
            try:
                with closing(frames(steps(parser, pending))) as shown:
                    for frame in shown:
                        yield from chain.from_number([frame], first)
                yield from chain.from_number(chain.rest(), first)
            finally:
                for _, future in pending:
                    future.cancel()

    def _shared_backend(self) -> Backend | None:
        """That runs several frames at a time, each on its share of the threads; None until a thread of its own has loaded it."""
        if self._shared is None:
            self._shared = _LOADERS.submit(self._load_shared)
        return self._shared.result() if self._shared.done() else None

    def _load_shared(self) -> Backend:
        backend = create_backend(self._backend.name, self._model, self._threads, self._at_once)
        backend.prepare(*blocks(self.header.width, self.header.height), encode=False, depth=self.header.bit_depth)
        return backend


def _frames_at_once(backend: Backend, threads: int) -> int:
    return max(1, min(threads // ENOUGH[backend.name], MOST_AT_ONCE)) if backend.several else 1


def _parse_ahead(packets: Iterable[Packet], chain: Chain, parser: ThreadPoolExecutor) -> Iterator[tuple[Packet | None, Future[list[Step]]]]:
    """Packets and their symbols to come; an error of the stream stands, without packet, where it came."""
    try:
        for packet in packets:
            yield packet, parser.submit(chain.parse, packet)
    except StreamError as error:
        broken: Future[list[Step]] = Future()
        broken.set_exception(error)
        yield None, broken
