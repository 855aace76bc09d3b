# cython: language_level=3, boundscheck=False, wraparound=False
"""Motion search and coding (csrc/motion). Arguments are checked in zvc69.core.motion."""
from libc.stddef cimport ptrdiff_t, size_t
from libc.stdint cimport int8_t, int16_t, uint8_t, uint16_t, uint32_t
from libcpp cimport bool as cbool
from libcpp.memory cimport unique_ptr
from libcpp.vector cimport vector


cdef extern from "common/isa.h" namespace "zvc" nogil:
    cdef enum class Isa(int):
        pass

cdef extern from "motion/field.h" namespace "zvc" nogil:
    cdef cppclass Vector:
        pass
    cdef cppclass Way:
        cbool sharp, overlap

cdef extern from "motion/sad.h" namespace "zvc" nogil:
    ctypedef uint32_t (*Sad)(const uint8_t*, ptrdiff_t, const uint8_t*, ptrdiff_t) noexcept
    ctypedef void (*SadRow)(const uint8_t*, ptrdiff_t, const uint8_t*, ptrdiff_t, int, int, uint16_t*) noexcept
    cdef struct SadKernels:
        Sad sad[3]
        SadRow row
    const SadKernels& sad_kernels(Isa isa) noexcept

cdef extern from "motion/satd.h" namespace "zvc" nogil:
    cdef struct SatdKernels:
        Sad satd[3]
    const SatdKernels& satd_kernels(Isa isa) noexcept

cdef extern from "motion/filter.h" namespace "zvc" nogil:
    cdef struct AreaTaps:
        cbool sharp
        const int8_t* x
        const int8_t* y
    void filter_area(Isa, const uint8_t*, ptrdiff_t, uint8_t*, ptrdiff_t, int, int, const AreaTaps&) noexcept

cdef extern from "motion/reference.h" namespace "zvc" nogil:
    cdef struct LumaPlane:
        const uint8_t* data
        ptrdiff_t stride
        int width, height, depth
    cdef cppclass SearchReference:
        SearchReference(const LumaPlane&, Isa, cbool sharp) except +

cdef extern from "motion/search.h" namespace "zvc" nogil:
    cdef cppclass SearchJob:
        LumaPlane current
        SearchReference* reference
        const Vector* previous
        const Vector* candidates
        int effort
        unsigned threads
        Vector* vectors
        uint8_t* splits
        # C++'s "lambda" is a Python keyword
        int lambda_ "lambda"
    void search_motion(Isa isa, const SearchJob& job) except +


cdef extern from "motion/range_coder.h" namespace "zvc" nogil:
    cdef cppclass Context:
        uint16_t probability, count

cdef extern from "<span>" namespace "std" nogil:
    cdef cppclass Bytes "std::span<const std::uint8_t>":
        Bytes(const uint8_t*, size_t)
    cdef cppclass Contexts "std::span<const zvc::Context, zvc::kContexts>":
        Contexts(const Context*, size_t)

cdef extern from "motion/field_code.h" namespace "zvc" nogil:
    const int kContexts
    cdef cppclass FieldShape:
        int h, w
    cdef cppclass FieldArrays:
        Vector* vectors
        uint8_t* splits
        uint8_t* copy
        Way* way
    cdef cppclass PreviousField:
        const Vector* vectors
        Way way
    cdef enum class FieldStatus(int):
        pass
    vector[uint8_t] encode_field(FieldShape, const FieldArrays&, const PreviousField&, Contexts) except +
    FieldStatus decode_field(FieldShape, Bytes, const PreviousField&, Contexts, const FieldArrays&, cbool&) except +


cdef LumaPlane plane(const uint8_t[:, ::1] rows, int depth):
    """Of the bytes of its samples."""
    cdef LumaPlane result
    cdef int bytes = 1 + (depth > 8)
    result.data = &rows[0, 0]
    result.stride = rows.shape[1]
    result.height = rows.shape[0]
    result.width = rows.shape[1] // bytes
    result.depth = depth
    return result


cdef class Prepared:
    """A reference; holds copies of its samples."""
    cdef unique_ptr[SearchReference] reference

    def __init__(self, int level, const uint8_t[:, ::1] luma, int depth, bint sharp):
        cdef LumaPlane source = plane(luma, depth)
        with nogil:
            self.reference.reset(new SearchReference(source, <Isa>level, sharp))


def search(int level, const uint8_t[:, ::1] current, Prepared reference not None, int depth, int rate, int effort, unsigned threads,
           const int16_t[:, :, ::1] previous, const int16_t[:, :, ::1] candidates, int16_t[:, :, ::1] vectors, uint8_t[:, ::1] splits):
    """`current`: bytes of the samples; `rate` is the job's lambda."""
    cdef SearchJob job
    job.current = plane(current, depth)
    job.reference = reference.reference.get()
    job.previous = job.candidates = NULL
    if previous is not None:
        job.previous = <const Vector*>&previous[0, 0, 0]
    if candidates is not None:
        job.candidates = <const Vector*>&candidates[0, 0, 0]
    job.lambda_, job.effort, job.threads = rate, effort, threads
    job.vectors, job.splits = <Vector*>&vectors[0, 0, 0], &splits[0, 0]
    with nogil:
        search_motion(<Isa>level, job)


def sad(int level, int size_level, const uint8_t[:, ::1] a, const uint8_t[:, ::1] b):
    """Of the top left blocks of two arrays; for the tests."""
    return sad_kernels(<Isa>level).sad[size_level](&a[0, 0], a.shape[1], &b[0, 0], b.shape[1])


def satd(int level, int size_level, const uint8_t[:, ::1] a, const uint8_t[:, ::1] b):
    """Of the top left blocks of two arrays; for the tests."""
    return satd_kernels(<Isa>level).satd[size_level](&a[0, 0], a.shape[1], &b[0, 0], b.shape[1])


def sad_row(int level, const uint8_t[:, ::1] a, const uint8_t[:, ::1] b, int step, uint16_t[::1] sums):
    """Of the top left 8x8 of `a` and those of `b` from the left edge on; for the tests."""
    assert b.shape[1] >= sums.shape[0] + 8 and sums.shape[0] % 8 == 0
    sad_kernels(<Isa>level).row(&a[0, 0], a.shape[1], &b[0, 0], b.shape[1], <int>sums.shape[0], step, &sums[0])


def filter_area_of(int level, const uint8_t[:, ::1] samples, const int8_t[::1] tx, const int8_t[::1] ty, uint8_t[:, ::1] out):
    """By 4 or 8 taps, of `samples` from row and column 1 or 3 on, with 3 or 7 rows and, for what is loaded, 16 columns more than `out`; for the tests."""
    cdef int taps = <int>tx.shape[0], before = taps // 2 - 1
    cdef AreaTaps area
    assert samples.shape[0] >= out.shape[0] + taps - 1 and samples.shape[1] >= out.shape[1] + 16 and out.shape[1] % 8 == 0
    area.sharp, area.x, area.y = taps == 8, &tx[0], &ty[0]
    filter_area(<Isa>level, &samples[before, before], samples.shape[1], &out[0, 0], out.shape[1], <int>out.shape[1], <int>out.shape[0], area)


cdef FieldArrays field(int16_t[:, :, ::1] vectors, uint8_t[:, ::1] splits, uint8_t[:, ::1] copy, Way* way, bint says_way):
    cdef FieldArrays arrays
    arrays.vectors, arrays.splits = <Vector*>&vectors[0, 0, 0], &splits[0, 0]
    arrays.copy = NULL
    if copy is not None:
        arrays.copy = &copy[0, 0]
    arrays.way = NULL
    if says_way:
        arrays.way = way
    return arrays


cdef PreviousField expected(const int16_t[:, :, ::1] vectors, int way):
    cdef PreviousField previous
    previous.vectors = NULL
    if vectors is not None:
        previous.vectors = <const Vector*>&vectors[0, 0, 0]
    previous.way = unpacked(way)
    return previous


cdef Way unpacked(int way):
    cdef Way result
    result.sharp, result.overlap = way & 1, way >> 1 & 1
    return result


# Ways are 1 for the sharp filter + 2 for overlap.

def encode(const uint16_t[:, ::1] contexts, int16_t[:, :, ::1] vectors, uint8_t[:, ::1] splits, uint8_t[:, ::1] copy, int way,
           const int16_t[:, :, ::1] previous, int previous_way):
    cdef FieldShape shape
    cdef Way own = unpacked(way)
    cdef FieldArrays arrays = field(vectors, splits, copy, &own, True)
    cdef PreviousField before = expected(previous, previous_way)
    cdef vector[uint8_t] out
    assert contexts.shape[0] == kContexts
    shape.h, shape.w = vectors.shape[0], vectors.shape[1]
    with nogil:
        out = encode_field(shape, arrays, before, Contexts(<const Context*>&contexts[0, 0], kContexts))
    return (<char*>out.data())[:out.size()] if out.size() else b""


def decode(const uint16_t[:, ::1] contexts, const uint8_t[::1] data, const int16_t[:, :, ::1] previous, int previous_way,
           int16_t[:, :, ::1] vectors, uint8_t[:, ::1] splits, uint8_t[:, ::1] copy, bint says_way):
    """Status, whether there is a copy map, and the way (0 if the section does not say)."""
    cdef FieldShape shape
    cdef Way own
    cdef FieldArrays arrays = field(vectors, splits, copy, &own, says_way)
    cdef PreviousField before = expected(previous, previous_way)
    cdef const uint8_t* first = NULL
    cdef size_t size = data.shape[0]
    cdef FieldStatus status
    cdef cbool has_copy = False
    assert contexts.shape[0] == kContexts
    shape.h, shape.w = vectors.shape[0], vectors.shape[1]
    if size:
        first = &data[0]
    with nogil:
        status = decode_field(shape, Bytes(first, size), before, Contexts(<const Context*>&contexts[0, 0], kContexts),
                              arrays, has_copy)
    return <int>status, has_copy, own.sharp + 2 * own.overlap
