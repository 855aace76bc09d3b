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
    cdef cppclass PackLayout:
        bint channel_last, bfloat16
    cdef cppclass Levels:
        const void* values
        const void* a
        const void* b
        float blend
    void c_pack "zvc::pack"(Isa isa, const PackGeometry& geometry, const ConstPlane* planes, PackLayout layout,
                            void* packed) except +
    void c_unpack "zvc::unpack"(Isa isa, const PackGeometry& geometry, const Levels& packed, PackLayout layout,
                                const MutablePlane* planes) except +


# Packed pictures come as bytes: the last axis is one of channels or columns, of 4 bytes (float) or 2 (bfloat16) each.


cdef PackGeometry geometry_of(int depth, const uint8_t[:, :, ::1] packed, PackLayout layout) noexcept:
    cdef PackGeometry geometry
    geometry.depth = depth
    geometry.rows = packed.shape[0 if layout.channel_last else 1]
    geometry.columns = packed.shape[1] if layout.channel_last else packed.shape[2] // 4
    return geometry


def pack(int level, planes, int depth, bint channel_last, bint bfloat16, uint8_t[:, :, ::1] packed):
    cdef Py_buffer views[3]
    cdef ConstPlane plane[3]
    cdef PackLayout layout
    cdef int held = 0
    layout.channel_last, layout.bfloat16 = channel_last, bfloat16
    cdef PackGeometry geometry = geometry_of(depth, packed, layout)
    try:
        for array in planes:
            PyObject_GetBuffer(array, &views[held], PyBUF_STRIDES)
            plane[held].data = <const uint8_t*>views[held].buf
            plane[held].stride = views[held].strides[0]
            plane[held].height = views[held].shape[0]
            plane[held].width = views[held].shape[1]
            held += 1
        with nogil:
            c_pack(<Isa>level, geometry, plane, layout, &packed[0, 0, 0])
    finally:
        for i in range(held):
            PyBuffer_Release(&views[i])


def unpack(int level, const uint8_t[:, :, ::1] packed, bint channel_last, bint bfloat16, const uint8_t[:, :, ::1] a,
           const uint8_t[:, :, ::1] b, float blend, int depth, planes):
    cdef Py_buffer views[3]
    cdef MutablePlane plane[3]
    cdef PackLayout layout
    cdef Levels levels
    cdef int held = 0
    layout.channel_last, layout.bfloat16 = channel_last, bfloat16
    cdef PackGeometry geometry = geometry_of(depth, packed, layout)
    levels.values, levels.a, levels.b, levels.blend = &packed[0, 0, 0], NULL, NULL, blend
    if a is not None:
        levels.a = &a[0, 0, 0]
    if b is not None:
        levels.b = &b[0, 0, 0]
    try:
        for array in planes:
            PyObject_GetBuffer(array, &views[held], PyBUF_STRIDES | PyBUF_WRITABLE)
            plane[held].data = <uint8_t*>views[held].buf
            plane[held].stride = views[held].strides[0]
            plane[held].height = views[held].shape[0]
            plane[held].width = views[held].shape[1]
            held += 1
        with nogil:
            c_unpack(<Isa>level, geometry, levels, layout, plane)
    finally:
        for i in range(held):
            PyBuffer_Release(&views[i])
