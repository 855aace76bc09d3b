// Block vectors on a quadtree of 32, 16 and 8, and what is known of the neighbours of a block: shared by search and coder.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "motion/arithmetic.h"

namespace zvc {

constexpr int kLevels = 3;            // sizes: 32, 16, 8 luma samples
constexpr int kBlocksOf[kLevels] = {4, 2, 1};  // blocks of 8 along a side

// Of one 32x32: bit 4: split into 16s; bit q (with bit 4 alone): quadrant q, in reading order, split into 8s.
constexpr std::uint8_t kSplit = 16;

struct Vector {
    std::int16_t x = 0, y = 0;
    bool operator==(const Vector&) const = default;
};

// How a field predicts: luma's filter (warp/warp.h), and whether blocks overlap.
struct Way {
    bool sharp = false, overlap = false;
};

// What neighbours see of a block of 8.
struct BlockState {
    Vector vector;
    std::uint8_t difference[2] = {};  // magnitudes of the coded difference, limited to 255; 0 of a merged block
    std::uint8_t level = 0;
    bool merged = false;
    bool known = false;  // coded before the block in question, inside the picture
};

// Blocks coded so far, with a frame of unknown ones around the picture.
class BlockGrid {
public:
    BlockGrid(int h, int w) : stride_(w + 2), states_(static_cast<std::size_t>(h + 2) * stride_) {}

    const BlockState& at(int i, int j) const { return states_[index(i, j)]; }

    void put(int i, int j, const BlockState& state) {
        const int size = kBlocksOf[state.level];
        for (int y = 0; y < size; ++y) std::fill_n(&states_[index(i + y, j)], size, state);
    }

private:
    std::size_t index(int i, int j) const { return static_cast<std::size_t>(i + 1) * stride_ + (j + 1); }

    std::size_t stride_;
    std::vector<BlockState> states_;
};

struct Candidates {
    std::array<Vector, kMaxCandidates> vector;
    int count = 0;

    void add(Vector v) {
        if (count < kMaxCandidates && find(v) < 0) vector[count++] = v;
    }
    // Number of v, -1 if it is none.
    int find(Vector v) const {
        for (int n = 0; n < count; ++n)
            if (vector[n] == v) return n;
        return -1;
    }
};

// Vectors that a block at (i, j) of this level can take over. previous: (h, w) vectors, or null.
inline Candidates merge_candidates(const BlockGrid& grid, const Vector* previous, int w, int i, int j, int level) {
    const int size = kBlocksOf[level];
    Candidates list;
    const auto neighbour = [&](int y, int x) {
        const BlockState& state = grid.at(y, x);
        if (state.known) list.add(state.vector);
    };
    neighbour(i + size - 1, j - 1);
    neighbour(i - 1, j + size - 1);
    neighbour(i - 1, j + size);
    neighbour(i + size, j - 1);
    if (previous) list.add(previous[(i + size / 2) * w + j + size / 2]);
    neighbour(i - 1, j - 1);
    list.add({});
    return list;
}

inline std::int16_t median(int a, int b, int c) { return static_cast<std::int16_t>(median_of(a, b, c)); }

// What a coded difference is added to.
inline Vector predicted_vector(const BlockGrid& grid, int i, int j, int level) {
    const int size = kBlocksOf[level];
    const BlockState &left = grid.at(i, j - 1), &above = grid.at(i - 1, j);
    const BlockState* right = &grid.at(i - 1, j + size);
    if (!right->known) right = &grid.at(i - 1, j - 1);
    if (left.known + above.known + right->known == 1)
        return left.known ? left.vector : above.known ? above.vector : right->vector;
    // Unknown states have a zero vector.
    return {median(left.vector.x, above.vector.x, right->vector.x),
            median(left.vector.y, above.vector.y, right->vector.y)};
}

}  // namespace zvc
