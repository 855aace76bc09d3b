# cython: language_level=3, boundscheck=False, wraparound=False
"""Motion-compensated temporal filter (csrc/mctf). Arguments are checked in zvc69.core.mctf."""
from cpython.buffer cimport Py_buffer, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stddef cimport ptrdiff_t, size_t
from libc.stdint cimport uint8_t, uint32_t


cdef extern from "common/isa.h" namespace "zvc" nogil:
    cdef enum class Isa(int):
        pass

cdef extern from "mctf/mctf.h" namespace "zvc" nogil:
    const int kMostNeighbours
    cdef cppclass BlendJob:
        const uint8_t* now
        const uint8_t* neighbour[16]
        const float* weight[16]
        const float* falloff
        uint8_t* out
        ptrdiff_t now_stride, out_stride
        ptrdiff_t neighbour_stride[16]
        size_t width, height, side, columns
        int count, bytes
    cdef cppclass DifferenceRow:
        const uint8_t* now
        const uint8_t* other
        ptrdiff_t now_stride, other_stride
        size_t width
        int shift
        uint32_t* energy
        uint32_t* roughness
    void blend_planes(Isa isa, const BlendJob& job) except +
    void c_block_differences "zvc::block_differences"(Isa isa, DifferenceRow all, size_t height, int bytes) noexcept

MOST_NEIGHBOURS = kMostNeighbours


cdef class Buffers:
    """Holds the buffers of planes, the last of which is written."""
    cdef Py_buffer views[18]
    cdef int held

    def __cinit__(self, arrays, bint writes):
        for array in arrays:
            PyObject_GetBuffer(array, &self.views[self.held], PyBUF_STRIDES | (PyBUF_WRITABLE if writes and self.held == len(arrays) - 1 else 0))
            self.held += 1

    def __dealloc__(self):
        for i in range(self.held):
            PyBuffer_Release(&self.views[i])


def blend(int level, now, neighbours, const float[:, :, ::1] weights, const float[::1] falloff, size_t side, out):
    cdef Buffers planes = Buffers([now, *neighbours, out], True)
    cdef BlendJob job
    cdef int n
    job.count = planes.held - 2
    job.bytes = <int>planes.views[0].itemsize
    job.height, job.width = planes.views[0].shape[0], planes.views[0].shape[1]
    job.now, job.now_stride = <const uint8_t*>planes.views[0].buf, planes.views[0].strides[0]
    job.out, job.out_stride = <uint8_t*>planes.views[planes.held - 1].buf, planes.views[planes.held - 1].strides[0]
    for n in range(job.count):
        job.neighbour[n], job.neighbour_stride[n] = <const uint8_t*>planes.views[n + 1].buf, planes.views[n + 1].strides[0]
        job.weight[n] = &weights[n, 0, 0]
    job.falloff = &falloff[0]
    job.side, job.columns = side, weights.shape[2]
    with nogil:
        blend_planes(<Isa>level, job)


def block_differences(int level, now, other, int shift, uint32_t[:, :, ::1] sums):
    cdef Buffers planes = Buffers([now, other], False)
    cdef DifferenceRow row
    cdef size_t height = planes.views[0].shape[0]
    row.now, row.now_stride = <const uint8_t*>planes.views[0].buf, planes.views[0].strides[0]
    row.other, row.other_stride = <const uint8_t*>planes.views[1].buf, planes.views[1].strides[0]
    row.width, row.shift = planes.views[0].shape[1], shift
    row.energy, row.roughness = &sums[0, 0, 0], &sums[1, 0, 0]
    with nogil:
        c_block_differences(<Isa>level, row, height, <int>planes.views[0].itemsize)
