# cython: language_level=3, boundscheck=False, wraparound=False
"""What coding a prediction's residual gains (csrc/copying). Arguments are checked in zvc69.core.copying."""
from libc.stddef cimport size_t


cdef extern from "common/isa.h" namespace "zvc" nogil:
    cdef enum class Isa(int):
        pass

cdef extern from "copying/copying.h" namespace "zvc" nogil:
    cdef cppclass GainsJob:
        const float* picture
        const float* prediction
        size_t rows, columns
        float luma_scale, chroma_scale, distortion, constant, least
        float* out
    void copying_gains(Isa isa, const GainsJob& job) except +


def gains(int level, const float[:, :, ::1] picture, const float[:, :, ::1] prediction, float luma_scale, float chroma_scale,
          float distortion, float constant, float least, float[:, ::1] out):
    cdef GainsJob job
    job.picture, job.prediction, job.out = &picture[0, 0, 0], &prediction[0, 0, 0], &out[0, 0]
    job.rows, job.columns = picture.shape[1], picture.shape[2]
    job.luma_scale, job.chroma_scale = luma_scale, chroma_scale
    job.distortion, job.constant, job.least = distortion, constant, least
    with nogil:
        copying_gains(<Isa>level, job)
