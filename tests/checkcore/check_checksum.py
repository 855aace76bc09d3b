"""CRC-32C kernels against a bitwise one."""
import numpy as np

from zvc69.core import checksum

from .harness import bench, check


def bitwise(data: bytes, value: int = 0) -> int:
    crc = value ^ 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@check("checksum", "lengths and alignments")
def lengths(rng, level):
    data = rng.bytes(160)
    for start in range(9):
        for end in range(start, 160, 7):
            part, value = data[start:end], int(rng.integers(1 << 32))
            got = checksum.crc32c(memoryview(data)[start:end], value)
            assert got == bitwise(part, value), f"{start}:{end} after {value:#x}"


@bench("checksum", "64 KiB")
def speed(rng):
    data = rng.integers(0, 256, 1 << 16, dtype=np.uint8)
    return lambda: checksum.crc32c(data), len(data)
