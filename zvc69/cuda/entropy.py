"""The entropy coder on the device: substreams of a frame's bands, the same bytes as `zvc69.core.entropy` for the same lanes and bands."""
from __future__ import annotations

from collections.abc import Sequence
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
        self._payload = device.empty(self._bytes(substreams, room), np.uint8)
        self._sizes = device.empty(2 * substreams, np.uint32)
        self._readers = device.empty((substreams, READER_WORDS), np.uint32)
        self.failures = device.empty(substreams, np.uint32)
        """(substreams,) uint32 after `end`: 0 where all was read and closes; for `check`."""

    @staticmethod
    def _bytes(substreams: int, size: int) -> int:
        return _FRONT + size + substreams * (16 + _BACK)

    def upload(self, substreams: Sequence[bytes | memoryview], count: int | None = None) -> bool:
        """A frame's substreams, of which there are `count` (None: as many as there may be); none at all where nothing is coded. Gives whether memory has
        moved. Raises CorruptStreamError for another number, BackendError if there is no memory."""
        self._count = self._most if count is None else count
        substreams = substreams or [b""] * self._count
        size, sizes, at = sum(len(data) for data in substreams), [], _FRONT
        if len(substreams) != self._count:
            raise CorruptStreamError(f"{len(substreams)} substreams where {self._count} are expected")
        payload = np.zeros(self._bytes(self._count, size), np.uint8)
        for data in substreams:
            payload[at:at + len(data)] = np.frombuffer(data, np.uint8)
            sizes += [at, len(data)]
            at += len(data) + -len(data) % 16 + _BACK
        moved = payload.size > self._payload.size
        if moved:
            self._payload = self._device.empty(payload.size, np.uint8)
        self._device.upload(payload, into=self._payload[:payload.size])
        self._device.upload(np.array(sizes, np.uint32), into=self._sizes[:len(sizes)])
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

    def bytes(self) -> tuple[bytes, ...]:
        """The substreams; none if nothing is coded. Waits for the device."""
        spans = self._device.download(self._span).tolist()
        data = tuple(self._device.download(self._out[begin:begin + size]).tobytes() if size else b"" for begin, size in spans)
        return data if any(data) else ()

