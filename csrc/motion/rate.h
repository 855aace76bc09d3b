// What the motion search takes vectors and splits to cost, in 1/16 bit.
#pragma once

#include <cstdint>

#include "motion/arithmetic.h"
#include "motion/field.h"

namespace zvc {

constexpr std::uint32_t kSplitBits[kLevels] = {kTreeSplitBits, kTreeSplitBits, 0};  // blocks of 8 have no flag

// Costs of the vectors that one block may get.
class VectorRate {
public:
    VectorRate(const BlockGrid& grid, const Vector* previous, int w, int i, int j, int level)
        : candidates_(merge_candidates(grid, previous, w, i, j, level)),
          predicted_(predicted_vector(grid, i, j, level)) {}

    const Candidates& candidates() const { return candidates_; }
    Vector predicted() const { return predicted_; }

    std::uint32_t bits(Vector v) const {
        const int n = candidates_.find(v);
        if (n >= 0) return merge_bits(n);
        return kDifferenceBits + component_bits(v.x - predicted_.x) + component_bits(v.y - predicted_.y);
    }

private:
    Candidates candidates_;
    Vector predicted_;
};

}  // namespace zvc
