"""Packing of pictures (csrc/pack). Arguments are checked in zvc69.core.pack."""
from cpython.buffer cimport Py_buffer, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stddef cimport ptrdiff_t, size_t
from libc.stdint cimport uint8_t


cdef extern from "common/isa.h" namespace "zvc" nogil:
    cdef enum class Isa(int):
        pass

cdef extern from "pack/pack.h" namespace "zvc" nogil:
    cdef cppclass ConstPlane "zvc::Plane<const std::uint8_t>":
        const uint8_t* data
        ptrdiff_t stride
        size_t width, height
    cdef cppclass MutablePlane "zvc::Plane<std::uint8_t>":
        uint8_t* data
        ptrdiff_t stride
        size_t width, height
    cdef cppclass PackGeometry:
        int depth
        size_t rows, columns
    void c_pack "zvc::pack"(Isa isa, const PackGeometry& geometry, const ConstPlane* planes, bint channel_last,
                            float* packed) except +
    void c_unpack "zvc::unpack"(Isa isa, const PackGeometry& geometry, const float* packed, bint channel_last,
                                const MutablePlane* planes) except +


def pack(int level, planes, int depth, bint channel_last, float[:, :, ::1] packed):
    cdef Py_buffer views[3]
    cdef ConstPlane plane[3]
    cdef PackGeometry geometry
    cdef int held = 0
    geometry.depth = depth
    geometry.rows, geometry.columns = packed.shape[0 if channel_last else 1], packed.shape[1 if channel_last else 2]
    try:
        for array in planes:
            PyObject_GetBuffer(array, &views[held], PyBUF_STRIDES)
            plane[held].data = <const uint8_t*>views[held].buf
            plane[held].stride = views[held].strides[0]
            plane[held].height = views[held].shape[0]
            plane[held].width = views[held].shape[1]
            held += 1
        with nogil:
            c_pack(<Isa>level, geometry, plane, channel_last, &packed[0, 0, 0])
    finally:
        for i in range(held):
            PyBuffer_Release(&views[i])


def unpack(int level, const float[:, :, ::1] packed, bint channel_last, int depth, planes):
    cdef Py_buffer views[3]
    cdef MutablePlane plane[3]
    cdef PackGeometry geometry
    cdef int held = 0
    geometry.depth = depth
    geometry.rows, geometry.columns = packed.shape[0 if channel_last else 1], packed.shape[1 if channel_last else 2]
    try:
        for array in planes:
            PyObject_GetBuffer(array, &views[held], PyBUF_STRIDES | PyBUF_WRITABLE)
            plane[held].data = <uint8_t*>views[held].buf
            plane[held].stride = views[held].strides[0]
            plane[held].height = views[held].shape[0]
            plane[held].width = views[held].shape[1]
            held += 1
        with nogil:
            c_unpack(<Isa>level, geometry, &packed[0, 0, 0], channel_last, plane)
    finally:
        for i in range(held):
            PyBuffer_Release(&views[i])
