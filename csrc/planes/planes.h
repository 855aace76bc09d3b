// Planes of samples against two others: made of blocks of either, or of the mean of both; how far they are from them.
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

constexpr std::size_t kErrorBlock = 16;

// One row of blocks of 16x16 samples, or smaller at the plane's edges, of a plane and of two that predict it. Strides in bytes.
struct ErrorRow {
    const std::uint8_t *now, *a, *b;  // b may be null: then there is a alone
    std::ptrdiff_t now_stride, a_stride, b_stride;
    std::size_t width, rows;          // samples; rows: 1..16
    std::uint32_t* sums[3];           // by block: of |now - a|, and if there is b of |now - b| and |now - (a + b + 1 >> 1)|
};

struct PlaneKernels {
    // [0: uint8, 1: uint16]
    // out = (a + b + 1) >> 1 of `count` samples.
    void (*average[2])(const void* a, const void* b, void* out, std::size_t count) noexcept;
    void (*errors[2])(const ErrorRow& row) noexcept;
};

const PlaneKernels& plane_kernels(Isa isa) noexcept;

extern const PlaneKernels kPlaneScalar;
extern const PlaneKernels kPlaneAvx2;

void average_planes(Isa isa, const PlanePair& pair) noexcept;

// `all` is the first row of blocks, of a plane of `height` rows; each of the sums goes on by the blocks of a row.
void block_errors(Isa isa, ErrorRow all, std::size_t height, int bytes) noexcept;

// out = b in the blocks of side x side samples whose flag is set, else a. `chosen` has `columns` flags a row of blocks, and covers the plane.
void choose_blocks(const PlanePair& pair, const std::uint8_t* chosen, std::size_t columns, std::size_t side) noexcept;

}  // namespace zvc
