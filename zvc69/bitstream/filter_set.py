"""Filters of a frame's loop filter: the section of a payload that says them."""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..core.loopfilter import CLASSES, LARGEST_COEFFICIENT, TAPS
from ..errors import CorruptStreamError, TruncatedStreamError


@dataclass(frozen=True, eq=False, slots=True)
class FilterSet:
    """Coefficients in 1/128, -63..63, that the loop filter takes (docs/FORMAT.md, section 15): luma (25, 12) int8, of each class, and chroma (2, 12) int8,
    of U and V. Zeros leave samples as they are.

    >>> luma = np.zeros((25, 12), np.int8)
    >>> luma[7:9, 3] = -5
    >>> section = FilterSet(luma, np.zeros((2, 12), np.int8)).pack()
    >>> len(section), FilterSet.unpack(section).luma[8].tolist()
    (7, [0, 0, 0, -5, 0, 0, 0, 0, 0, 0, 0, 0])
    """

    luma: NDArray[np.int8]
    chroma: NDArray[np.int8]

    @classmethod
    def zeros(cls) -> FilterSet:
        """The set that changes nothing."""
        return cls(np.zeros((CLASSES, TAPS), np.int8), np.zeros((2, TAPS), np.int8))

    def pack(self) -> bytes:
        """The section's bytes."""
        planes = self.luma, *self.chroma
        bits = [1 * bool(plane.any()) for plane in planes]
        if bits[0]:
            filters = {row: number for number, row in enumerate(dict.fromkeys(row for row in map(bytes, self.luma) if any(row)), 1)}
            width = len(filters).bit_length()
            bits += _whole(len(filters) - 1, 5)
            for row in map(bytes, self.luma):
                bits += _whole(filters.get(row, 0), width)
            for row in filters:
                bits += _coefficients(np.frombuffer(row, np.int8))
        for there, plane in zip(bits[1:3], self.chroma):
            bits += _coefficients(plane) if there else []
        return np.packbits(np.array(bits, np.uint8)).tobytes()

    @classmethod
    def unpack(cls, section: bytes | memoryview) -> FilterSet:
        """Of a section's bytes. Raises TruncatedStreamError if they end too early, CorruptStreamError for numbers out of range and bytes that are left."""
        bits, out = _Bits(section), cls.zeros()
        there = [bits.whole(1) for _ in range(3)]
        if there[0]:
            count = bits.whole(5) + 1
            if count > CLASSES:
                raise CorruptStreamError(f"{count} filters for {CLASSES} classes")
            width = count.bit_length()
            of_class = [bits.whole(width) for _ in range(CLASSES)]
            if max(of_class) > count:
                raise CorruptStreamError(f"filter {max(of_class)} of {count}")
            filters = np.array([[0] * TAPS, *(bits.coefficients() for _ in range(count))], np.int8)
            out.luma[:] = filters[of_class]
        for plane, known in zip(out.chroma, there[1:]):
            if known:
                plane[:] = bits.coefficients()
        bits.end()
        return out


def _whole(value: int, width: int) -> list[int]:
    return [value >> at & 1 for at in reversed(range(width))]


def _coefficients(values: NDArray[np.int8]) -> list[int]:
    """Signed Exp-Golomb codes of order 0: of the magnitude, then the sign of what is not zero."""
    bits = []
    for value in values.tolist():
        code = abs(value) + 1
        bits += [0] * (code.bit_length() - 1) + _whole(code, code.bit_length()) + [1 * (value < 0)] * (value != 0)
    return bits


class _Bits:
    """A section's bits, the most significant of each byte first."""

    def __init__(self, section: bytes | memoryview) -> None:
        self._bits = np.unpackbits(np.frombuffer(section, np.uint8)).tolist()
        self._at = 0

    def whole(self, width: int) -> int:
        if self._at + width > len(self._bits):
            raise TruncatedStreamError("the loop filter's section ends inside a number")
        value = 0
        for bit in self._bits[self._at:self._at + width]:
            value = 2 * value + bit
        self._at += width
        return value

    def coefficients(self) -> list[int]:
        return [self._coefficient() for _ in range(TAPS)]

    def _coefficient(self) -> int:
        zeros = 0
        while not self.whole(1):
            zeros += 1
            if zeros > LARGEST_COEFFICIENT.bit_length():
                raise CorruptStreamError("a coefficient of the loop filter is too large")
        magnitude = (1 << zeros | self.whole(zeros)) - 1
        if magnitude > LARGEST_COEFFICIENT:
            raise CorruptStreamError(f"a coefficient of the loop filter is {magnitude}, not within {LARGEST_COEFFICIENT}")
        return -magnitude if magnitude and self.whole(1) else magnitude

    def end(self) -> None:
        left = self._bits[self._at:]
        if len(left) > 7 or any(left):
            raise CorruptStreamError("more behind the loop filter's coefficients")
