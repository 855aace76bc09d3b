#include "motion/field_code.h"

#include <cstdlib>

namespace zvc {
namespace {

// First contexts of the decisions, in the order of zvc69/core/motion_tables.py.
constexpr int kNoCopyMap = 0;
constexpr int kNotCopied = kNoCopyMap + 1;     // 8: which of left, above, above right are not
constexpr int kSplit32 = kNotCopied + 8;       // 6: finer neighbours; copied or not
constexpr int kSplit16 = kSplit32 + 6;         // 3: finer neighbours
constexpr int kNotMerged = kSplit16 + 3;       // 18: level, neighbours that are not merged, more than one candidate
constexpr int kMergeNumber = kNotMerged + 18;  // 12: level, number
constexpr int kDifference = kMergeNumber + 12; // 9: x, y, y after x = 0; size of the neighbours' differences
constexpr int kNegative = kDifference + 9;     // 2: component
constexpr int kLength = kNegative + 2;         // 18: size of the neighbours' differences, length
constexpr int kSecondBit = kLength + 18;       // 6: length
constexpr int kOtherFilter = kSecondBit + 6;   // 3: no previous field; its filter
constexpr int kOtherOverlap = kOtherFilter + 3;  // 3: no previous field; its overlap
static_assert(kOtherOverlap + 3 == kContexts);

constexpr int kLongest = 11;  // bits behind the first one of a magnitude, which is at most 2 * 2047

// Written once for both directions: Coder::bit(context, answer) codes `answer`, or ignores it and returns the one read.
template <class Coder>
class FieldCoder {
public:
    FieldCoder(Coder& coder, FieldShape shape, const FieldArrays& arrays, const PreviousField& previous,
               std::span<const Context, kContexts> contexts)
        : coder_(coder), h_(shape.h), w_(shape.w), arrays_(arrays), previous_(previous), grid_(h_, w_) {
        std::copy(contexts.begin(), contexts.end(), contexts_);
    }

    // Returns whether every vector was in range.
    bool run(bool& has_copy) {
        if (arrays_.way) {
            arrays_.way->sharp = choice(kOtherFilter, arrays_.way->sharp, previous_.way.sharp);
            arrays_.way->overlap = choice(kOtherOverlap, arrays_.way->overlap, previous_.way.overlap);
        }
        has_copy = !bit(kNoCopyMap, !has_copy);
        for (int i = 0; i < h_; i += 4)
            for (int j = 0; j < w_; j += 4) {
                const bool copied = has_copy && copy_flag(i / 4, j / 4);
                if (!tree(i, j, copied)) return false;
            }
        return true;
    }

private:
    bool bit(int context, bool answer) { return coder_.bit(contexts_[context], answer); }

    // Coded as whether it is another than the previous field's, or than none.
    bool choice(int context, bool answer, bool before) {
        const bool expected = previous_.vectors && before;
        return expected != bit(context + (previous_.vectors ? 1 + before : 0), answer != expected);
    }

    bool copy_flag(int i, int j) {
        const int columns = w_ / 4;
        std::uint8_t* copy = arrays_.copy + i * columns + j;
        const bool left = j > 0 && !copy[-1], above = i > 0 && !copy[-columns];
        const bool right = i > 0 && j + 1 < columns && !copy[1 - columns];
        const bool copied = !bit(kNotCopied + left + 2 * above + 4 * right, *copy == 0);
        *copy = copied;
        return copied;
    }

    int finer(int i, int j, int level) const {
        return (grid_.at(i, j - 1).level > level) + (grid_.at(i - 1, j).level > level);
    }

    bool tree(int i, int j, bool copied) {
        std::uint8_t& flags = arrays_.splits[i / 4 * (w_ / 4) + j / 4];
        const unsigned given = flags;
        flags = 0;
        if (!bit(kSplit32 + finer(i, j, 0) + 3 * copied, given & kSplit)) return leaf(i, j, 0);
        flags = kSplit;
        for (int q = 0; q < 4; ++q) {
            const int y = i + 2 * (q >> 1), x = j + 2 * (q & 1);
            if (!bit(kSplit16 + finer(y, x, 1), given >> q & 1)) {
                if (!leaf(y, x, 1)) return false;
                continue;
            }
            flags |= static_cast<std::uint8_t>(1 << q);
            for (int n = 0; n < 4; ++n)
                if (!leaf(y + (n >> 1), x + (n & 1), 2)) return false;
        }
        return true;
    }

    bool leaf(int i, int j, int level) {
        const BlockState &left = grid_.at(i, j - 1), &above = grid_.at(i - 1, j);
        const Candidates candidates = merge_candidates(grid_, previous_.vectors, w_, i, j, level);
        BlockState state;
        state.vector = arrays_.vectors[i * w_ + j];
        state.level = static_cast<std::uint8_t>(level);
        state.known = true;
        const int number = candidates.find(state.vector);
        const int unmerged = (left.known && !left.merged) + (above.known && !above.merged);
        state.merged = !bit(kNotMerged + 6 * level + 2 * unmerged + (candidates.count > 1), number < 0);
        if (state.merged) {
            state.vector = candidates.vector[merge_number(number, candidates.count, level)];
        } else {
            const Vector predicted = predicted_vector(grid_, i, j, level);
            const int near_x = left.difference[0] + above.difference[0], near_y = left.difference[1] + above.difference[1];
            const int dx = component(0, state.vector.x - predicted.x, near_x, false);
            const int dy = component(1, state.vector.y - predicted.y, near_y, dx == 0);
            const int x = predicted.x + dx, y = predicted.y + dy;
            if (std::max(std::abs(x), std::abs(y)) > kLargestVector) return false;
            state.vector = {static_cast<std::int16_t>(x), static_cast<std::int16_t>(y)};
            state.difference[0] = static_cast<std::uint8_t>(std::min(std::abs(dx), 255));
            state.difference[1] = static_cast<std::uint8_t>(std::min(std::abs(dy), 255));
        }
        grid_.put(i, j, state);
        for (int y = i; y < i + kBlocksOf[level]; ++y)
            std::fill_n(arrays_.vectors + y * w_ + j, kBlocksOf[level], state.vector);
        return true;
    }

    int merge_number(int number, int count, int level) {
        for (int n = 0; n < count - 1; ++n)
            if (!bit(kMergeNumber + 4 * level + n, number > n)) return n;
        return count - 1;
    }

    // `near`: sum of the neighbours' magnitudes. The result is at most 2^12 - 1 in magnitude.
    int component(int c, int value, int near, bool x_is_zero) {
        const int size = (near > 1) + (near > 12), magnitude = std::abs(value);
        if (!bit(kDifference + 3 * (c + (c && x_is_zero)) + size, value != 0)) return 0;
        const bool negative = bit(kNegative + c, value < 0);
        int length = 0;
        while (length < kLongest && bit(kLength + 6 * size + std::min(length, 5), magnitude >> length > 1)) ++length;
        int result = 1;
        for (int n = length - 1; n >= 0; --n) {
            const bool one = magnitude >> n & 1;
            result = 2 * result + (n == length - 1 ? bit(kSecondBit + std::min(length, 6) - 1, one) : coder_.even_bit(one));
        }
        return negative ? -result : result;
    }

    Coder& coder_;
    int h_, w_;
    FieldArrays arrays_;
    PreviousField previous_;
    BlockGrid grid_;
    Context contexts_[kContexts];
};

}  // namespace

std::vector<std::uint8_t> encode_field(FieldShape shape, const FieldArrays& arrays, const PreviousField& previous,
                                       std::span<const Context, kContexts> contexts) {
    RangeEncoder coder;
    bool has_copy = arrays.copy != nullptr;
    FieldCoder<RangeEncoder>(coder, shape, arrays, previous, contexts).run(has_copy);
    return coder.finish();
}

FieldStatus decode_field(FieldShape shape, std::span<const std::uint8_t> data, const PreviousField& previous,
                         std::span<const Context, kContexts> contexts, const FieldArrays& arrays, bool& has_copy) {
    RangeDecoder coder(data);
    if (!coder.starts()) return FieldStatus::kStart;
    if (!FieldCoder<RangeDecoder>(coder, shape, arrays, previous, contexts).run(has_copy)) return FieldStatus::kVector;
    return coder.closed() ? FieldStatus::kOk : FieldStatus::kLeftOver;
}

}  // namespace zvc
