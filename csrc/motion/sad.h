// Sums of absolute differences of square blocks: what the motion search spends its time on.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/isa.h"

namespace zvc {

using Sad = std::uint32_t (*)(const std::uint8_t* a, std::ptrdiff_t a_stride, const std::uint8_t* b,
                              std::ptrdiff_t b_stride) noexcept;

// Of an 8x8 block and those of 8x8 at b, b + step, b + 2 step, ... below b + count: sums[n * step]; the others are left or
// overwritten. count is a multiple of 8; rows of b are read up to b + count + 7.
using SadRow = void (*)(const std::uint8_t* a, std::ptrdiff_t a_stride, const std::uint8_t* b, std::ptrdiff_t b_stride, int count,
                        int step, std::uint16_t* sums) noexcept;

struct SadKernels {
    Sad sad[3];  // of 32x32, 16x16, 8x8 samples; at most 1024 * 255
    SadRow row;
};

const SadKernels& sad_kernels(Isa isa) noexcept;

extern const SadKernels kSadScalar;
extern const SadKernels kSadAvx2;

}  // namespace zvc
