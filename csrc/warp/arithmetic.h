// Interpolation in fixed point, for host and device. warp.h has the formula and its bounds.
#pragma once

#include "common/shared.h"

namespace zvc {

constexpr int kPhases = 8;  // eighths: of a chroma sample, which is a quarter of a luma pixel's vector unit in 4:2:0

struct Taps {
    int8_t weight[kPhases][4];  // for the samples at -1, 0, 1, 2
};

// Catmull-Rom, times 64 and rounded so that the sum is 64. Macros: host and device each have constants of their own made from them.
#define ZVC_BICUBIC_TAPS                                                                                                                  \
    {{{0, 64, 0, 0}, {-3, 62, 6, -1}, {-4, 55, 14, -1}, {-5, 47, 25, -3}, {-4, 36, 36, -4}, {-3, 25, 47, -5}, {-1, 14, 55, -4}, {-1, 6, 62, -3}}}
#define ZVC_BILINEAR_TAPS                                                                                                                 \
    {{{0, 64, 0, 0}, {0, 56, 8, 0}, {0, 48, 16, 0}, {0, 40, 24, 0}, {0, 32, 32, 0}, {0, 24, 40, 0}, {0, 16, 48, 0}, {0, 8, 56, 0}}}

// Luma's longer filter, by quarters: that of H.265, 8.5.3.3.3.
struct LongTaps {
    int8_t weight[4][8];  // for the samples at -3 .. 4
};

#define ZVC_SHARP_TAPS                                                                                                                    \
    {{{0, 0, 0, 64, 0, 0, 0, 0}, {-1, 4, -10, 58, 17, -5, 1, 0}, {-1, 4, -11, 40, 40, -11, 4, -1}, {0, 1, -5, 17, 58, -10, 4, -1}}}

// Phase in eighths of a vector's component in 1 / 2^shift samples (shift 2 or 3); its whole part is component >> shift.
ZVC_SHARED int phase_of(int component, int shift) { return component << (3 - shift) & (kPhases - 1); }

// First sum, along a row, brought to 8 bits; `shift` = depth - 8.
ZVC_SHARED int row_value(int sum, int shift) { return (sum + (1 << shift >> 1)) >> shift; }

// Second sum, along a column of row values, to a sample.
ZVC_SHARED int sample_value(int sum, int shift) {
    return limited((sum + (1 << (11 - shift))) >> (12 - shift), 0, (256 << shift) - 1);
}

// p[0 .. 3] weighed by t[0 .. 3].
template <class T, class Weights>
ZVC_SHARED int weighed(const Weights& t, T a, T b, T c, T d) {
    return t[0] * a + t[1] * b + t[2] * c + t[3] * d;
}

// Overlap: weight, in 16ths, of a neighbour's prediction in samples `distance` from its edge; `size` of a block is 8 or 4. 0: none.
ZVC_SHARED int overlap_weight(int distance, int size) { return size == 8 ? (distance == 0 ? 6 : distance == 1 ? 2 : 0) : distance == 0 ? 4 : 0; }

// Own sample o and a neighbour's prediction p. At most 6 * 4095 + 8 in magnitude: fits int16.
ZVC_SHARED int mixed(int o, int p, int weight) { return o + ((weight * (p - o) + 8) >> 4); }

}  // namespace zvc
