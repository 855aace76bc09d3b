"""Entropy coder: interleaved rANS over tables of integer frequencies, with an escape for any int16 value.

A symbol's table is chosen by its *index* (of sigma, or of a channel), known to both sides. A call codes
an array; a substream holds any number of calls, read back in the same order. The format is in
docs/INTERNALS.md; every instruction set writes the same bytes.

>>> import numpy as np
>>> values = np.array([[0, 1, -2], [3, 0, -300]], np.int16)
>>> index = np.array([[20, 20, 30], [30, 0, 50]], np.uint8)
>>> encoder = Encoder()
>>> encoder.put(values, index, GAUSSIAN, skip_below=3)
>>> lanes, data = encoder.finish()
>>> decoder = Decoder(data, lanes)
>>> decoder.get(index, GAUSSIAN, skip_below=3).tolist()
[[0, 1, -2], [3, 0, -300]]
>>> decoder.finish()

Method: J. Duda, "Asymmetric numeral systems", arXiv:1311.2540; lanes as in F. Giesen, "Interleaved entropy
coders", arXiv:1402.3392.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zvc69.errors import CorruptStreamError

from . import _entropy, cpu
from .gaussian_tables import GAUSSIAN as _GAUSSIAN

LANES = (1, 4, 8, 32)
TOTAL = 4096
MAX_TABLES = 256
MAX_SYMBOLS = 255
MAX_SHIFT = 12

# By RansStatus (csrc/rans/rawbits.h).
_FAILURES = {
    1: "entropy-coded data ends inside a call",
    2: "raw bits of the entropy coder run into its words",
    3: "an escaped value is out of range",
    4: "an entropy coder state is below its bound",
    5: "entropy-coded data is left over or its states do not close",
}


class Tables:
    """Up to 256 immutable frequency tables.

    first: lowest bucket of each table. shift: log2 of a bucket's width, 0..12. frequencies: for each table its
    symbols' frequencies, each at least 1, 4096 in sum, at most 255 of them, the last one the escape's.
    Buckets `first[t] ...` hold the values `bucket << shift[t]` and up, which must be int16.

    Raises ValueError if any of that does not hold.

    >>> Tables([-1], [0], [[1024, 2048, 512, 512]]).bits(0, [-1, 0, 1, 2]).tolist()
    [2.0, 1.0, 3.0, 7.0]
    """

    def __init__(self, first: Sequence[int], shift: Sequence[int], frequencies: Sequence[ArrayLike]) -> None:
        if not len(first) == len(shift) == len(frequencies):
            raise ValueError(f"{len(first)} first buckets, {len(shift)} shifts, {len(frequencies)} tables")
        if not 1 <= len(first) <= MAX_TABLES:
            raise ValueError(f"{len(first)} tables; there must be 1 to {MAX_TABLES}")
        flat = [_integers("frequencies", f, 0, TOTAL, np.uint16) for f in frequencies]
        self.shift = _integers("shift", shift, 0, MAX_SHIFT, np.uint8)
        self.first = _integers("first", first, -32768, 32767, np.int16)
        self.sizes = np.array([f.size for f in flat])
        for t, f in enumerate(flat):
            _check_table(t, int(self.first[t]), int(self.shift[t]), f)
        self._frequencies = np.concatenate(flat)
        self._starts = np.cumsum(self.sizes) - self.sizes
        self._native = _entropy.Tables(self.first, self.shift, self.sizes.astype(np.uint8), self._frequencies)
        for array in (self.first, self.shift, self.sizes, self._frequencies):
            array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.sizes)

    def __repr__(self) -> str:
        return f"<{len(self)} entropy tables>"

    def frequencies(self, table: int) -> NDArray[np.uint16]:
        """Frequencies of one table, escape last."""
        return self._frequencies[self._starts[table] : self._starts[table] + self.sizes[table]]

    def bits(self, index: ArrayLike, value: ArrayLike) -> NDArray[np.float32]:
        """Exact cost in bits of coding `value` with table `index`, raw bits included; the two broadcast."""
        index = _integers("index", index, 0, len(self) - 1, np.int64)
        value = _integers("value", value, -32768, 32767, np.int64)
        shift, first, escape = (a.astype(np.int64)[index] for a in (self.shift, self.first, self.sizes - 1))
        bucket = (value >> shift) - first
        symbol = np.where((bucket >= 0) & (bucket < escape), bucket, escape)
        end = (first + escape) << shift
        distance = np.where(value >= end, value - end, (first << shift) - 1 - value)
        order = shift + 2
        # frexp's exponent is the bit length: exact, unlike a floored logarithm.
        length = np.frexp(np.maximum(distance, 0) + (1 << order))[1]
        raw = np.where(symbol == escape, 2 * length - order, shift)
        cost = 12 - np.log2(self._frequencies[self._starts[index] + symbol].astype(np.float64))
        return np.asarray(cost + raw, np.float32)


class Encoder:
    """Collects calls and codes them into one substream. One thread at a time may use an encoder.

    >>> encoder = Encoder()
    >>> encoder.put([5, 0], [33, 33], GAUSSIAN)
    >>> encoder.finish(lanes=1)
    (1, b'...')
    """

    def __init__(self) -> None:
        self._native = _entropy.Encoder()

    def put(self, values: ArrayLike, index: ArrayLike, tables: Tables, skip_below: int = 0) -> None:
        """Add a call: `values` (int16) with tables `index` (uint8, same shape), in C order.

        Values whose index is below `skip_below` are not coded, whatever they are; the decoder gives zero.
        Any integer dtype will do. Raises TypeError for other dtypes, ValueError for shapes
        that differ, values beyond int16 and indices beyond the tables.
        """
        values = _integers("values", values, -32768, 32767, np.int16)
        index = _integers("index", index, 0, len(tables) - 1, np.uint8)
        if values.shape != index.shape:
            raise ValueError(f"values have shape {values.shape}, index has {index.shape}")
        self._native.put(values.reshape(-1), index.reshape(-1), tables._native, _skip(skip_below), cpu.level())

    def finish(self, lanes: int | None = None) -> tuple[int, bytes]:
        """Code all calls; returns the number of lanes and the substream. The encoder is empty afterwards.

        lanes: 1, 4, 8 or 32; None chooses by size: 1 below 1 kB, 4 below 8 kB, 8 below 32 kB, else 32
        (more lanes are faster and cost about 3 bytes each).
        """
        if lanes is None:
            lanes = self._native.suggest_lanes()
        return _lanes(lanes), self._native.finish(lanes, cpu.level())


class Decoder:
    """Reads the calls of one substream, in the order in which they were put.

    data: bytes-like, the substream as `Encoder.finish` returned it, with its number of lanes. Copied.

    Hostile bytes raise `zvc69.errors.CorruptStreamError`, here or later, or decode to wrong values; nothing
    else can happen. After an error every further call raises it again. One thread at a time may use a decoder.

    >>> Decoder(b"", 1).finish()
    """

    def __init__(self, data: bytes | bytearray | memoryview | NDArray[np.uint8], lanes: int) -> None:
        view = memoryview(data)
        flat = view.cast("B") if view.c_contiguous and view.nbytes else memoryview(view.tobytes())
        self._native = _entropy.Decoder(flat, _lanes(lanes))
        _raise(self._native.status())

    def get(self, index: ArrayLike, tables: Tables, skip_below: int = 0) -> NDArray[np.int16]:
        """Values of the next call, int16, shaped like `index` (integers); arguments as in `Encoder.put`.

        Raises CorruptStreamError if the bytes cannot be those of such a call, TypeError and ValueError as `put`.
        """
        index = _integers("index", index, 0, len(tables) - 1, np.uint8)
        values = np.empty(index.shape, np.int16)
        _raise(self._native.get(index.reshape(-1), tables._native, _skip(skip_below), cpu.level(), values.reshape(-1)))
        return values

    def finish(self) -> None:
        """Check that everything was read and all states are back where encoding began.

        Raises CorruptStreamError otherwise: the bytes are damaged, or were read with other calls than written.
        """
        _raise(self._native.finish())


def _raise(status: int) -> None:
    if status:
        raise CorruptStreamError(_FAILURES[status])


def _integers(name: str, array: ArrayLike, low: int, high: int, dtype: Any) -> NDArray[Any]:
    """C-contiguous `dtype` array of integers in low..high; ValueError or TypeError otherwise."""
    array = np.asarray(array)
    if array.size == 0:
        return np.zeros(array.shape, dtype)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers, not {array.dtype}")
    limits = np.iinfo(array.dtype)
    if limits.min < low and (least := array.min()) < low:
        raise ValueError(f"{name} holds {least}, below {low}")
    if limits.max > high and (most := array.max()) > high:
        raise ValueError(f"{name} holds {most}, above {high}")
    return np.asarray(array, dtype, order="C")


def _check_table(t: int, first: int, shift: int, frequencies: NDArray[np.uint16]) -> None:
    if frequencies.ndim != 1 or not 1 <= frequencies.size <= MAX_SYMBOLS:
        raise ValueError(f"table {t} has shape {frequencies.shape}; 1 to {MAX_SYMBOLS} symbols are allowed")
    if frequencies.min() < 1 or int(frequencies.sum(dtype=np.int64)) != TOTAL:
        raise ValueError(f"table {t}: frequencies must be at least 1 and sum to {TOTAL}")
    if first << shift < -32768 or (first + frequencies.size - 1) << shift > 32768:
        raise ValueError(f"table {t}: buckets {first}... of {1 << shift} values leave int16")


def _lanes(lanes: int) -> int:
    if lanes not in LANES:
        raise ValueError(f"{lanes} lanes; must be one of {LANES}")
    return int(lanes)


def _skip(skip_below: int) -> int:
    if not 0 <= skip_below <= 256:
        raise ValueError(f"skip_below is {skip_below}; must be 0 to 256")
    return int(skip_below)


GAUSSIAN = Tables(
    [first for first, _, _ in _GAUSSIAN],
    [shift for _, shift, _ in _GAUSSIAN],
    [np.array(text.split(), np.uint16) for _, _, text in _GAUSSIAN],
)
