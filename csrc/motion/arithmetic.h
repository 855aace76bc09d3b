// What vectors and splits are taken to cost by searches, on host and device: typical costs of the coder, which adapts. In 1/16 bit.
#pragma once

#include "common/shared.h"

namespace zvc {

constexpr int kLargestVector = 2047;  // quarter luma pixels, of either component
constexpr int kMaxCandidates = 5;     // vectors that a block can take over

constexpr uint32_t kTreeSplitBits = 14;   // of either answer, of blocks of 32 and of 16
constexpr uint32_t kDifferenceBits = 32;  // flag of a block that is not merged

// Flag and number of a merged block.
ZVC_SHARED uint32_t merge_bits(int number) { return number == 0 ? 16 : number == 1 ? 34 : number == 2 ? 60 : number == 3 ? 80 : 96; }

// Bits of a number: 0 of 0.
ZVC_SHARED uint32_t width_of(uint32_t value) { return value == 0 ? 0 : 64 - leading_zeros(value); }

// Zero is rare where a block is not merged; else sign, and an Exp-Golomb code whose prefix adapts.
ZVC_SHARED uint32_t component_bits(int difference) {
    return difference == 0 ? 32 : 14 + 28 * width_of(static_cast<uint32_t>(difference < 0 ? -difference : difference));
}

ZVC_SHARED int median_of(int a, int b, int c) {
    const int low = a < b ? a : b, high = a < b ? b : a;
    return low > (high < c ? high : c) ? low : high < c ? high : c;
}

}  // namespace zvc
