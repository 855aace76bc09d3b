# cython: language_level=3, boundscheck=False, wraparound=False
"""Adaptive loop filter (csrc/loopfilter). Arguments are checked in zvc69.core.loopfilter."""
from libc.stddef cimport size_t
from libc.stdint cimport int8_t, int64_t, uint8_t, uint16_t


cdef extern from "common/isa.h" namespace "zvc" nogil:
    cdef enum class Isa(int):
        pass

cdef extern from "loopfilter/loopfilter.h" namespace "zvc" nogil:
    const int kFilterDepth, kFilterBlock, kFilterTaps, kFilterClasses
    cdef cppclass FilterPlane:
        const uint16_t* samples
        size_t width, height
    cdef cppclass FilterKinds:
        const uint8_t* classes
        const uint8_t* copied
        size_t side
    void c_classify "zvc::classify"(Isa isa, const FilterPlane& plane, uint8_t* classes) except +
    void apply_filter(Isa isa, const FilterPlane& plane, const FilterKinds& kinds, const int8_t* coefficients, int depth, void* out) except +
    void filter_statistics(Isa isa, const FilterPlane& plane, const FilterKinds& kinds, const void* target, int depth, int64_t* products,
                           int64_t* count) except +
    void c_widen "zvc::widen"(uint16_t* plane, const void* prediction, size_t width, size_t height, int depth, const uint8_t* copied,
                              size_t side) noexcept

cdef extern from "loopfilter/merging.h" namespace "zvc" nogil:
    cdef cppclass FilterEquations:
        pass
    double fit_filter(const FilterEquations& sums, int8_t* coefficients) noexcept
    double merge_filters(const FilterEquations* sums, int8_t* coefficients) except +

FINE_DEPTH, BLOCK, TAPS, CLASSES = kFilterDepth, kFilterBlock, kFilterTaps, kFilterClasses


cdef FilterPlane plane_of(const uint16_t[:, ::1] samples) noexcept:
    cdef FilterPlane plane
    plane.samples, plane.height, plane.width = &samples[0, 0], samples.shape[0], samples.shape[1]
    return plane


cdef FilterKinds kinds_of(const uint8_t[:, ::1] classes, const uint8_t[:, ::1] copied, size_t side) noexcept:
    cdef FilterKinds kinds
    kinds.classes = kinds.copied = NULL
    kinds.side = side
    if classes is not None:
        kinds.classes = &classes[0, 0]
    if copied is not None:
        kinds.copied = &copied[0, 0]
    return kinds


def widen(uint16_t[:, ::1] plane, const uint8_t[:, ::1] prediction, int depth, const uint8_t[:, ::1] copied, size_t side):
    with nogil:
        c_widen(&plane[0, 0], &prediction[0, 0], plane.shape[1], plane.shape[0], depth, &copied[0, 0], side)


def classify(int level, const uint16_t[:, ::1] luma, uint8_t[:, ::1] classes):
    cdef FilterPlane plane = plane_of(luma)
    with nogil:
        c_classify(<Isa>level, plane, &classes[0, 0])


def apply(int level, const uint16_t[:, ::1] samples, const uint8_t[:, ::1] classes, const uint8_t[:, ::1] copied, size_t side,
          const int8_t[:, ::1] coefficients, int depth, uint8_t[:, ::1] out):
    cdef FilterPlane plane = plane_of(samples)
    cdef FilterKinds kinds = kinds_of(classes, copied, side)
    with nogil:
        apply_filter(<Isa>level, plane, kinds, &coefficients[0, 0], depth, &out[0, 0])


def statistics(int level, const uint16_t[:, ::1] samples, const uint8_t[:, ::1] classes, const uint8_t[:, ::1] copied, size_t side,
               const uint8_t[:, ::1] target, int depth, int64_t[:, ::1] products, int64_t[::1] count):
    cdef FilterPlane plane = plane_of(samples)
    cdef FilterKinds kinds = kinds_of(classes, copied, side)
    with nogil:
        filter_statistics(<Isa>level, plane, kinds, &target[0, 0], depth, &products[0, 0], &count[0])


def fit(const double[:, ::1] sums, double[::1] saved, int8_t[:, ::1] coefficients):
    """sums: (M, 157), each as FilterEquations has it: products, correlations, ridge."""
    cdef Py_ssize_t n
    with nogil:
        for n in range(sums.shape[0]):
            saved[n] = fit_filter((<const FilterEquations*>&sums[n, 0])[0], &coefficients[n, 0])


def merge(const double[:, ::1] sums, int8_t[:, ::1] coefficients):
    cdef double saved
    with nogil:
        saved = merge_filters(<const FilterEquations*>&sums[0, 0], &coefficients[0, 0])
    return saved
