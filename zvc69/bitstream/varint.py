"""Integers of variable length: LEB128, 7 bits a byte, low bits first, shortest form only.

Signed integers are folded to unsigned ones first: 0, -1, 1, -2 ... become 0, 1, 2, 3 ...
"""
from __future__ import annotations

from ..errors import CorruptStreamError, TruncatedStreamError
from .limits import MAX_UINT64


def pack(value: int) -> bytes:
    """`value` (0 to 2^64-1) as 1 to 10 bytes."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def length(value: int) -> int:
    """Bytes that `value` takes."""
    return max(-(-value.bit_length() // 7), 1)


def unpack(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """The integer at position `at` of `data`, and the position after it.

    Raises TruncatedStreamError if `data` ends inside it, CorruptStreamError if it is longer than need be
    or does not fit into 64 bits.
    """
    value = shift = 0
    while True:
        if at >= len(data):
            raise TruncatedStreamError("the stream ends inside a variable-length integer")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 63:
            raise CorruptStreamError("a variable-length integer is longer than 10 bytes")
    if value > MAX_UINT64 or (byte == 0 and shift):
        raise CorruptStreamError("a variable-length integer is not in its shortest form")
    return value, at


def fold(value: int) -> int:
    """The unsigned integer that stands for signed `value`."""
    return value << 1 if value >= 0 else (-value << 1) - 1


def unfold(value: int) -> int:
    """The signed integer that unsigned `value` stands for."""
    return -(value + 1 >> 1) if value & 1 else value >> 1
