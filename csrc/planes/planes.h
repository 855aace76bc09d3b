// Planes of samples made of two others: blocks of either, or the mean of both.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/isa.h"

namespace zvc {

// One plane of each picture, of the same size and 1 or 2 bytes a sample; rows are strides of bytes apart, in either direction.
// `out` may be `a` itself (or `b`, for the mean), else they do not overlap.
struct PlanePair {
    const std::uint8_t *a, *b;
    std::uint8_t* out;
    std::ptrdiff_t a_stride, b_stride, out_stride;
    std::size_t width, height;
    int bytes;
};

struct PlaneKernels {
    // out = (a + b + 1) >> 1 of `count` samples. [0: uint8, 1: uint16]
    void (*average[2])(const void* a, const void* b, void* out, std::size_t count) noexcept;
};

const PlaneKernels& plane_kernels(Isa isa) noexcept;

extern const PlaneKernels kPlaneScalar;
extern const PlaneKernels kPlaneAvx2;

void average_planes(Isa isa, const PlanePair& pair) noexcept;

// out = b in the blocks of side x side samples whose flag is set, else a. `chosen` has `columns` flags a row of blocks, and covers the plane.
void choose_blocks(const PlanePair& pair, const std::uint8_t* chosen, std::size_t columns, std::size_t side) noexcept;

}  // namespace zvc
