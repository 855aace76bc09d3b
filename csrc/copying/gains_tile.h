// The gains of blocks side by side, a register's lane each: every sample of a block is in a channel of its own, so that both passes of the
// transform are plain sums of registers. Written once for registers of any width; local to the including file, since each is compiled for
// another instruction set.
#pragma once

#include "copying/arithmetic.h"
#include "copying/copying.h"

namespace zvc {
namespace {

template <class V>
class Tile {
public:
    using R = typename V::Reg;

    Tile(const GainsJob& job, std::size_t row, std::size_t column)
        : job_(job), area_(job.rows * job.columns), at_(row * job.columns + column) {}

    // Sum over the 96 coefficients, added to `sum`.
    R gain(R sum) const {
        sum = plane<8>(0, sum);
        sum = plane<4>(64, sum);
        return plane<4>(80, sum);
    }

private:
    template <int kSize>
    R plane(std::size_t first, R sum) const {
        const auto row = [&](int y, R(&line)[kSize]) {
            for (int x = 0; x < kSize; ++x) {
                const std::size_t at = (first + y * kSize + x) * area_ + at_;
                line[x] = V::sub(V::load(job_.picture + at), V::load(job_.prediction + at));
            }
        };
        gain_terms<V, kSize>({kSize == 8 ? job_.luma_scale : job_.chroma_scale, job_.distortion, job_.constant, job_.least}, row,
                             [&](R value) { sum = V::add(sum, value); });
        return sum;
    }

    const GainsJob& job_;
    std::size_t area_, at_;
};

template <class V>
inline void gains_band(const GainsJob& job, std::size_t band, float* sums) {
    const auto tile = [&](std::size_t j) {
        typename V::Reg sum = V::all(0.0f);
        for (std::size_t i = 4 * band; i < 4 * band + 4; ++i) sum = Tile<V>(job, i, j).gain(sum);
        V::store(sums + j, sum);
    };
    for (std::size_t j = 0; j + V::kLanes <= job.columns; j += V::kLanes) tile(j);
    // The last tile overlaps the one before it: the same values are written again.
    if (job.columns % V::kLanes != 0) tile(job.columns - V::kLanes);
}

}  // namespace
}  // namespace zvc
