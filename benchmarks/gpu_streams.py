"""Whole streams on the device: frames to packets and back, with frames under way, and what that takes of memory and of the host."""
from __future__ import annotations

import gc
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zvc69.bitstream import FilterSet
from zvc69.codec.loop_filter import choose
from zvc69.core.motion import MotionField
from zvc69.cuda.device import CupyDevice, Device
from zvc69.cuda.latents import FrameKind
from zvc69.cuda.pictures import PictureShape
from zvc69.cuda.pipeline import DeviceModel
from zvc69.cuda.stream import Frame, StreamDecoder, StreamEncoder

from .gpu_pictures import frame, vectors_of

QP = 27
_SOURCES = (0, 1, 2, 1)
"""Frames that repeat: the texture slides, and back."""


@dataclass(frozen=True)
class Effort:
    """How long each figure may take: seconds of frames at least, frames of a group (an I frame, then P frames), streams at once."""

    seconds: float
    group: int
    streams: Sequence[int]
    endurance: int
    """Frames over which memory is to stay as it is."""


class Clip:
    """A group of frames of one shape: an I frame, then P frames that each refer to the one before."""

    def __init__(self, device: Device, shape: PictureShape, frames: int, filtered: bool = False) -> None:
        count = min(8, shape.rows // 4)
        self.shape, self.host = shape, [frame(shape, number) for number in range(max(_SOURCES) + 1)]
        self.there = [tuple(device.upload(plane) for plane in planes) for planes in self.host]
        vectors = vectors_of(shape, 1)
        self._fields = [MotionField.from_vectors(sign * vectors).using("sharp", True) for sign in (1, -1)]
        self.kinds = [FrameKind(False, False, count, 32, QP, filtered=filtered)] + [FrameKind(True, True, count, 32, filtered=filtered)] * (frames - 1)

    def _slots(self, number: int, coder: Any) -> dict:
        return {"a": (coder.kept, self._fields[0 if number % 4 in (1, 2) else 1])} if number else {}

    def to_encode(self, encoder: StreamEncoder, planes: Sequence[Sequence[Any]], search: bool = False) -> Iterator[Frame]:
        """search: for motion, its way and copied blocks, on the device."""
        for number, kind in enumerate(self.kinds):
            slots = {"a": (encoder.kept, None)} if search and number else self._slots(number, encoder)
            kind = replace(kind, searched=search and kind.inter)
            yield Frame(kind, QP, planes[_SOURCES[number % len(_SOURCES)]], **slots, choose=lambda sums: choose(sums, QP, [])[1])

    def to_decode(self, decoder: StreamDecoder, coded: Sequence[tuple[Sequence[bytes], FilterSet | None]],
                  into: Sequence[np.ndarray] | None) -> Iterator[Frame]:
        for number, (kind, (substreams, filters)) in enumerate(zip(self.kinds, coded)):
            if kind.filtered and filters is None:
                filters = FilterSet.zeros()
            yield Frame(kind, QP, into, substreams, **self._slots(number, decoder), filters=filters)


def frames_per_second(group: Callable[[], int], seconds: float) -> float:
    """`group` codes some frames and says how many; run once before."""
    group()
    start, frames = time.perf_counter(), 0
    while True:
        frames += group()
        if (passed := time.perf_counter() - start) >= seconds:
            return frames / passed


def stream_speed(device: Device, weights: DeviceModel, shape: PictureShape, effort: Effort, *, filtered: bool = False) -> dict[str, float]:
    """Frames a second with three under way, milliseconds from one frame's planes to its packet and back with nothing else under way, memory."""
    gc.collect()
    device.release()
    before = device.memory_used()
    clip = Clip(device, shape, effort.group, filtered)
    encoder, decoder, shown = StreamEncoder(weights, shape), StreamDecoder(weights, shape), StreamDecoder(weights, shape, on_device=True)
    coded = [(entry.substreams, entry.filters) for entry in encoder.run(clip.to_encode(encoder, clip.host))]
    into, out = [np.empty_like(plane) for plane in clip.host[0]], {}

    def encode(planes: Sequence[Sequence[Any]]) -> int:
        return sum(1 for _ in encoder.run(clip.to_encode(encoder, planes)))

    def decode(by: StreamDecoder, to: Sequence[np.ndarray] | None) -> int:
        return sum(1 for _ in by.run(clip.to_decode(by, coded, to)))

    out["encode, host to packets, frames/s"] = frames_per_second(lambda: encode(clip.host), effort.seconds)
    out["decode, packets to host, frames/s"] = frames_per_second(lambda: decode(decoder, into), effort.seconds)
    way = next(iter(ways_to_give(device).values()))
    there = [tuple(way(plane) for plane in planes) for planes in clip.there]
    out["encode, frames on the device, frames/s"] = frames_per_second(lambda: encode(there), effort.seconds)
    out["decode, frames stay on the device, frames/s"] = frames_per_second(lambda: decode(shown, None), effort.seconds)
    out["memory of the device for these three streams, MB"] = (device.memory_used() - before) / 1e6
    out["encode with motion search, host to packets, frames/s"] = searched_speed(StreamEncoder(weights, shape, search=True), clip, effort)
    out["encode, latency, ms"] = latency(encoder, clip.to_encode(encoder, clip.host))
    out["decode, latency, ms"] = latency(decoder, clip.to_decode(decoder, coded, into))
    inter = coded[1:] or coded
    out["bytes of a P frame"] = statistics.mean(sum(map(len, substreams)) for substreams, _ in inter)
    return out


def searched_speed(encoder: StreamEncoder, clip: Clip, effort: Effort) -> float:
    return frames_per_second(lambda: sum(1 for _ in encoder.run(clip.to_encode(encoder, clip.host, True))), effort.seconds)


class _ByDLPack:
    """An array of the device as another library gives it."""

    def __init__(self, buffer: Any) -> None:
        self._buffer = buffer

    def __dlpack__(self, **more: Any) -> Any:
        return self._buffer.__dlpack__(**more)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._buffer.__dlpack_device__()


class _ByInterface:
    def __init__(self, buffer: Any) -> None:
        self._buffer, self.__cuda_array_interface__ = buffer, buffer.__cuda_array_interface__


def ways_to_give(device: Device) -> dict[str, Callable[[Any], Any]]:
    """How arrays of the device can come from outside, by name."""
    if not isinstance(device, CupyDevice):
        from tests.emulator import OnDevice
        return {"emulated": OnDevice}
    ways: dict[str, Callable[[Any], Any]] = {"CuPy": lambda buffer: buffer, "DLPack": _ByDLPack, "__cuda_array_interface__": _ByInterface}
    try:
        import torch
        if torch.cuda.is_available():
            ways["PyTorch"] = torch.from_dlpack
    except ImportError:
        pass
    return ways


def latency(coder: Any, frames: Iterator[Frame]) -> float:
    """Median milliseconds from `put` to the result of a P frame, the next frame put when it is there."""
    found = []
    for given in frames:
        coder.put(given)
        found += [entry.seconds for entry in coder.flush()]
    return 1e3 * statistics.median(found[1:] or found)


def streams_at_once(device: Device, weights: DeviceModel, shape: PictureShape, effort: Effort) -> dict[str, float]:
    """Frames a second of all streams together, each in a thread with queues and buffers of its own."""
    clip, out = Clip(device, shape, effort.group), {}
    for count in effort.streams:
        encoders = [StreamEncoder(weights, shape) for _ in range(count)]
        coded = [list(encoder.run(clip.to_encode(encoder, clip.host))) for encoder in encoders][0]
        packets = [(entry.substreams, entry.filters) for entry in coded]
        out[f"encode, {count} streams, frames/s"] = _together([lambda e=e: sum(1 for _ in e.run(clip.to_encode(e, clip.host))) for e in encoders], effort)
        del encoders
        decoders = [(StreamDecoder(weights, shape), [np.empty_like(plane) for plane in clip.host[0]]) for _ in range(count)]
        for decoder, into in decoders:
            list(decoder.run(clip.to_decode(decoder, packets, into)))
        out[f"decode, {count} streams, frames/s"] = _together(
            [lambda d=d, into=into: sum(1 for _ in d.run(clip.to_decode(d, packets, into))) for d, into in decoders], effort)
        del decoders
        gc.collect()
    return out


def _together(groups: Sequence[Callable[[], int]], effort: Effort) -> float:
    """Frames a second of all groups, each in its thread. Raises what a thread raised."""
    done, failed, start = [0] * len(groups), [], threading.Barrier(len(groups) + 1)
    stop = threading.Event()

    def work(number: int) -> None:
        start.wait()
        try:
            done[number] += groups[number]()
            while not stop.is_set():
                done[number] += groups[number]()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(groups))]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.perf_counter()
    time.sleep(effort.seconds)
    stop.set()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]
    return sum(done) / (time.perf_counter() - began)


def endurance(device: Device, weights: DeviceModel, shape: PictureShape, effort: Effort) -> dict[str, float]:
    """What many frames of an encoder and a decoder ask for, after the first ones: by the device's own counts and by the driver's word on memory."""
    clip = Clip(device, shape, effort.group)
    encoder, decoder = StreamEncoder(weights, shape), StreamDecoder(weights, shape)
    into = [np.empty_like(plane) for plane in clip.host[0]]

    def both() -> int:
        coded = [(entry.substreams, entry.filters) for entry in encoder.run(clip.to_encode(encoder, clip.host))]
        return len(coded) + sum(1 for _ in decoder.run(clip.to_decode(decoder, coded, into)))

    both(), both()
    counts, memory, frames = device.counts, device.memory_used(), 0
    before = counts.allocations, counts.synchronisations, counts.waits
    while frames < effort.endurance:
        frames += both()
    return {"frames": float(frames), "allocations": float(counts.allocations - before[0]), "synchronising calls": float(counts.synchronisations - before[1]),
            "waits for a result": float(counts.waits - before[2]), "memory of the device, before, MB": memory / 1e6,
            "memory of the device, after, MB": device.memory_used() / 1e6}
