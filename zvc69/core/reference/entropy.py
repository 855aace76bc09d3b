"""Reference of the entropy coder: plain integers, one symbol at a time (docs/INTERNALS.md, "rANS").

Works on `zvc69.core.entropy.Tables`. Far too slow for video; it is what the kernels are compared with.
"""
from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from zvc69.errors import CorruptStreamError

from ..entropy import Tables

L = 1 << 16
MAX_PREFIX = 20

Call = tuple[NDArray[np.int16], NDArray[np.uint8], Tables, int]


def _symbol(value: int, t: int, tables: Tables) -> tuple[int, str]:
    """Symbol of a value in table t and its raw bits as a string."""
    first, shift, escape = int(tables.first[t]), int(tables.shift[t]), int(tables.sizes[t]) - 1
    symbol = (value >> shift) - first
    if 0 <= symbol < escape:
        return symbol, f"{value & ((1 << shift) - 1):0{shift}b}" if shift else ""
    end = (first + escape) << shift
    above = value >= end
    distance = value - end if above else (first << shift) - 1 - value
    code = f"{distance + (1 << shift + 2):b}"
    return escape, f"{above:d}" + "0" * (len(code) - shift - 3) + code


def encode(calls: list[Call], lanes: int) -> bytes:
    """The substream of `calls`: (values, index, tables, skip_below) each."""
    raw, steps = "", []
    for values, index, tables, skip_below in calls:
        coded = 0
        for value, t in zip(values.ravel().tolist(), index.ravel().tolist()):
            if t < skip_below:
                continue
            symbol, bits = _symbol(value, t, tables)
            frequencies = tables.frequencies(t)
            steps.append((coded % lanes, int(frequencies[symbol]), int(frequencies[:symbol].sum())))
            raw += bits
            coded += 1
    if not steps:
        return b""
    states, words = [L] * lanes, []
    for lane, frequency, cumulative in reversed(steps):
        x = states[lane]
        if x >= frequency << 20:
            words.append(x & 0xFFFF)
            x >>= 16
        states[lane] = (x // frequency << 12) + x % frequency + cumulative
    raw += "0" * (-len(raw) % 8)
    tail = bytes(int(raw[i : i + 8], 2) for i in range(0, len(raw), 8))[::-1]
    return np.array(states, "<u4").tobytes() + np.array(words[::-1], "<u2").tobytes() + tail


class Decoder:
    """As `zvc69.core.entropy.Decoder`."""

    def __init__(self, data: bytes, lanes: int) -> None:
        self._empty = not data
        if data and len(data) < 4 * lanes:
            raise CorruptStreamError("no room for the states")
        self._data, self._lanes, self._forward, self._used = data, lanes, 0 if self._empty else 4 * lanes, 0
        self._states = [L] * lanes if self._empty else np.frombuffer(data, "<u4", lanes).tolist()
        if min(self._states) < L:
            raise CorruptStreamError("state below the bound")
        self._bits = "".join(f"{byte:08b}" for byte in reversed(data))
        self._coded = False

    def get(self, index: NDArray[np.uint8], tables: Tables, skip_below: int = 0) -> NDArray[np.int16]:
        kept = [t for t in index.ravel().tolist() if t >= skip_below]
        if kept and self._empty:
            raise CorruptStreamError("nothing was coded")
        self._coded |= bool(kept)
        # Words first: where they end bounds the raw bits.
        symbols = [self._pop(i % self._lanes, tables.frequencies(t).tolist()) for i, t in enumerate(kept)]
        values = iter([self._value(symbol, t, tables) for symbol, t in zip(symbols, kept)])
        return np.array([next(values) if t >= skip_below else 0 for t in index.ravel().tolist()],
                        np.int16).reshape(index.shape)

    def finish(self) -> None:
        if self._empty:
            return
        padding = -self._used % 8
        meets = self._forward * 8 + self._used + padding == 8 * len(self._data)
        clear = "1" not in self._bits[self._used : self._used + padding]
        if not (self._coded and meets and clear and set(self._states) == {L}):
            raise CorruptStreamError("something is left over")

    def _pop(self, lane: int, frequencies: list[int]) -> int:
        x = self._states[lane]
        slot, symbol = x & 4095, 0
        while slot >= frequencies[symbol]:
            slot -= frequencies[symbol]
            symbol += 1
        x = frequencies[symbol] * (x >> 12) + slot
        if x < L:
            if self._forward + 2 + (self._used + 7) // 8 > len(self._data):
                raise CorruptStreamError("no word left")
            x = x << 16 | int.from_bytes(self._data[self._forward : self._forward + 2], "little")
            self._forward += 2
        self._states[lane] = x
        return symbol

    def _raw(self, count: int) -> int:
        if self._used + count > 8 * (len(self._data) - self._forward):
            raise CorruptStreamError("no raw bit left")
        bits = self._bits[self._used : self._used + count]
        self._used += count
        return int(bits, 2) if bits else 0

    def _value(self, symbol: int, t: int, tables: Tables) -> int:
        first, shift, escape = int(tables.first[t]), int(tables.shift[t]), int(tables.sizes[t]) - 1
        if symbol < escape:
            return (first + symbol << shift) + self._raw(shift)
        above = self._raw(1)
        prefix = 0
        while not self._raw(1):
            prefix += 1
            if prefix > MAX_PREFIX:
                raise CorruptStreamError("escape prefix")
        order = shift + 2
        distance = (1 << prefix + order) + self._raw(prefix + order) - (1 << order)
        value = (first + escape << shift) + distance if above else (first << shift) - 1 - distance
        if not -32768 <= value <= 32767:
            raise CorruptStreamError("escaped value")
        return value
