// The adaptive loop filter in whole numbers, for host and device. Source: docs/FORMAT.md, loop filter; after ALF of H.266, 8.8.5.
#pragma once

#include "common/shared.h"

namespace zvc {

// Samples on the way in have 12 bits whatever the stream's depth: what rounding to 8 would add is as large as what the filter takes away.
constexpr int kFilterDepth = 12;
constexpr int kFilterBlock = 4;       // a class for each 4x4 samples
constexpr int kFilterTaps = 12;       // pairs of samples opposite each other in a diamond of 7x7
constexpr int kFilterReach = 3;
constexpr int kFilterShift = 7;       // coefficients are in 1/128, -63 .. 63; that of the centre makes their sum 128
constexpr int kFilterClasses = 25;    // 5 of activity x 5 of direction
constexpr int kFilterWindow = 3;      // blocks, each way, whose gradients decide a block's class
constexpr int kFilterUnit = 16 * 9 * 16;            // sum of a window's gradients with one 8-bit level at each sample
constexpr int kFilterLittle = kFilterUnit / 20;     // so that flat blocks have no direction
// Sums of gradients along columns and rows from which on a block is more active.
constexpr int kFilterActive1 = kFilterUnit * 3 / 2, kFilterActive2 = kFilterUnit * 4, kFilterActive3 = kFilterUnit * 9, kFilterActive4 = kFilterUnit * 20;

// Rows and columns to one sample of each pair; the other one is opposite. A macro: host and device each have constants made from it.
#define ZVC_FILTER_OFFSETS {{0, 1}, {0, 2}, {0, 3}, {1, 0}, {2, 0}, {3, 0}, {1, 1}, {1, -1}, {2, 1}, {2, -1}, {1, 2}, {1, -2}}

// Second difference of a sample and two opposite each other.
ZVC_SHARED int gradient_of(int centre, int one, int other) {
    const int twice = 2 * centre - one - other;
    return twice < 0 ? -twice : twice;
}

// Class of a block by its window's sums (144 samples) of gradients along columns, rows, and both diagonals: (up, down), (left, right), (up left, down
// right), (up right, down left).
ZVC_SHARED int filter_class(int vertical, int horizontal, int falling, int rising) {
    const int sum = vertical + horizontal;
    const int activity = (sum >= kFilterActive1) + (sum >= kFilterActive2) + (sum >= kFilterActive3) + (sum >= kFilterActive4);
    const int most_straight = vertical > horizontal ? vertical : horizontal, least_straight = vertical + horizontal - most_straight + kFilterLittle;
    const int most_diagonal = falling > rising ? falling : rising, least_diagonal = falling + rising - most_diagonal + kFilterLittle;
    const bool straight = static_cast<int64_t>(most_straight) * least_diagonal > static_cast<int64_t>(most_diagonal) * least_straight;
    const int most = straight ? most_straight : most_diagonal, least = straight ? least_straight : least_diagonal;
    if (2 * most < 3 * least) return 5 * activity;
    if (straight) return 5 * activity + (vertical > horizontal ? 1 : 2);
    return 5 * activity + (falling > rising ? 3 : 4);
}

// A sample of `depth` bits: that of 12 bits, and the sum over pairs of coefficient times (one + other - 2 centre).
ZVC_SHARED int filtered_sample(int centre, int sum, int depth) {
    const int shift = kFilterShift + kFilterDepth - depth;
    return limited(((centre << kFilterShift) + sum + (1 << (shift - 1))) >> shift, 0, (1 << depth) - 1);
}

// What statistics are taken of: a difference of 12-bit samples in quarters of an 8-bit level, so that 255 products of two fit 32 bits.
ZVC_SHARED int statistic_of(int difference) { return difference >> 2; }

}  // namespace zvc
