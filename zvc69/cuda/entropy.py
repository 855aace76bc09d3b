"""The entropy coder on the device: substreams of a frame's bands, the same bytes as `zvc69.core.entropy` for the same lanes and bands."""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core import entropy
from ..errors import BackendError, CorruptStreamError
from .device import Buffer, Device, blocks_of

READER_WORDS = 38
PART, PART_WORDS = 2048, 8
CALLS = 5
"""Of a frame: z, and r of the four steps."""
_WORK = 22608
"""Bytes of a decoding block's shared memory besides tables (`Work` of kernels/rans_decoder.cu)."""
_FRONT, _BACK = 16, 16
FAILURES = {1: "entropy-coded data ends inside a call", 2: "raw bits of the entropy coder run into its words", 3: "an escaped value is out of range",
             4: "an entropy coder state is below its bound", 5: "entropy-coded data is left over or its states do not close"}
"""Reasons of CorruptStreamError: those of `zvc69.core.entropy`. Where several hold, another one may be found first."""


class Tables:
    """Frequency tables in the forms that the kernels look things up in. `encode` and `pairs` (n, 256) are of symbols (csrc/rans/arithmetic.h); `guesses`
    (n, 4096 >> group) and `entries` are what a decoding block has in shared memory (kernels/rans_decoder.cu), with groups of slots as small as fit there.

    Raises BackendError if they do not fit at all.
    """

    def __init__(self, device: Device, tables: entropy.Tables) -> None:
        n, sizes = len(tables), tables.sizes.astype(np.int64)
        self.entry_count = int(sizes.sum()) + n
        self.group = next((group for group in range(1, 9) if self._shared(n, group) <= device.shared_limit), 0)
        if not self.group:
            raise BackendError(f"{device.name}: {n} frequency tables of {self.entry_count - n} symbols do not fit into shared memory")
        self.shared = self._shared(n, self.group)
        guesses, entries, encode = np.zeros((n, 4096 >> self.group), np.uint8), [], np.zeros((n, 256), np.uint32)
        for t in range(n):
            frequencies = tables.frequencies(t).astype(np.uint32)
            start = np.cumsum(frequencies) - frequencies
            guesses[t] = np.repeat(np.arange(frequencies.size, dtype=np.uint8), frequencies)[::1 << self.group]
            entries += [frequencies << 16 | start, [4096]]
            cost = np.rint(16 * (12 - np.log2(frequencies))).astype(np.uint32)
            encode[t, :frequencies.size] = cost << 24 | (frequencies - 1) << 12 | start
        info, base = np.zeros(256, np.uint32), np.zeros(256, np.uint32)
        info[:n] = (tables.first.astype(np.int32) << 16).view(np.uint32) | (tables.sizes - 1).astype(np.uint32) << 8 | tables.shift
        base[:n] = np.cumsum(sizes + 1) - (sizes + 1)
        self.encode, self.info, self.base, self.guesses = device.upload(encode), device.upload(info), device.upload(base), device.upload(guesses)
        self.entries, self.pairs = device.upload(np.concatenate(entries).astype(np.uint32)), device.empty((n, 256, 2), np.uint32)
        device.launch("rans_pairs", [n], [256], [self.encode, self.pairs])

    def _shared(self, n: int, group: int) -> int:
        return _WORK + n * (4096 >> group) + 4 * self.entry_count


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
    """Reads the substreams of frames, a block each. Memory is made once: for so many substreams at most, and bytes, which are more when a frame has more;
    lists of symbols when a call has a size for the first time."""

    def __init__(self, device: Device, substreams: int, room: int) -> None:
        self._device, self._most, self._count = device, substreams, substreams
        self._head = 8 * substreams      # bytes before the payload, which say where each substream begins and its size
        self.room = self.bytes_of(substreams, room)
        self._reserve(self.room)
        self._readers = device.empty((substreams, READER_WORDS), np.uint32)
        self._starts = device.empty(substreams + 1, np.uint32)
        self._lists: dict[int, tuple[Buffer, Buffer]] = {}
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
        device, tables, size = self._device, call.tables, call.index.size
        parts = size // PART + 1
        if size not in self._lists:
            self._lists[size] = device.empty(parts, np.uint32), device.empty((size, 2), np.uint32)
        counts, listed = self._lists[size]
        coded = [call.index, size, call.skip_below, call.left_out, call.run, counts]
        device.launch("rans_coded", [blocks_of(size, PART)], [256], coded, shared=32)
        device.launch("rans_list", [parts], [256], [*coded, ends, self._count, tables.base, self._starts, listed], shared=32 + 4 * 256)
        device.launch("rans_decode", [self._count], [256],
                      [self._payload, self._readers, self._starts, listed, tables.guesses, tables.guesses.size, tables.group, tables.entries,
                       tables.entry_count, tables.info, lanes, values], shared=tables.shared)

    def end(self, lanes: int) -> None:
        self._device.launch("rans_end", [self._count], [32], [self._payload, self._readers, lanes, self.failures])


def check(failures: NDArray[np.uint32]) -> None:
    """Raises CorruptStreamError if a substream failed."""
    for failure in failures.tolist():
        if failure:
            raise CorruptStreamError(FAILURES.get(failure, f"entropy decoder failure {failure}"))


class Encoder:
    """Codes frames whose calls have these ends: ends (calls, bands + 1), of symbols. Buffers are made once and used for every frame."""

    def __init__(self, device: Device, ends: NDArray[np.uint32], lanes: int) -> None:
        self._device, self._lanes = device, lanes
        calls, self._bands = ends.shape[0], ends.shape[1] - 1
        sizes = np.diff(ends.astype(np.int64), axis=1)                                   # (calls, bands)
        parts, self._first, first_parts = [], [0], []
        for call in range(calls):
            for band in range(self._bands):
                first_parts.append(len(parts))
                begin, end = int(ends[call, band]), int(ends[call, band + 1])
                parts += [(at, min(at + PART, end), 0, 0, band, call, 0, 0) for at in range(begin, end, PART)]
            self._first.append(len(parts))
        self._parts = device.upload(np.array(parts, np.uint32).reshape(-1, PART_WORDS))
        self._first_parts = device.upload(np.array([*first_parts, len(parts)], np.uint32))
        flat = np.concatenate(([0], np.cumsum(sizes.reshape(-1))))
        self._call_begin = device.upload(flat[:-1].astype(np.uint32).reshape(calls, self._bands))
        per_band = sizes.sum(axis=0)
        words = per_band + 2                                                             # 32 raw bits a symbol at most
        raw_begin = np.cumsum(words) - words
        self._raw_begin = device.upload(raw_begin.astype(np.uint32))
        before, behind = 2 * per_band + 4 * lanes, 4 * words
        middle = np.cumsum(before + behind) - behind
        self._middle = device.upload(middle.astype(np.uint32))
        self._entries = device.empty((int(flat[-1]), 2), np.uint32)
        self._raw_words = device.zeros(int(words.sum()), np.uint32)                      # between frames too
        self._out = device.empty(int((before + behind).sum()), np.uint8)
        self._totals = device.empty((self._bands, 8), np.uint32)
        self._span = device.empty((self._bands, 2), np.uint32)
        self._gathered: Buffer | None = None

    def put(self, calls: Sequence[Call], values: Sequence[Buffer]) -> None:
        """Code a frame: int16 values of every call. `bytes` gives what came of it."""
        device = self._device
        grids = [last - first for first, last in zip(self._first, self._first[1:])]

        def arguments(n: int) -> tuple[list, list]:
            call = calls[n]
            return [values[n], call.index, call.skip_below, call.left_out, call.run], [call.tables.info, self._first[n], self._parts]

        for n, grid in enumerate(grids):
            symbols, places = arguments(n)
            device.launch("rans_count", [grid], [256], [*symbols, calls[n].tables.encode, *places], shared=32)
        device.launch("rans_offsets", [self._bands], [32 * len(calls)], [self._parts, self._first_parts, self._totals], shared=8 * CALLS)
        for n, grid in enumerate(grids):
            symbols, places = arguments(n)
            device.launch("rans_map", [grid], [256], [*symbols, calls[n].tables.pairs, *places, self._call_begin[n], self._raw_begin, self._entries,
                                                      self._raw_words], shared=32)
        device.launch("rans_encode", [self._bands], [128], [self._totals, self._call_begin, len(calls), self._entries, self._raw_begin, self._raw_words,
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
