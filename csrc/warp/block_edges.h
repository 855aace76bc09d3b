// Where the vectors of neighbouring blocks differ: the same for all planes of a picture.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "warp/block_warper.h"

namespace zvc {

constexpr int kOverlapRows = 8;  // of blocks, that are mixed at once at most

// Of rows first .. last - 1 of blocks and those next to them; the picture has `across` x `down`.
class BlockEdges {
public:
    // Rows i .. i + rows - 1 of column j, next to column j + side, whose vector there is `vector`.
    struct Side {
        int i, rows, j, side;
        BlockVector vector;
    };
    // Columns begin .. end - 1 at the upper edge of a row.
    struct Run {
        int begin, end;
    };

    BlockEdges(const BlockVector* vectors, int columns, int across, int down, int first, int last)
        : vectors_(vectors), columns_(columns), across_(across), down_(down), first_(first), pitch_((across + 7) & ~7),
          left_(static_cast<std::size_t>(last - first + 2) * pitch_), above_(left_.size()) {
        for (int i = std::max(first - 1, 0); i < std::min(last + 1, down); ++i) {
            const BlockVector* row = row_of(i);
            for (int j = 1; j < across; ++j) left(i)[j] = !(row[j] == row[j - 1]);
            if (i < first || i == 0) continue;
            const BlockVector* before = row_of(i - 1);
            for (int j = 0; j < across; ++j) above(i)[j] = !(row[j] == before[j]);
        }
        find_sides(first, last);
        find_runs(first, last);
    }

    int across() const { return across_; }
    int down() const { return down_; }
    BlockVector at(int i, int j) const { return row_of(i)[j]; }

    // Where the run of one vector that begins at column j of row i ends.
    int run_end(int i, int j) const {
        const void* next = j + 1 < across_ ? std::memchr(left(i) + j + 1, 1, across_ - j - 1) : nullptr;
        return next ? static_cast<int>(static_cast<const std::uint8_t*>(next) - left(i)) : across_;
    }

    // Whether any of columns begin .. end - 1 of row i differs from row i - 1. Of rows first .. last.
    bool differs_above(int i, int begin, int end) const { return i > 0 && i < down_ && std::memchr(above(i) + begin, 1, end - begin); }

    // Of the band of kOverlapRows rows that begins at row i.
    const std::vector<Side>& sides(int i) const { return sides_[(i - first_) / kOverlapRows]; }
    const std::vector<Run>& runs_above(int i) const { return runs_[i - first_]; }

private:
    const BlockVector* row_of(int i) const { return vectors_ + static_cast<std::ptrdiff_t>(i) * columns_; }
    std::uint8_t* left(int i) { return &left_[static_cast<std::size_t>(i - first_ + 1) * pitch_]; }
    const std::uint8_t* left(int i) const { return &left_[static_cast<std::size_t>(i - first_ + 1) * pitch_]; }
    std::uint8_t* above(int i) { return &above_[static_cast<std::size_t>(i - first_ + 1) * pitch_]; }
    const std::uint8_t* above(int i) const { return &above_[static_cast<std::size_t>(i - first_ + 1) * pitch_]; }

    // Calls found(j) for the columns that a row of flags sets.
    template <class Found>
    void each(const std::uint8_t* flags, const Found& found) const {
        for (int j = 0; j < pitch_; j += 8) {
            std::uint64_t eight;
            std::memcpy(&eight, flags + j, 8);
            for (; eight; eight &= eight - 1) found(j + std::countr_zero(eight) / 8);
        }
    }

    void find_sides(int first, int last) {
        std::vector<int> open(2 * static_cast<std::size_t>(across_));  // number of the side that a column's next row may lengthen, plus one
        for (int begin = first; begin < last; begin += kOverlapRows) {
            std::vector<Side>& sides = sides_.emplace_back();
            std::fill(open.begin(), open.end(), 0);
            const auto add = [&](int i, int j, int side) {
                int& number = open[2 * j + (side > 0)];
                const BlockVector v = at(i, j + side);
                if (number && sides[number - 1].vector == v && sides[number - 1].i + sides[number - 1].rows == i) {
                    ++sides[number - 1].rows;
                } else {
                    sides.push_back({i, 1, j, side, v});
                    number = static_cast<int>(sides.size());
                }
            };
            for (int i = begin; i < std::min(begin + kOverlapRows, last); ++i)
                each(left(i), [&](int j) {
                    add(i, j, -1);
                    add(i, j - 1, 1);
                });
        }
    }

    void find_runs(int first, int last) {
        for (int i = first; i <= last; ++i) {
            std::vector<Run>& runs = runs_.emplace_back();
            if (i == 0 || i >= down_) continue;
            each(above(i), [&](int j) {
                if (!runs.empty() && runs.back().end == j)
                    ++runs.back().end;
                else
                    runs.push_back({j, j + 1});
            });
        }
    }

    const BlockVector* vectors_;
    int columns_, across_, down_, first_, pitch_;
    std::vector<std::uint8_t> left_, above_;  // flags of rows first - 1 .. last
    std::vector<std::vector<Side>> sides_;
    std::vector<std::vector<Run>> runs_;
};

}  // namespace zvc
