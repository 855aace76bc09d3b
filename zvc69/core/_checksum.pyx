"""CRC-32C kernels (csrc/checksum)."""
from cpython.buffer cimport Py_buffer, PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t


cdef extern from "common/isa.h" namespace "zvc" nogil:
    cdef enum class Isa(int):
        pass

cdef extern from "checksum/checksum.h" namespace "zvc" nogil:
    cdef cppclass ChecksumKernels:
        uint32_t crc32c(uint32_t crc, const uint8_t* data, size_t size) noexcept
    const ChecksumKernels& checksum_kernels(Isa isa) noexcept


def crc32c(int level, data, uint32_t value):
    cdef Py_buffer view
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    with nogil:
        value = checksum_kernels(<Isa>level).crc32c(value, <const uint8_t*>view.buf, <size_t>view.len)
    PyBuffer_Release(&view)
    return value
