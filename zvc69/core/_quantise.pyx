"""Quantiser (csrc/quantise). Arguments are checked in zvc69.core.quantise."""
from libc.stddef cimport size_t
from libc.stdint cimport int16_t, uint8_t


cdef extern from "common/isa.h" namespace "zvc" nogil:
    cdef enum class Isa(int):
        pass

cdef extern from "quantise/quantise.h" namespace "zvc" nogil:
    cdef cppclass QuantiseJob:
        const float* y
        const float* mean
        const uint8_t* index
        const float* thresholds
        const uint8_t* classes
        int16_t* r
        size_t channels, rows, columns
        int step, skip_below
    cdef cppclass QuantiseKernels:
        void quantise(const QuantiseJob& job) noexcept
    const QuantiseKernels& quantise_kernels(Isa isa) noexcept


def quantise(int level, const float[:, :, ::1] y, const float[:, :, ::1] mean, const uint8_t[:, :, ::1] index,
             const float[:, :, ::1] thresholds, const uint8_t[:, ::1] classes, int step, int skip_below, int16_t[:, :, ::1] r):
    cdef QuantiseJob job
    job.channels, job.rows, job.columns = y.shape[0], y.shape[1], y.shape[2]
    job.y, job.mean, job.index = &y[0, 0, 0], &mean[0, 0, 0], &index[0, 0, 0]
    job.thresholds, job.r = &thresholds[0, 0, 0], &r[0, 0, 0]
    job.classes = NULL
    if classes is not None:
        job.classes = &classes[0, 0]
    job.step, job.skip_below = step, skip_below
    with nogil:
        quantise_kernels(<Isa>level).quantise(job)
