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

template <class Sample>
void mix_pair(Sample* out, std::ptrdiff_t stride, const Sample* predicted, int h, int first, int second) noexcept {
    for (int y = 0; y < h; ++y) {
        Sample* to = out + y * stride;
        to[0] = static_cast<Sample>(mixed(to[0], predicted[4 * y], first));
        to[1] = static_cast<Sample>(mixed(to[1], predicted[4 * y + 1], second));
    }
}

}  // namespace
}  // namespace zvc
