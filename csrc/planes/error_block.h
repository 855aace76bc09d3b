// Plain sums of one block's errors: the scalar kernels, and what is left over by the vector ones.
// Everything is local to the including file, since each is compiled for another instruction set.
#pragma once

#include <algorithm>
#include <cstdlib>

#include "planes/planes.h"

namespace zvc {
namespace {

template <class Sample>
inline void error_block(const ErrorRow& row, std::size_t block) {
    const std::size_t first = block * kErrorBlock, last = std::min(first + kErrorBlock, row.width);
    std::uint32_t sums[3] = {};  // at most 256 * 65535
    const auto distance = [](int x, int y) { return static_cast<std::uint32_t>(std::abs(x - y)); };
    for (std::size_t y = 0; y < row.rows; ++y) {
        const auto at = static_cast<std::ptrdiff_t>(y);
        const auto* now = reinterpret_cast<const Sample*>(row.now + at * row.now_stride);
        const auto* a = reinterpret_cast<const Sample*>(row.a + at * row.a_stride);
        for (std::size_t x = first; x < last; ++x) sums[0] += distance(now[x], a[x]);
        if (row.b == nullptr) continue;
        const auto* b = reinterpret_cast<const Sample*>(row.b + at * row.b_stride);
        for (std::size_t x = first; x < last; ++x) {
            sums[1] += distance(now[x], b[x]);
            sums[2] += distance(now[x], (a[x] + b[x] + 1) >> 1);
        }
    }
    for (int n = 0; n < (row.b ? 3 : 1); ++n) row.sums[n][block] = sums[n];
}

}  // namespace
}  // namespace zvc
