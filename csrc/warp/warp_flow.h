// One sample of a dense flow in plain code: the scalar kernel, and the others' picture borders.
// Local to the including file: each is compiled for another instruction set.
#pragma once

#include "warp/warp.h"

namespace zvc {
namespace {

template <class Sample>
inline void flow_sample(const FlowRow& row, int x) {
    // |dx| < 2^15 and x < 2^14: no overflow.
    const int dx = row.vector[x * row.step], dy = row.vector[x * row.step + 1];
    const int left = x + (dx >> row.shift) - 1, top = row.y + (dy >> row.shift) - 1;
    const std::int8_t* tx = row.taps->weight[phase_of(dx, row.shift)];
    const std::int8_t* ty = row.taps->weight[phase_of(dy, row.shift)];
    const int shift = row.depth - 8;
    int columns[4];
    for (int n = 0; n < 4; ++n) columns[n] = limited(left + n, 0, row.width - 1);
    int sum = 0;
    for (int m = 0; m < 4; ++m) {
        const auto* line = reinterpret_cast<const Sample*>(static_cast<const std::uint8_t*>(row.reference) +
                                                           limited(top + m, 0, row.height - 1) * row.stride);
        int t = 0;
        for (int n = 0; n < 4; ++n) t += tx[n] * line[columns[n]];
        sum += ty[m] * row_value(t, shift);
    }
    static_cast<Sample*>(row.out)[x] = static_cast<Sample>(sample_value(sum, shift));
}

}  // namespace
}  // namespace zvc
