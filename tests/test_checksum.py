"""CRC-32C: published vectors, pieces, buffers."""
import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zvc69.core import checksum, cpu

# RFC 3720, appendix B.4
VECTORS = (
    (b"", 0x00000000),
    (b"123456789", 0xE3069283),
    (bytes(32), 0x8A9136AA),
    (b"\xff" * 32, 0x62A8AB43),
    (bytes(range(32)), 0x46DD794E),
    (bytes(range(31, -1, -1)), 0x113FDB5C),
)


@pytest.mark.parametrize("level", cpu.available())
def test_published_vectors(level):
    with cpu.force(level):
        for data, value in VECTORS:
            assert checksum.crc32c(data) == value


@pytest.mark.parametrize("level", cpu.available())
@given(data=st.binary(max_size=300), cut=st.integers(0, 300))
def test_checksum_of_parts_is_that_of_the_whole(level, data, cut):
    with cpu.force(level):
        assert checksum.crc32c(data[cut:], checksum.crc32c(data[:cut])) == checksum.crc32c(data)


def test_takes_any_contiguous_buffer():
    words = np.arange(100, dtype=np.uint16)
    words.flags.writeable = False
    expected = checksum.crc32c(words.tobytes())
    for buffer in (words, words.reshape(10, 10), bytearray(words.tobytes()), memoryview(words)):
        assert checksum.crc32c(buffer) == expected


def test_rejects_what_is_no_contiguous_buffer():
    with pytest.raises((BufferError, ValueError)):
        checksum.crc32c(np.arange(10, dtype=np.uint8)[::2])
    with pytest.raises(TypeError):
        checksum.crc32c("text")


@pytest.mark.parametrize("value", (-1, 1 << 32))
def test_rejects_start_value_out_of_range(value):
    with pytest.raises(OverflowError):
        checksum.crc32c(b"", value)


def test_documentation_examples():
    assert doctest.testmod(checksum).failed == 0
