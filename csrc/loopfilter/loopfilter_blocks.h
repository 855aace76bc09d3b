// One block: the scalar kernels, and what is left over by the vector ones. Local to the including file, since each is compiled for another instruction set.
#pragma once

#include <algorithm>

#include "loopfilter/loopfilter.h"

namespace zvc {
namespace {

inline void block_gradients(const GradientBand& band, std::size_t block) {
    std::int32_t sums[kDirections] = {};
    for (const auto& [here, above, below] : band.rows)
        for (std::size_t n = 0; n < kFilterBlock; ++n) {
            const auto x = static_cast<std::ptrdiff_t>(std::min(kFilterBlock * block + n, band.width - 1));
            sums[0] += gradient_of(here[x], above[x], below[x]);
            sums[1] += gradient_of(here[x], here[x - 1], here[x + 1]);
            sums[2] += gradient_of(here[x], above[x - 1], below[x + 1]);
            sums[3] += gradient_of(here[x], above[x + 1], below[x - 1]);
        }
    for (int d = 0; d < kDirections; ++d) band.sums[d][block] = sums[d];
}

inline void block_classes(const ClassBand& band, std::size_t first) {
    for (auto block = static_cast<std::ptrdiff_t>(first); block < static_cast<std::ptrdiff_t>(band.blocks); ++block) {
        std::int32_t window[kDirections] = {};
        for (const auto& row : band.sums)
            for (int d = 0; d < kDirections; ++d) window[d] += row[d][block - 1] + row[d][block] + row[d][block + 1];
        band.classes[block] = static_cast<std::uint8_t>(filter_class(window[0], window[1], window[2], window[3]));
    }
}

}  // namespace
}  // namespace zvc
