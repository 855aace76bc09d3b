// The quantiser's arithmetic, for host and device.
#pragma once

#include "common/shared.h"

namespace zvc {

constexpr int kThresholds = 16;     // of one sigma index; number 0 is not used
constexpr int kSigmaIndices = 64;
constexpr int32_t kLargestResidual = 32767;

// Magnitude of a residual that has reached the last threshold.
ZVC_SHARED int32_t beyond_table(float magnitude, float last_threshold) {
    if (!(magnitude <= 3.402823466e38f)) return 0;  // infinite; NaN reaches no threshold
    constexpr int32_t kLast = kThresholds - 1, kRoom = kLargestResidual - kLast;
    const float steps = magnitude - last_threshold;
    // Compared as floats: the conversion would overflow.
    return kLast + (steps < static_cast<float>(kRoom) ? static_cast<int32_t>(steps) : kRoom);
}

// How many of row[1 .. 15], which rise, are <= magnitude; none for NaN.
ZVC_SHARED int32_t thresholds_reached(float magnitude, const float* row) {
    int32_t m = 0;
    while (m < kThresholds - 1 && magnitude >= row[m + 1]) ++m;
    return m;
}

// `reached` of |v|, given the sign of v. Without a branch: signs cannot be predicted. -0 counts as positive.
ZVC_SHARED int16_t signed_residual(int32_t reached, float v, float magnitude, const float* row) {
    if (reached == kThresholds - 1) reached = beyond_table(magnitude, row[reached]);
    const int32_t minus = -static_cast<int32_t>(v < 0);
    return static_cast<int16_t>((reached ^ minus) - minus);
}

}  // namespace zvc
