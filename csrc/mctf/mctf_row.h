// Plain loops: the scalar kernels, what is left over by the vector ones, and what the compiler makes vectors of.
// Everything is local to the including file, since each is compiled for another instruction set.
#pragma once

#include <algorithm>
#include <cstdlib>

#include "mctf/mctf.h"

namespace zvc {
namespace {

template <class Sample>
inline void blend_from(const BlendRow& row, std::size_t x) {
    const auto* now = static_cast<const Sample*>(row.now);
    for (; x < row.width; ++x) {
        float sum = now[x], total = 1.0F;
        for (int n = 0; n < row.count; ++n) {
            const int other = static_cast<const Sample*>(row.neighbour[n])[x];
            const float weight = row.weight[n][x] * row.falloff[std::abs(other - now[x])];
            sum += weight * static_cast<float>(other);
            total += weight;
        }
        static_cast<Sample*>(row.out)[x] = static_cast<Sample>(sum / total + 0.5F);
    }
}

template <class Sample>
inline void block_differences_of(const DifferenceRow& row, std::size_t first, std::size_t block, std::size_t columns) {
    std::int32_t d[2][kDifferenceBlock], energy = 0, roughness = 0;
    for (std::size_t y = 0; y < row.rows; ++y) {
        const auto at = static_cast<std::ptrdiff_t>(y);
        const auto* now = reinterpret_cast<const Sample*>(row.now + at * row.now_stride) + first;
        const auto* other = reinterpret_cast<const Sample*>(row.other + at * row.other_stride) + first;
        std::int32_t *line = d[y & 1], *above = d[~y & 1];
        for (std::size_t x = 0; x < columns; ++x) line[x] = (now[x] - other[x]) >> row.shift;
        for (std::size_t x = 0; x < columns; ++x) energy += line[x] * line[x];
        for (std::size_t x = 1; x < columns; ++x) roughness += (line[x] - line[x - 1]) * (line[x] - line[x - 1]);
        if (y == 0) continue;
        for (std::size_t x = 0; x < columns; ++x) roughness += (line[x] - above[x]) * (line[x] - above[x]);
    }
    row.energy[block] = static_cast<std::uint32_t>(energy);
    row.roughness[block] = static_cast<std::uint32_t>(roughness);
}

template <class Sample>
inline void differences_of(const DifferenceRow& row) {
    std::size_t block = 0;
    for (; (block + 1) * kDifferenceBlock <= row.width; ++block) block_differences_of<Sample>(row, block * kDifferenceBlock, block, kDifferenceBlock);
    const std::size_t first = block * kDifferenceBlock;
    if (first < row.width) block_differences_of<Sample>(row, first, block, row.width - first);
}

}  // namespace
}  // namespace zvc
