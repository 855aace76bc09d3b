// Wide areas moved by a fraction of a sample: the compensation's arithmetic (warp/warp.h, block8), for pictures instead of blocks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/isa.h"

namespace zvc {

// Filters w x h samples, w a multiple of 8, whose whole-sample position in the reference is `source`, with taps tx, ty that add up to 64.
// Reads columns -1 .. w + 1 and rows -1 .. h + 1; strides in bytes.
void filter_area(Isa isa, const std::uint8_t* source, std::ptrdiff_t stride, std::uint8_t* out, std::ptrdiff_t out_stride, int w, int h,
                 const std::int8_t* tx, const std::int8_t* ty) noexcept;

// The same of areas 32 samples wide.
void filter_strip_avx2(const std::uint8_t* source, std::ptrdiff_t stride, std::uint8_t* out, std::ptrdiff_t out_stride, int h,
                       const std::int8_t* tx, const std::int8_t* ty) noexcept;

}  // namespace zvc
