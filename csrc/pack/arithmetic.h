// Samples of decoded levels, for host and device.
#pragma once

#include "common/shared.h"

namespace zvc {

// Nearest integer of 0 <= x < 2^22, halves to even: the sum has no fraction bits, and rounds to even as every float addition does.
ZVC_SHARED float round_half_even(float x) {
    constexpr float kMagic = 8388608.0f;
    return (x + kMagic) - kMagic;
}

// Sample of a value in 8-bit levels times `scale` = 2^(depth - 8); limit = 2^depth - 1. NaN becomes 0.
ZVC_SHARED int sample_of(float level, float scale, float limit) {
    float x = level * scale;
    x = x > 0.0f ? x : 0.0f;  // false for NaN
    x = x < limit ? x : limit;
    return static_cast<int>(round_half_even(x));
}

}  // namespace zvc
