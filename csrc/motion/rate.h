// What the motion search takes vectors and splits to cost: typical costs of the coder, which adapts. In 1/16 bit.
#pragma once

#include <bit>
#include <cstdint>
#include <cstdlib>

#include "motion/field.h"

namespace zvc {

constexpr std::uint32_t kSplitBits[kLevels] = {14, 14, 0};    // of either answer; blocks of 8 have no flag
constexpr std::uint32_t kMergeBits[kMaxCandidates] = {16, 34, 60, 80, 96};  // flag and number
constexpr std::uint32_t kDifferenceBits = 32;                 // flag of a block that is not merged

inline std::uint32_t component_bits(int difference) {
    const unsigned magnitude = static_cast<unsigned>(std::abs(difference));
    // Zero is rare where a block is not merged; else sign, and an Exp-Golomb code whose prefix adapts.
    return magnitude == 0 ? 32 : 14 + 28 * static_cast<std::uint32_t>(std::bit_width(magnitude));
}

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
        if (n >= 0) return kMergeBits[n];
        return kDifferenceBits + component_bits(v.x - predicted_.x) + component_bits(v.y - predicted_.y);
    }

private:
    Candidates candidates_;
    Vector predicted_;
};

}  // namespace zvc
