"""Several frames of a stream under way at once: while one is coded, the next one is sent to the device and the one before is fetched.

Each stream has queues for uploads, for computing and for downloads, that events order, and pinned memory and buffers for as many frames as are under way.
A decoder reads symbols in one more. In its stride it asks for no memory, and the host waits for one thing: a result, when all places are taken.
Streams share a `DeviceModel` and nothing else, so that any number of them can run on a GPU, each in a thread of its own if wanted.
"""
from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..bitstream import FilterSet
from ..core.loopfilter import Statistics
from ..core.motion import MotionField
from ..errors import BackendError, CorruptStreamError
from . import entropy
from .choices import Chosen, chosen
from .device import Buffer, Device
from .latents import FrameKind, Latents, state_arrays, symbol_arrays
from .memory import Arrays, Block, Inputs, Store, places_of, views_of, write_inputs
from .pictures import PictureShape
from .pipeline import FILTERS, DeviceModel, FrameCodec, Kept
from .reconstruction import Reconstruction, coefficients_of, picture_arrays

IN_FLIGHT = 3
"""Frames under way: one on its way up, one that is coded, one on its way down."""

_FIRST_FETCH = 1 << 16
Slot = tuple[Kept, MotionField | None]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame to encode or to decode.

    planes: Y, U, V, contiguous, as `PictureShape` has them: NumPy's arrays, or arrays on the device of any library that has DLPack or
    `__cuda_array_interface__`, which are read where they are. To decode: arrays of NumPy to fill, or None for new ones.
    a, b: what the slots refer to; slot A's motion is None where the device searches. keep: whether later frames refer to this one. filters: by which it is
    decoded. choose: given the statistics of a frame that is to be filtered, which filters it is encoded by; the host waits for them, so that no other frame is
    coded meanwhile.
    """

    kind: FrameKind
    qp: int
    planes: Sequence[Any] | None = None
    substreams: Sequence[bytes | memoryview] = ()
    a: Slot | None = None
    b: Slot | None = None
    copy: NDArray[np.bool_] | None = None
    filters: FilterSet | None = None
    choose: Callable[[list[Statistics]], FilterSet | None] | None = None
    keep: bool = True


@dataclass(frozen=True, slots=True)
class Encoded:
    """What came of a frame. number: of the stream's frames, from 0. substreams: none where nothing is coded. seconds: from `put` until it was taken.
    chosen: slot A's motion and copied blocks where the device chose them."""

    number: int
    substreams: tuple[bytes, ...]
    filters: FilterSet | None
    seconds: float
    chosen: Chosen | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A decoded frame. planes: of NumPy, or on the device, where CuPy's arrays have DLPack and `__cuda_array_interface__` for others. Their memory is used
    again, by the stream's own queue, when nobody refers to them any more."""

    number: int
    planes: tuple[Any, ...]
    seconds: float


class _Place:
    """Memory and events of one frame under way."""

    def __init__(self, device: Device, up: Arrays) -> None:
        self.up, self.layout = Block(device, up), up
        self.host = device.pinned(self.up.buffer.size)
        self.views, self.at = views_of(self.host, up), places_of(up)[0]
        self.given, self.sent, self.coded, self.fetched = (device.event() for _ in range(4))
        self.number, self.began = 0, 0.0
        self.frame: Frame | None = None
        self.held: Any = None        # what must live as long as the frame is under way


class _Stream(Generic[Result]):
    """What encoder and decoder have in common."""

    def __init__(self, weights: DeviceModel, shape: PictureShape, in_flight: int, half_sums: bool, graphs: bool) -> None:
        if in_flight < 1:
            raise ValueError(f"in_flight is 1 or more, not {in_flight}")
        self.shape, self._device = shape, weights.device
        self._up, self._compute, self._down = (self._device.queue() for _ in range(3))
        self.kept: Kept | None = None
        """What the last frame that was put leaves for others to refer to."""
        self._number, self._done = 0, deque()
        with self._device.using(self._compute):
            self.codec = self._codec(weights, half_sums, graphs)
            self._idle = deque(self._place() for _ in range(in_flight))
            self._device.synchronise()       # other queues use what was made in this one
        self._under_way: deque[Any] = deque()

    def ready(self) -> list[Result]:
        """Results that are there, in the order of the frames. Waits for none."""
        while self._under_way and self._device.reached(self._under_way[0].fetched):
            self._collect()
        return self._taken()

    def flush(self) -> list[Result]:
        """Results of all frames that were put. Waits for them."""
        while self._under_way:
            self._collect()
        return self._taken()

    def run(self, frames: Iterable[Frame]) -> Iterator[Result]:
        """Puts frames as they come and gives results as they are there. What makes frames may refer to `kept`, the frame that it gave last."""
        for frame in frames:
            self.put(frame)
            yield from self.ready()
        yield from self.flush()

    def put(self, frame: Frame) -> Kept | None:
        """Begin a frame; what others may refer to, if it is kept. Waits for the oldest frame if all places are taken."""
        raise NotImplementedError

    def _codec(self, weights: DeviceModel, half_sums: bool, graphs: bool) -> Any:
        raise NotImplementedError

    def _place(self) -> Any:
        raise NotImplementedError

    def _result(self, place: Any) -> Result:
        raise NotImplementedError

    def _begin(self, frame: Frame) -> Any:
        while not self._idle:
            self._collect()
        place = self._idle[0]
        place.number, place.began, place.frame = self._number, time.perf_counter(), frame
        return place

    def _put(self, place: Any) -> Kept | None:
        """Everything is queued."""
        self._idle.popleft()
        self._under_way.append(place)
        self._number += 1
        return self.kept

    def _collect(self) -> None:
        place = self._under_way.popleft()
        try:
            self._device.wait_for(place.fetched)
            self._done.append(self._result(place))
        finally:
            place.frame = place.held = None
            self._idle.append(place)

    def _taken(self) -> list[Result]:
        taken = list(self._done)
        self._done.clear()
        return taken

    def _send(self, place: Any, begin: int, end: int) -> None:
        self._device.send(place.host[begin:end], place.up.buffer[begin:end])


class _EncoderPlace(_Place):
    """out: substreams, of which `fetch` bytes come down at once; a frame that has more takes a second copy."""

    def __init__(self, device: Device, up: Arrays, room: int, choice: Arrays | None) -> None:
        super().__init__(device, up)
        self.choice = None if choice is None else Block(device, choice)
        self.choice_host = None if choice is None else device.pinned(self.choice.buffer.size)
        self.out = device.zeros(room, np.uint8)      # of which more may be fetched than a frame has
        self.down = device.pinned(min(room, _FIRST_FETCH))
        self.filters: FilterSet | None = None


class StreamEncoder(_Stream[Encoded]):
    """Encodes a stream's frames: `put` each, or `run` over them.

        encoder = StreamEncoder(DeviceModel(CupyDevice(), load_model("lite")), PictureShape(1920, 1080, 8))
        for packet in encoder.run(frames): ...

    search: frames may be of kinds that are searched. Raises BackendError if there is no memory or the device fails, or for planes that do not fit.
    """

    def __init__(self, weights: DeviceModel, shape: PictureShape, *, in_flight: int = IN_FLIGHT, half_sums: bool = False, graphs: bool = True,
                 search: bool = False) -> None:
        self._search = search
        super().__init__(weights, shape, in_flight, half_sums, graphs)

    def put(self, frame: Frame) -> Kept | None:
        device, codec = self._device, self.codec
        place, planes = self._begin(frame), checked_planes(frame.planes, self.shape)
        from_host = all(isinstance(plane, np.ndarray) for plane in planes)
        fields = [None if slot is None else slot[1] for slot in (frame.a, frame.b)]
        # Planes lie before the rest: from here on everything is one copy.
        first, end = place.at["qp"].start, place.at[write_inputs(place.views, frame.qp, *fields, frame.copy)].stop
        if from_host:
            for name, plane in zip("yuv", planes):
                np.copyto(place.views[name], plane)
        else:
            device.record(place.given)
            with device.using(self._compute):
                device.follow(place.given)
                place.held = [self._adopted(name, plane, to) for name, plane, to in zip("YUV", planes, codec.source)]
        with device.using(self._up):
            self._send(place, 0 if from_host else first, end)
            device.record(place.sent)
        with device.using(self._compute):
            device.follow(place.sent)
            if from_host:
                codec.source_block.take_bytes(place.up.buffer[:first])
            else:
                for plane, to in zip(place.held, codec.source):
                    device.copy(plane, to)
            codec.inputs.take(place.up.buffer[first:end])
            codec.refer(frame.a, frame.b)
            codec.encode(frame.kind)
            codec.latents.coder(frame.kind).gather(place.out)
            if frame.kind.searched:
                place.choice.take(codec.choice.made)
            device.record(place.coded)
            if frame.kind.filtered:
                place.filters = None if frame.choose is None else frame.choose(codec.statistics())
                codec.finish(frame.kind, place.filters)
            self.kept = codec.keep() if frame.keep else None
        with device.using(self._down):
            device.follow(place.coded)
            device.fetch(place.out[:place.down.size], place.down)
            if frame.kind.searched:
                device.fetch(place.choice.buffer, place.choice_host)
            device.record(place.fetched)
        return self._put(place)

    def _codec(self, weights: DeviceModel, half_sums: bool, graphs: bool) -> FrameCodec:
        return FrameCodec(weights, self.shape, half_sums=half_sums, graphs=graphs, search=self._search)

    def _place(self) -> _EncoderPlace:
        room = 4 * self.shape.width * self.shape.height + (1 << 16)        # more than samples themselves take
        choice = None if self.codec.choice is None else self.codec.choice.made.layout
        return _EncoderPlace(self._device, picture_arrays(self.shape) | self.codec.inputs.layout, room, choice)

    def _adopted(self, name: str, plane: Any, to: Buffer) -> Buffer:
        buffer = self._device.adopted(plane)
        if tuple(buffer.shape) != tuple(to.shape) or buffer.dtype != to.dtype or not buffer.flags.c_contiguous:
            raise BackendError(f"plane {name} is {_described(buffer)}{'' if buffer.flags.c_contiguous else ', not contiguous'}; {_described(to)} is expected")
        return buffer

    def _result(self, place: _EncoderPlace) -> Encoded:
        count = place.frame.kind.count
        size = entropy.gathered_bytes(place.down[:4 * count].view(np.uint32))
        if size > place.out.size:
            raise BackendError(f"frame {place.number} takes {size} bytes, more than there is room for")
        if size > place.down.size:
            place.down = self._device.pinned(min(place.out.size, 2 * size))
            with self._device.using(self._down):
                self._device.fetch(place.out[:place.down.size], place.down)
                self._device.record(place.fetched)
            self._device.wait_for(place.fetched)
        filters = place.filters if place.frame.kind.filtered else None
        choice = chosen(*views_of(place.choice_host, place.choice.layout).values()) if place.frame.kind.searched else None
        return Encoded(place.number, entropy.gathered(place.down, count), filters, time.perf_counter() - place.began, choice)


class _DecoderPlace(_Place):
    """payload: substreams as they are sent. down: what is fetched, planes and then failures."""

    def __init__(self, device: Device, up: Arrays, down: Arrays, room: int) -> None:
        super().__init__(device, up)
        self.payload, self.payload_host = device.empty(room, np.uint8), device.pinned(room)
        self.down = Block(device, down)
        self.read = device.event()
        self.down_host = device.pinned(self.down.buffer.size)
        self.down_views, self.down_at = views_of(self.down_host, down), places_of(down)[0]

    def payload_of(self, device: Device, size: int) -> NDArray[np.uint8]:
        """Memory of the host for so many bytes, and as many on the device."""
        if size > self.payload.size:
            self.payload, self.payload_host = device.empty(2 * size, np.uint8), device.pinned(2 * size)
        return self.payload_host[:size]


class _DecoderParts:
    """Symbols of a frame are read, which takes few processors for long, while the networks make the picture of the one before."""

    def __init__(self, weights: DeviceModel, shape: PictureShape, half_sums: bool, graphs: bool) -> None:
        device, skip_below = weights.device, weights.skip_below
        self.read_inputs, self.inputs = Inputs(device, shape, FILTERS), Inputs(device, shape, FILTERS)
        self.latents = Latents(device, weights.integers, skip_below, shape, self.read_inputs, graphs=graphs)
        self.symbols = Block(device, symbol_arrays(shape))
        self.reconstruction = Reconstruction(device, weights.plan, skip_below, shape, self.inputs, self.symbols, self.latents.z_index, half_sums=half_sums,
                                             graphs=graphs)
        self.picture, self.taken = self.reconstruction.picture, device.event()
        self.states, self.pictures = Store(device, state_arrays(shape)), Store(device, picture_arrays(shape))


class StreamDecoder(_Stream[Shown]):
    """Decodes a stream's frames: `put` each, or `run` over them. on_device: planes stay there.

    Frames that are damaged raise CorruptStreamError, with their number, when their result is taken; those behind them are decoded all the same.
    """

    def __init__(self, weights: DeviceModel, shape: PictureShape, *, on_device: bool = False, in_flight: int = IN_FLIGHT, half_sums: bool = False,
                 graphs: bool = True) -> None:
        self._on_device, self._read = on_device, weights.device.queue()
        super().__init__(weights, shape, in_flight, half_sums, graphs)

    def put(self, frame: Frame) -> Kept | None:
        device, codec = self._device, self.codec
        place, decoder = self._begin(frame), codec.latents.decoder
        if frame.planes is not None and not self._on_device:
            checked_planes(frame.planes, self.shape)
        size = decoder.write(frame.substreams, frame.kind.count, lambda size: place.payload_of(device, size))
        fields = [None if slot is None else slot[1] for slot in (frame.a, frame.b)]
        end = place.at[write_inputs(place.views, frame.qp, *fields, frame.copy, None if frame.filters is None else coefficients_of(frame.filters))].stop
        with device.using(self._up):
            self._send(place, 0, end)
            device.send(place.payload_host[:size], place.payload[:size])
            device.record(place.sent)
        with device.using(self._read):
            device.follow(place.sent)
            device.follow(codec.taken)       # the symbols of the frame before
            codec.read_inputs.take(place.up.buffer[:end])
            if frame.kind.state:
                codec.latents.refer(frame.a[0].state)
            codec.latents.decode_sent(frame.kind, place.payload[:size])
            device.copy(decoder.failures, place.down["failures"])
            state = codec.states.hold(codec.latents.state) if frame.keep else None
            device.record(place.read)
        with device.using(self._compute):
            device.follow(place.read)
            codec.symbols.take(codec.latents.symbols)
            device.record(codec.taken)
            codec.inputs.take(place.up.buffer[:end])
            for number, slot in enumerate((frame.a, frame.b)):
                if slot is not None:
                    codec.reconstruction.refer(number, slot[0].picture)
            codec.reconstruction.decode(replace(frame.kind, state=False))       # what z is skipped by is zero in it
            if self._on_device:
                place.held = Block(device, codec.picture.layout)
                place.held.take(codec.picture)
            else:
                place.down.take_bytes(codec.picture.buffer)
            device.record(place.coded)
            self.kept = Kept(codec.pictures.hold(codec.picture), state) if frame.keep else None
        first = place.down_at["failures"].start if self._on_device else 0
        with device.using(self._down):
            device.follow(place.coded)
            device.fetch(place.down.buffer[first:], place.down_host[first:])
            device.record(place.fetched)
        return self._put(place)

    def _codec(self, weights: DeviceModel, half_sums: bool, graphs: bool) -> _DecoderParts:
        return _DecoderParts(weights, self.shape, half_sums, graphs)

    def _place(self) -> _DecoderPlace:
        decoder = self.codec.latents.decoder
        down = picture_arrays(self.shape) | {"failures": (decoder.failures.shape, np.uint32)}
        return _DecoderPlace(self._device, self.codec.inputs.layout, down, decoder.room)

    def _result(self, place: _DecoderPlace) -> Shown:
        try:
            entropy.check(place.down_views["failures"][:place.frame.kind.count])
        except CorruptStreamError as error:
            raise CorruptStreamError(error.message, frame=place.number) from error
        if self._on_device:
            planes = place.held.arrays
        else:
            there = tuple(place.down_views[name] for name in "yuv")
            planes = tuple(np.empty_like(plane) for plane in there) if place.frame.planes is None else tuple(place.frame.planes)
            for plane, to in zip(there, planes):
                np.copyto(to, plane)
        return Shown(place.number, planes, time.perf_counter() - place.began)


def checked_planes(planes: Sequence[Any] | None, shape: PictureShape) -> Sequence[Any]:
    """Y, U, V of NumPy if they fit, or of other libraries, which are looked at where they are. Raises BackendError."""
    if planes is None or len(planes) != 3:
        raise BackendError(f"a frame is three planes, not {'none' if planes is None else len(planes)}")
    planes = [np.asarray(plane) if _on_host(plane) else plane for plane in planes]
    if len({isinstance(plane, np.ndarray) for plane in planes}) > 1:
        raise BackendError("some planes are on the host and some are not")
    for name, plane, size in zip("YUV", planes, shape.planes):
        if isinstance(plane, np.ndarray) and (plane.shape != size or plane.dtype != shape.dtype):
            raise BackendError(f"plane {name} is {_described(plane)}; {np.dtype(shape.dtype)} {size[0]}x{size[1]} is expected")
    return planes


def _on_host(plane: Any) -> bool:
    if isinstance(plane, np.ndarray):
        return True
    device = getattr(plane, "__dlpack_device__", None)
    return not hasattr(plane, "__cuda_array_interface__") and (device is None or device()[0] == 1)       # 1: DLPack's number of a CPU


def _described(plane: Any) -> str:
    return f"{np.dtype(plane.dtype)} {'x'.join(map(str, plane.shape))}"
