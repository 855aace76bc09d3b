// Arithmetic of the integer sigma network and of its symbols, for host and device (docs/INTERNALS.md).
#pragma once

#include "common/shared.h"

namespace zvc {

constexpr int kSteps = 4;
constexpr int kSubpositions = 16;  // a position of z covers 4x4 blocks
constexpr int kSigmaCeiling = 63;
// Index code of sigma index i: i << kIndexShift.
constexpr int kIndexShift = 2;

// `sum` has the bias and the rounding 1 << (shift - 1) in it.
ZVC_SHARED int requantised(int32_t sum, int32_t shift, int32_t ceiling) { return limited(sum >> shift, 0, ceiling); }

ZVC_SHARED int32_t rounding_of(int32_t shift) { return shift > 0 ? 1 << (shift - 1) : 0; }

// Channel 4 n + d is coded by step 2 g + s at row i, column j, with bit 0 of d = (g + i + j) % 2 and bit 1 =
// (s + i) % 2. Returns d; of rows and columns the last bit counts.
ZVC_SHARED int coded_channel(int step, unsigned i, unsigned j) {
    const unsigned g = static_cast<unsigned>(step) >> 1, s = static_cast<unsigned>(step) & 1;
    return static_cast<int>(2 * ((s + i) & 1) + ((g + i + j) & 1));
}

// The reverse: the step that codes channel c.
ZVC_SHARED int step_of(unsigned c, unsigned i, unsigned j) {
    return static_cast<int>(2 * ((c + i + j) & 1) + ((c / 2 + i) & 1));
}

// Magnitude code of |r| = 0..15: round(32 ln(1 + |r|)); larger ones have that of 15.
ZVC_SHARED constexpr uint8_t magnitude_code(int r) {
    // 0 22 35 44 52 57 62 67 and 70 74 77 80 82 84 87 89, lowest byte first: an array would lie in memory on a GPU.
    constexpr uint64_t kLow = 0x433e39342c231600, kHigh = 0x59575452504d4a46;
    const int size = r < 0 ? -r : r, m = size < 15 ? size : 15;
    return static_cast<uint8_t>((m < 8 ? kLow : kHigh) >> 8 * (m & 7));
}

}  // namespace zvc
