# cython: language_level=3, boundscheck=False, wraparound=False
"""Motion compensation (csrc/warp). Arguments are checked in zvc69.core.warp."""
from cpython.buffer cimport Py_buffer, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int16_t, uint8_t


cdef extern from "common/isa.h" namespace "zvc" nogil:
    cdef enum class Isa(int):
        pass

cdef extern from "warp/warp.h" namespace "zvc" nogil:
    cdef struct Taps:
        pass
    cdef struct LongTaps:
        pass
    const Taps kBicubic
    const Taps kBilinear
    const LongTaps kSharp
    cdef struct WarpJob:
        const uint8_t* reference[3]
        ptrdiff_t stride[3]
        uint8_t* out[3]
        ptrdiff_t out_stride[3]
        int width[3]
        int height[3]
        int first, last
        int depth
        const Taps* taps
        const LongTaps* luma
        bint overlap
    void warp_blocks(Isa isa, const WarpJob& job, const int16_t* vectors, int columns, unsigned threads) except +
    void warp_flow(Isa isa, const WarpJob& job, const int16_t* vectors, unsigned threads) except +


def warp(int level, references, outs, int first, int depth, bint bilinear, bint sharp, bint overlap, const int16_t[:, :, ::1] vectors,
         bint dense, unsigned threads):
    """Planes from number `first` on: 0 for luma."""
    cdef Py_buffer views[6]
    cdef WarpJob job
    cdef int held = 0, p, columns = vectors.shape[1]
    job.first, job.last = first, first + len(references)
    assert 0 <= first and job.last <= 3 and len(outs) == len(references)
    job.depth = depth
    job.taps = &kBilinear if bilinear else &kBicubic
    job.luma = &kSharp if sharp else NULL
    job.overlap = overlap
    try:
        for p in range(first, job.last):
            PyObject_GetBuffer(references[p - first], &views[held], PyBUF_STRIDES)
            held += 1
            job.reference[p] = <const uint8_t*>views[held - 1].buf
            job.stride[p] = views[held - 1].strides[0]
            job.height[p] = views[held - 1].shape[0]
            job.width[p] = views[held - 1].shape[1]
            PyObject_GetBuffer(outs[p - first], &views[held], PyBUF_STRIDES | PyBUF_WRITABLE)
            held += 1
            job.out[p] = <uint8_t*>views[held - 1].buf
            job.out_stride[p] = views[held - 1].strides[0]
        with nogil:
            if dense:
                warp_flow(<Isa>level, job, &vectors[0, 0, 0], threads)
            else:
                warp_blocks(<Isa>level, job, &vectors[0, 0, 0], columns, threads)
    finally:
        for p in range(held):
            PyBuffer_Release(&views[p])
