# cython: boundscheck=False, wraparound=False
# (so that &array[0] of an empty array is its pointer, which is not followed)
"""rANS coder (csrc/rans) on checked, contiguous arrays; zvc69.core.entropy is the public side."""
from libc.stdint cimport int16_t, uint8_t, uint16_t
from libcpp.vector cimport vector

cdef extern from "common/isa.h" namespace "zvc" nogil:
    cdef enum class Isa(int):
        kScalar

cdef extern from "rans/tables.h" namespace "zvc" nogil:
    cdef cppclass RansTables:
        RansTables(const int16_t*, const uint8_t*, const uint8_t*, const uint16_t*, size_t) except +

cdef extern from "rans/rawbits.h" namespace "zvc" nogil:
    cdef enum class RansStatus(int):
        kOk

cdef extern from "rans/encoder.h" namespace "zvc" nogil:
    cdef cppclass RansEncoder:
        RansEncoder() except +
        void put(const int16_t*, const uint8_t*, size_t, unsigned, const RansTables&, Isa) except +
        unsigned suggest_lanes() noexcept
        void finish(unsigned, Isa, vector[uint8_t]&) except +

cdef extern from "rans/decoder.h" namespace "zvc" nogil:
    cdef cppclass RansDecoder:
        RansDecoder(const uint8_t*, size_t, unsigned) except +
        RansStatus get(const uint8_t*, size_t, unsigned, const RansTables&, Isa, int16_t*) except +
        RansStatus status() noexcept
        RansStatus finish() noexcept


cdef class Tables:
    cdef RansTables* tables

    def __cinit__(self, const int16_t[::1] first, const uint8_t[::1] shift, const uint8_t[::1] sizes,
                  const uint16_t[::1] frequencies):
        self.tables = new RansTables(&first[0], &shift[0], &sizes[0], &frequencies[0], first.shape[0])

    def __dealloc__(self):
        del self.tables


cdef class Encoder:
    cdef RansEncoder* encoder

    def __cinit__(self):
        self.encoder = new RansEncoder()

    def __dealloc__(self):
        del self.encoder

    def put(self, const int16_t[::1] values, const uint8_t[::1] index, Tables tables not None,
            unsigned skip_below, int level):
        cdef size_t n = values.shape[0]
        with nogil:
            self.encoder.put(&values[0], &index[0], n, skip_below, tables.tables[0], <Isa>level)

    def suggest_lanes(self):
        return self.encoder.suggest_lanes()

    def finish(self, unsigned lanes, int level):
        cdef vector[uint8_t] out
        with nogil:
            self.encoder.finish(lanes, <Isa>level, out)
        return (<char*>out.data())[:out.size()] if out.size() else b""


cdef class Decoder:
    cdef RansDecoder* decoder

    def __cinit__(self, const uint8_t[::1] data, unsigned lanes):
        cdef size_t size = data.shape[0]
        self.decoder = new RansDecoder(&data[0], size, lanes)

    def __dealloc__(self):
        del self.decoder

    def get(self, const uint8_t[::1] index, Tables tables not None, unsigned skip_below, int level,
            int16_t[::1] values):
        cdef size_t n = index.shape[0]
        cdef RansStatus status
        with nogil:
            status = self.decoder.get(&index[0], n, skip_below, tables.tables[0], <Isa>level, &values[0])
        return <int>status

    def status(self):
        return <int>self.decoder.status()

    def finish(self):
        return <int>self.decoder.finish()
