# cython: language_level=3, boundscheck=False, wraparound=False
"""Codes of a frame for later ones (csrc/state). Arguments are checked in zvc69.core.state."""
from libc.stddef cimport size_t
from libc.stdint cimport int16_t, uint8_t


cdef extern from "common/isa.h" namespace "zvc" nogil:
    cdef enum class Isa(int):
        pass

cdef extern from "state/state.h" namespace "zvc" nogil:
    cdef cppclass FetchJob:
        const uint8_t* codes[2]
        const int16_t* vectors
        uint8_t* out[2]
        size_t rows, columns, channels
    cdef cppclass StateKernels:
        void fetch(const FetchJob& job) noexcept
    const StateKernels& state_kernels(Isa isa) noexcept


def fetch(int level, const uint8_t[:, :, ::1] magnitude, const uint8_t[:, :, ::1] index, const int16_t[:, :, ::1] vectors,
          uint8_t[:, :, ::1] magnitude_out, uint8_t[:, :, ::1] index_out):
    cdef FetchJob job
    job.codes[0], job.codes[1], job.vectors = &magnitude[0, 0, 0], &index[0, 0, 0], &vectors[0, 0, 0]
    job.out[0], job.out[1] = &magnitude_out[0, 0, 0], &index_out[0, 0, 0]
    job.rows, job.columns, job.channels = magnitude.shape[0], magnitude.shape[1], magnitude.shape[2]
    with nogil:
        state_kernels(<Isa>level).fetch(job)
