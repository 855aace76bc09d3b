"""CRC-32C, the checksum of frames and of the index."""
from __future__ import annotations

from typing import TYPE_CHECKING

from . import _checksum, cpu

if TYPE_CHECKING:
    from typing_extensions import Buffer


def crc32c(data: Buffer, value: int = 0) -> int:
    """CRC-32C (Castagnoli) of `data`, any C-contiguous buffer, as an unsigned 32-bit integer.

    `value` is the checksum of the bytes that came before, so that parts can be summed in turn:

    >>> crc32c(b"6789", crc32c(b"12345")) == crc32c(b"123456789") == 0xE3069283
    True

    Raises BufferError (or ValueError) if the buffer is not contiguous, TypeError if `data` is no buffer,
    OverflowError if `value` is not in 0..2**32-1. Source: RFC 3720, appendix B.4.
    """
    return _checksum.crc32c(cpu.level(), data, value)
