// Mixing of predictions in plain code, which compilers make vectors of.
// Local to the including file: each is compiled for another instruction set.
#pragma once

#include "warp/warp.h"

namespace zvc {
namespace {

template <class Sample>
void mix_row(Sample* __restrict out, const Sample* __restrict predicted, int n, int weight) noexcept {
    const auto w = static_cast<std::int16_t>(weight);
    for (int x = 0; x < n; ++x) {
        const auto o = static_cast<std::int16_t>(out[x]);
        const auto change = static_cast<std::int16_t>(w * static_cast<std::int16_t>(predicted[x] - o) + 8);
        out[x] = static_cast<Sample>(o + (change >> 4));
    }
}

}  // namespace
}  // namespace zvc
