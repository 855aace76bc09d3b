// Wide areas moved by a fraction of a sample: the compensation's arithmetic (warp/warp.h, block8), for pictures instead of blocks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/isa.h"

namespace zvc {

// Taps across and down that add up to 64: 4 for the samples at -1 .. 2, or (sharp) 8 for those at -3 .. 4.
struct AreaTaps {
    bool sharp;
    const std::int8_t *x, *y;
};

// Filters w x h samples, w a multiple of 8, whose whole-sample position in the reference is `source`. Reads columns -1 .. w + 1 and rows
// -1 .. h + 1, or -3 .. w + 4 and -3 .. h + 4; strides in bytes.
void filter_area(Isa isa, const std::uint8_t* source, std::ptrdiff_t stride, std::uint8_t* out, std::ptrdiff_t out_stride, int w, int h,
                 const AreaTaps& taps) noexcept;

// The same of areas 32 samples wide.
void filter_strip_avx2(const std::uint8_t* source, std::ptrdiff_t stride, std::uint8_t* out, std::ptrdiff_t out_stride, int h,
                       const AreaTaps& taps) noexcept;

}  // namespace zvc
