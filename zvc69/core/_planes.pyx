# cython: language_level=3, boundscheck=False, wraparound=False
"""Planes against two others (csrc/planes). Arguments are checked in zvc69.core.planes."""
from cpython.buffer cimport Py_buffer, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stddef cimport ptrdiff_t, size_t
from libc.stdint cimport uint8_t, uint32_t


cdef extern from "common/isa.h" namespace "zvc" nogil:
    cdef enum class Isa(int):
        pass

cdef extern from "planes/planes.h" namespace "zvc" nogil:
    cdef cppclass PlanePair:
        const uint8_t* a
        const uint8_t* b
        uint8_t* out
        ptrdiff_t a_stride, b_stride, out_stride
        size_t width, height
        int bytes
    cdef cppclass ErrorRow:
        const uint8_t* now
        const uint8_t* a
        const uint8_t* b
        ptrdiff_t now_stride, a_stride, b_stride
        size_t width, rows
        uint32_t* sums[3]
    void c_block_errors "zvc::block_errors"(Isa isa, ErrorRow all, size_t height, int bytes) noexcept
    void average_planes(Isa isa, const PlanePair& pair) noexcept
    void choose_blocks(const PlanePair& pair, const uint8_t* chosen, size_t columns, size_t side) noexcept


cdef class Pair:
    """Holds the buffers of three planes: two that are read and one that is written."""
    cdef Py_buffer views[3]
    cdef PlanePair pair
    cdef int held

    def __cinit__(self, a, b, out):
        for array in (a, b, out):
            PyObject_GetBuffer(array, &self.views[self.held], PyBUF_STRIDES | (PyBUF_WRITABLE if self.held == 2 else 0))
            self.held += 1
        self.pair.a, self.pair.a_stride = <const uint8_t*>self.views[0].buf, self.views[0].strides[0]
        self.pair.b, self.pair.b_stride = <const uint8_t*>self.views[1].buf, self.views[1].strides[0]
        self.pair.out, self.pair.out_stride = <uint8_t*>self.views[2].buf, self.views[2].strides[0]
        self.pair.height, self.pair.width = self.views[2].shape[0], self.views[2].shape[1]
        self.pair.bytes = <int>self.views[2].itemsize

    def __dealloc__(self):
        for i in range(self.held):
            PyBuffer_Release(&self.views[i])


def average(int level, a, b, out):
    cdef Pair planes = Pair(a, b, out)
    with nogil:
        average_planes(<Isa>level, planes.pair)


def choose(a, b, out, const uint8_t[:, ::1] chosen, size_t side):
    cdef Pair planes = Pair(a, b, out)
    with nogil:
        choose_blocks(planes.pair, &chosen[0, 0], chosen.shape[1], side)


def block_errors(int level, planes, uint32_t[:, :, ::1] sums):
    """`planes`: the plane, then one or two others; `sums` has one array for one other, three for two."""
    cdef Py_buffer views[3]
    cdef ErrorRow row
    cdef int held = 0, n
    cdef size_t height
    try:
        for array in planes:
            PyObject_GetBuffer(array, &views[held], PyBUF_STRIDES)
            held += 1
        row.now, row.now_stride = <const uint8_t*>views[0].buf, views[0].strides[0]
        row.a, row.a_stride = <const uint8_t*>views[1].buf, views[1].strides[0]
        row.b = NULL
        row.b_stride = 0
        if held == 3:
            row.b, row.b_stride = <const uint8_t*>views[2].buf, views[2].strides[0]
        height, row.width = views[0].shape[0], views[0].shape[1]
        for n in range(3):
            row.sums[n] = &sums[min(n, <int>sums.shape[0] - 1), 0, 0]
        with nogil:
            c_block_errors(<Isa>level, row, height, <int>views[0].itemsize)
    finally:
        for n in range(held):
            PyBuffer_Release(&views[n])
