// Planar 4:2:0 pictures to and from 96 float channels at 1/8 resolution (space-to-depth).
//
// Channel 8 * row + column is a sample of the 8x8 luma block, 64 + 4 * row + column of the 4x4 U block,
// 80 + 4 * row + column of the V block. Values are in 8-bit levels: sample / 2^(depth - 8), exact in float, and in bfloat16
// (its upper half, here a std::uint16_t) at depth 8: it holds whole numbers up to 256.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/isa.h"

namespace zvc {

// Splits one row of blocks * kBlock samples over kBlock channels, `channel` floats apart:
// out[c * channel + j] = row[kBlock * j + c] * scale.
using SplitRow = void (*)(const void* row, std::size_t blocks, float scale, float* out,
                          std::ptrdiff_t channel) noexcept;
// The inverse: rounds half to even, limits to 0..limit; NaN becomes 0.
using MergeRow = void (*)(const float* in, std::ptrdiff_t channel, std::size_t blocks, float scale, float limit,
                          void* row) noexcept;

// The same with channels next to each other, blocks `block` values apart: out[j * block + c]. Values are float or bfloat16.
using SplitRowLast = void (*)(const void* row, std::size_t blocks, float scale, void* out,
                              std::ptrdiff_t block) noexcept;

// What is merged: values + (a + blend * (b - a)), in floats. Without b: values + a; without a, the values.
struct Levels {
    const void* values;
    const void* a = nullptr;
    const void* b = nullptr;
    float blend = 0;
};
using MergeRowLast = void (*)(const Levels& in, std::ptrdiff_t block, std::size_t blocks, float scale, float limit,
                              void* row) noexcept;

struct PackKernels {
    // [0: uint8, 1: uint16][0: luma, blocks of 8; 1: chroma, blocks of 4]
    SplitRow split[2][2];
    MergeRow merge[2][2];
    SplitRowLast split_last[2][2];
    SplitRowLast split_bfloat16[2];  // of uint8
    MergeRowLast merge_last[2][2];
    MergeRowLast merge_bfloat16[2][2];
};

const PackKernels& pack_kernels(Isa isa) noexcept;

extern const PackKernels kPackScalar;
extern const PackKernels kPackAvx2;

// One plane of samples of `bytes` (1 or 2) each; rows are `stride` bytes apart, either direction.
template <class Byte>
struct Plane {
    Byte* data;
    std::ptrdiff_t stride;
    std::size_t width, height;
};

struct PackGeometry {
    int depth;                // 8: uint8 samples; 10, 12: uint16
    std::size_t rows, columns;  // of 8x8 blocks
};

// Of a packed picture in memory.
struct PackLayout {
    bool channel_last;  // (rows, columns, 96), not (96, rows, columns)
    bool bfloat16;      // not float; with the channels last alone
};

// planes: y, u, v, none empty and none larger than the geometry's blocks; smaller ones are extended
// by repeating the last column and row. bfloat16 at depth 8 alone.
void pack(Isa isa, const PackGeometry& geometry, const Plane<const std::uint8_t> planes[3], PackLayout layout, void* packed);
// packed.a: with the channels last alone.
void unpack(Isa isa, const PackGeometry& geometry, const Levels& packed, PackLayout layout, const Plane<std::uint8_t> planes[3]);

}  // namespace zvc
