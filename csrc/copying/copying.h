// What coding the difference of a picture and its prediction would gain over leaving it out, by 32x32 block.
//
// The difference is transformed block by block, 8x8 DCT of luma and 4x4 DCTs of chroma, orthonormal. With c the magnitude of a coefficient
// in quantiser steps, times the root of its plane's weight, a block gains the sum over its coefficients of
//     max(0, distortion * c^2 - constant - 2 log2(1 + c))
// where the maximum is positive exactly for c > least. Every level computes the same floats: the order of sums is fixed, nothing is fused.
#pragma once

#include <cstddef>

#include "common/isa.h"

namespace zvc {

struct GainsJob {
    const float *picture, *prediction;  // packed: (96, rows, columns)
    std::size_t rows, columns;          // of 8x8 blocks, multiples of 4
    float luma_scale, chroma_scale;     // from levels to c
    float distortion, constant, least;
    float* out;                         // (rows / 4, columns / 4)
};

struct CopyingKernels {
    // Rows 4 band .. 4 band + 3 of blocks, by column of blocks: sums[columns].
    void (*band)(const GainsJob& job, std::size_t band, float* sums) noexcept;
};

const CopyingKernels& copying_kernels(Isa isa) noexcept;

extern const CopyingKernels kCopyingScalar;
extern const CopyingKernels kCopyingAvx2;
extern const CopyingKernels kCopyingAvx512;

void copying_gains(Isa isa, const GainsJob& job);

}  // namespace zvc
