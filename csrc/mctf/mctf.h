// Motion-compensated temporal filter: a plane averaged with what predicts it, as far as they are alike.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/isa.h"

namespace zvc {

constexpr int kMostNeighbours = 16;
constexpr std::size_t kDifferenceBlock = 8;

// One row of a plane and of `count` others, 1 or 2 bytes a sample.
struct BlendRow {
    const void* now;
    const void* neighbour[kMostNeighbours];
    const float* weight[kMostNeighbours];  // of each sample of the neighbour
    const float* falloff;                  // factor by |neighbour - now|, for every value there can be
    void* out;                             // may be now
    std::size_t width;
    int count;
};

// All rows. Strides in bytes; weights are those of blocks of side x side samples, `columns` a row of blocks.
struct BlendJob {
    const std::uint8_t *now, *neighbour[kMostNeighbours];
    const float *weight[kMostNeighbours], *falloff;
    std::uint8_t* out;
    std::ptrdiff_t now_stride, neighbour_stride[kMostNeighbours], out_stride;
    std::size_t width, height, side, columns;
    int count, bytes;
};

// One row of blocks of 8x8 samples, or smaller at the plane's edges, of a plane and of one that predicts it. Strides in bytes.
struct DifferenceRow {
    const std::uint8_t *now, *other;
    std::ptrdiff_t now_stride, other_stride;
    std::size_t width, rows;  // samples; rows: 1..8
    int shift;                // of differences, which are 10 bits then: sums stay below 2^29
    std::uint32_t *energy, *roughness;
};

struct MctfKernels {
    // [0: uint8, 1: uint16]
    // out = (now + sum of w n) / (1 + sum of w) to the nearest, w = weight * falloff[|n - now|], in float32, in this order: equal at every level.
    void (*blend[2])(const BlendRow& row) noexcept;
    // By block, with d = (now - other) >> shift: sum of d^2; of (d - left d)^2 and (d - upper d)^2 where those are in the block.
    void (*differences[2])(const DifferenceRow& row) noexcept;
};

const MctfKernels& mctf_kernels(Isa isa) noexcept;

extern const MctfKernels kMctfScalar;
extern const MctfKernels kMctfAvx2;

// Throws std::bad_alloc.
void blend_planes(Isa isa, const BlendJob& job);

// `all` is the first row of blocks, of a plane of `height` rows.
void block_differences(Isa isa, DifferenceRow all, std::size_t height, int bytes) noexcept;

}  // namespace zvc
