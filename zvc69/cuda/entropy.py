"""The entropy coder on the device: substreams of a frame's bands, the same bytes as `zvc69.core.entropy` for the same lanes and bands."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core import entropy
from ..errors import CorruptStreamError
from .device import Buffer, Device

READER_WORDS = 38
PART, PART_WORDS = 2048, 8
CALLS = 5
"""Of a frame: z, and r of the four steps."""
_QUEUE = 4 * (16 * 32 + 32) + 16 * 32 + 32
_FRONT, _BACK = 16, 16
_FAILURES = {1: "entropy-coded data ends inside a call", 2: "raw bits of the entropy coder run into its words", 3: "an escaped value is out of range",
             4: "an entropy coder state is below its bound", 5: "entropy-coded data is left over or its states do not close"}


class Tables:
    """Frequency tables in the forms that the kernels look things up in (csrc/rans/tables.h)."""

    def __init__(self, device: Device, tables: entropy.Tables) -> None:
        n = len(tables)
        decode, encode = np.zeros((n, 4096), np.uint32), np.zeros((n, 256), np.uint32)
        for t in range(n):
            frequencies = tables.frequencies(t).astype(np.uint32)
            start = np.cumsum(frequencies) - frequencies
            symbol = np.repeat(np.arange(frequencies.size, dtype=np.uint32), frequencies)
            decode[t] = symbol << 24 | (frequencies[symbol] - 1) << 12 | np.arange(4096, dtype=np.uint32) - start[symbol]
            cost = np.rint(16 * (12 - np.log2(frequencies))).astype(np.uint32)
            encode[t, :frequencies.size] = cost << 24 | (frequencies - 1) << 12 | start
        info = np.zeros(256, np.uint32)
        info[:n] = (tables.first.astype(np.int32) << 16).view(np.uint32) | (tables.sizes - 1).astype(np.uint32) << 8 | tables.shift
        self.decode, self.encode, self.info = device.upload(decode), device.upload(encode), device.upload(info)


@dataclass(frozen=True, slots=True)
class Call:
    """What one call codes: `size` symbols, of which band n has those from ends[n] to ends[n + 1], multiples of 8.

    index (size,) uint8; left_out: None, or a flag for every `run` symbols.
    """

    index: Buffer
    tables: Tables
    skip_below: int
    left_out: Buffer | None = None
    run: int = 1


class Decoder:
    """Reads the substreams of frames, a warp each. Memory is made once: for so many substreams at most, and bytes, which are more when a frame has more."""

    def __init__(self, device: Device, substreams: int, room: int) -> None:
        self._device, self._most, self._count = device, substreams, substreams
        self._head = 8 * substreams      # bytes before the payload, which say where each substream begins and its size
        self.room = self.bytes_of(substreams, room)
        self._reserve(self.room)
        self._readers = device.empty((substreams, READER_WORDS), np.uint32)
        self.failures = device.empty(substreams, np.uint32)
        """(substreams,) uint32 after `end`: 0 where all was read and closes; for `check`."""

    def _reserve(self, size: int) -> None:
        self.room, self._whole = size, self._device.empty(size, np.uint8)
        self._sizes, self._payload = self._whole[:self._head].view(np.uint32), self._whole[self._head:]

    def bytes_of(self, substreams: int, size: int) -> int:
        """That so many substreams of `size` bytes together take in the form of `write`."""
        return self._head + _FRONT + size + substreams * (16 + _BACK)

    def write(self, substreams: Sequence[bytes | memoryview], count: int, host: Callable[[int], NDArray[np.uint8]]) -> int:
        """Substreams in the form that kernels read, to memory that `host` gives for so many bytes; how many they are. None at all where nothing is coded.

        Raises CorruptStreamError if there are not `count`.
        """
        substreams = substreams or [b""] * count
        if len(substreams) != count:
            raise CorruptStreamError(f"{len(substreams)} substreams where {count} are expected")
        end = self.bytes_of(count, sum(len(data) for data in substreams))
        whole = host(end)
        sizes, payload, at = whole[:self._head].view(np.uint32), whole[self._head:end], _FRONT
        payload[:_FRONT] = 0
        for n, data in enumerate(substreams):
            sizes[2 * n:2 * n + 2] = at, len(data)
            payload[at:at + len(data)] = np.frombuffer(data, np.uint8)
            behind = at + len(data) + -len(data) % 16 + _BACK
            payload[at + len(data):behind] = 0
            at = behind
        return end

    def take(self, buffer: Buffer, count: int) -> bool:
        """The bytes that `write` made for `count` substreams, from the device; whether memory has moved. Raises BackendError if there is none."""
        self._count, moved = count, buffer.size > self.room
        if moved:
            self._reserve(buffer.size)
        self._device.copy(buffer, self._whole[:buffer.size])
        return moved

    def upload(self, substreams: Sequence[bytes | memoryview], count: int | None = None) -> bool:
        """A frame's substreams, of which there are `count` (None: as many as there may be); none at all where nothing is coded. Gives whether memory has
        moved. Raises CorruptStreamError for another number, BackendError if there is no memory."""
        self._count, whole = self._most if count is None else count, None

        def host(size: int) -> NDArray[np.uint8]:
            nonlocal whole
            whole = np.zeros(size, np.uint8)
            return whole

        end = self.write(substreams, self._count, host)
        moved = end > self.room
        if moved:
            self._reserve(end)
        self._device.upload(whole[:end], into=self._whole[:end])
        return moved

    def begin(self, lanes: int) -> None:
        self._device.launch("rans_begin", [self._count], [32], [self._payload, self._sizes, lanes, self._readers])

    def get(self, call: Call, ends: Buffer, lanes: int, values: Buffer) -> None:
        """values: int16, zero where nothing is coded."""
        self._device.launch("rans_decode", [self._count], [32], [self._payload, self._readers, ends, call.index, call.skip_below, call.left_out, call.run,
                                                                 call.tables.decode, call.tables.info, lanes, values], shared=_QUEUE)

    def end(self, lanes: int) -> None:
        self._device.launch("rans_end", [self._count], [32], [self._payload, self._readers, lanes, self.failures])


def check(failures: NDArray[np.uint32]) -> None:
    """Raises CorruptStreamError if a substream failed."""
    for failure in failures.tolist():
        if failure:
            raise CorruptStreamError(_FAILURES.get(failure, f"entropy decoder failure {failure}"))


class Encoder:
    """Codes frames whose calls have these ends: ends (calls, bands + 1), of symbols. Buffers are made once and used for every frame."""

    def __init__(self, device: Device, ends: NDArray[np.uint32], lanes: int) -> None:
        self._device, self._lanes = device, lanes
        calls, self._bands = ends.shape[0], ends.shape[1] - 1
        sizes = np.diff(ends.astype(np.int64), axis=1)                                   # (calls, bands)
        parts, self._first = [], [0]
        for call in range(calls):
            for band in range(self._bands):
                begin, end = int(ends[call, band]), int(ends[call, band + 1])
                parts += [(at, min(at + PART, end), 0, 0, band, call, 0, 0) for at in range(begin, end, PART)]
            self._first.append(len(parts))
        self._fresh = device.upload(np.array(parts, np.uint32).reshape(-1, PART_WORDS))
        self._parts = device.empty((len(parts), PART_WORDS), np.uint32)
        flat = np.concatenate(([0], np.cumsum(sizes.reshape(-1))))
        self._call_begin = device.upload(flat[:-1].astype(np.uint32).reshape(calls, self._bands))
        per_band = sizes.sum(axis=0)
        words = per_band + 2                                                             # 32 raw bits a symbol at most
        raw_begin = np.cumsum(words) - words
        self._raw_begin = device.upload(raw_begin.astype(np.uint32))
        before, behind = 2 * per_band + 4 * lanes, 4 * words
        middle = np.cumsum(before + behind) - behind
        self._middle = device.upload(middle.astype(np.uint32))
        self._entries = device.empty(int(flat[-1]), np.uint32)
        self._raw_words = device.empty(int(words.sum()), np.uint32)
        self._out = device.empty(int((before + behind).sum()), np.uint8)
        self._totals = device.empty((self._bands, 8), np.uint32)
        self._span = device.empty((self._bands, 2), np.uint32)
        self._gathered: Buffer | None = None

    def put(self, calls: Sequence[Call], values: Sequence[Buffer]) -> None:
        """Code a frame: int16 values of every call. `bytes` gives what came of it."""
        device = self._device
        device.copy(self._fresh, self._parts)
        device.fill_zero(self._raw_words)
        grids = [last - first for first, last in zip(self._first, self._first[1:])]

        def arguments(n: int) -> list:
            call = calls[n]
            return [values[n], call.index, call.skip_below, call.left_out, call.run, call.tables.encode, call.tables.info, self._first[n]]

        for n, grid in enumerate(grids):
            device.launch("rans_count", [grid], [256], [*arguments(n), self._parts], shared=32)
        device.launch("rans_offsets", [self._bands], [32], [self._parts, self._first[-1], self._totals])
        for n, grid in enumerate(grids):
            device.launch("rans_map", [grid], [256],
                          [*arguments(n), self._parts, self._call_begin[n], self._raw_begin, self._entries, self._raw_words], shared=32)
        device.launch("rans_encode", [self._bands], [32], [self._totals, self._call_begin, len(calls), self._entries, self._raw_begin, self._raw_words,
                                                           self._middle, self._lanes, self._out, self._span])

    def gather(self, out: Buffer) -> None:
        """The substreams behind each other into `out`, uint8, as `gathered` reads them; those of them that there is room for."""
        self._device.launch("rans_gather", [16, self._bands], [256], [self._out, self._span, out.size, out])

    def bytes(self) -> tuple[bytes, ...]:
        """The substreams; none if nothing is coded. Waits for the device."""
        spans = self._device.download(self._span)
        if self._gathered is None or self._gathered.size < gathered_bytes(spans[:, 1]):
            self._gathered = self._device.empty(2 * gathered_bytes(spans[:, 1]), np.uint8)
        self.gather(self._gathered)
        return gathered(self._device.download(self._gathered[:gathered_bytes(spans[:, 1])]), self._bands)


def gathered_bytes(sizes: NDArray[np.uint32]) -> int:
    """That substreams of these sizes take in the form of `Encoder.gather`: sizes, uint32, then bytes."""
    return 4 * sizes.size + int(sizes.sum(dtype=np.int64))


def gathered(data: NDArray[np.uint8], count: int) -> tuple[bytes, ...]:
    """The substreams that `Encoder.gather` has put together; none if nothing is coded."""
    ends = 4 * count + np.cumsum(data[:4 * count].view(np.uint32), dtype=np.int64)
    parts = tuple(data[begin:end].tobytes() for begin, end in zip([4 * count, *ends], ends))
    return parts if any(parts) else ()
