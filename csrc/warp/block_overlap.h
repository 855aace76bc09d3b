// Overlap: samples at a block's edge are mixed with what the neighbour's vector predicts there (docs/FORMAT.md, Motion).
#pragma once

#include <vector>

#include "warp/block_warper.h"

namespace zvc {

constexpr int kOverlapRows = 8;  // of blocks, that are mixed at once at most
static_assert(8 * kOverlapRows <= kWarpRows);

// Blocks of one plane with what their vectors predict of the rows above and below, and then with their sides mixed. Only sides where vectors differ
// have work.
template <class Sample>
class BlockOverlap {
public:
    // Predicts by `warper`.
    BlockOverlap(const WarpKernels& kernels, BlockWarper<Sample>& warper, const BlockVector* vectors, int columns)
        : kernels_(kernels), warper_(warper), vectors_(vectors), columns_(columns), block_(warper.block()), reach_(block_ == 8 ? 2 : 1),
          across_((warper.width() + block_ - 1) / block_), down_((warper.height() + block_ - 1) / block_), pitch_((across_ * block_ + 7) & ~7),
          strips_(static_cast<std::size_t>(kKept) * 2 * reach_ * pitch_) {}

    // Rows first .. last - 1 of blocks.
    void run(int first, int last) {
        if (first >= last) return;
        if (first > 0) predict(first - 1, kStripsAlone);
        predict(first, kWhole);
        // Bands of a few rows, so that what is mixed is still at hand, each when the row below it has been predicted.
        for (int begin = first; begin < last; begin += kOverlapRows) {
            const int end = std::min(begin + kOverlapRows, last);
            for (int i = begin + 1; i < end; ++i) predict(i, kWhole);
            if (end < down_) predict(end, end < last ? kWhole : kStripsAlone);
            mix(begin, end);
        }
    }

private:
    enum Part { kWhole, kStripsAlone };

    const BlockVector& at(int i, int j) const { return vectors_[static_cast<std::ptrdiff_t>(i) * columns_ + j]; }

    // What row i's vectors predict of the `reach_` rows of samples above (side -1) and below (1) it; valid where the vectors there differ.
    Sample* strip(int i, int side) { return &strips_[static_cast<std::size_t>(i % kKept * 2 + (side > 0)) * reach_ * pitch_]; }

    bool differs(int i, int begin, int end, int side) const {
        if (i + side < 0 || i + side >= down_) return false;
        return std::memcmp(&at(i, begin), &at(i + side, begin), (end - begin) * sizeof(BlockVector)) != 0;
    }

    // Row i of blocks and its strips, run by run of one vector.
    void predict(int i, Part part) {
        const int y = i * block_, h = std::min(block_, warper_.height() - y);
        for (int j = 0, next; j < across_; j = next) {
            const BlockVector v = at(i, j);
            for (next = j + 1; next < across_ && next - j < kRun / block_ && at(i, next) == v;) ++next;
            const int x = j * block_, w = std::min(next * block_, warper_.width()) - x;
            const bool above = differs(i, j, next, -1), below = differs(i, j, next, 1);
            if (!above && !below) {
                if (part == kWhole) warper_.warp(x, y, w, h, v);
                continue;
            }
            // Rows beyond the block cost less along with it than on their own.
            const int before = above ? reach_ : 0, rows = before + h + (below ? reach_ : 0);
            warper_.warp_to(rows_, kRun, x, y - before, (w + 3) & ~3, rows, v);
            const auto copy = [&](Sample* to, std::ptrdiff_t stride, int from, int count) {
                for (int row = 0; row < count; ++row) std::memcpy(to + row * stride, rows_ + (from + row) * kRun, w * sizeof(Sample));
            };
            if (above) copy(strip(i, -1) + x, pitch_, 0, reach_);
            if (below) copy(strip(i, 1) + x, pitch_, before + h, reach_);
            if (part == kWhole) copy(warper_.out(x, y), warper_.out_stride(), before, h);
        }
    }

    // Rows begin .. end - 1 of blocks. Left and right sides come before upper and lower ones.
    void mix(int begin, int end) {
        for (int j = 1; j < across_; ++j) {
            mix_side(begin, end, j, -1);
            mix_side(begin, end, j - 1, 1);
        }
        for (int i = begin; i < end; ++i) {
            if (i > 0) mix_edge(i, -1);
            if (i + 1 < down_) mix_edge(i, 1);
        }
    }

    // Columns of blocks (begin .. end - 1, j) that are next to column j + side of blocks.
    void mix_side(int begin, int end, int j, int side) {
        const int x = side < 0 ? j * block_ : (j + 1) * block_ - reach_;
        const int near = overlap_weight(0, block_), far = overlap_weight(1, block_);
        const int first_weight = side < 0 || reach_ == 1 ? near : far, second_weight = side < 0 ? far : reach_ == 1 ? 0 : near;
        for (int i = begin; i < end; ++i) {
            const BlockVector v = at(i, j + side);
            if (at(i, j) == v) continue;
            const int first = i;
            while (i + 1 < end && at(i + 1, j + side) == v && !(at(i + 1, j) == v)) ++i;
            const int y = first * block_, h = std::min((i + 1) * block_, warper_.height()) - y;
            if (x + 1 < warper_.width()) {
                warper_.mix_columns(x, y, h, v, first_weight, second_weight);
            } else {  // the picture ends here
                warper_.warp_to(rows_, 4, x, y, 4, h, v);
                for (int row = 0; row < h; ++row) {
                    Sample* to = warper_.out(x, y + row);
                    *to = static_cast<Sample>(mixed(*to, rows_[4 * row], first_weight));
                }
            }
        }
    }

    // Rows of blocks (i, all) that are next to row i + side of blocks.
    void mix_edge(int i, int side) {
        const int y = side < 0 ? i * block_ : (i + 1) * block_ - reach_, h = std::min(reach_, warper_.height() - y);
        const Sample* predicted = strip(i + side, -side);
        for (int j = 0; j < across_; ++j) {
            if (at(i, j) == at(i + side, j)) continue;
            const int first = j;
            while (j + 1 < across_ && !(at(i, j + 1) == at(i + side, j + 1))) ++j;
            const int x = first * block_, w = std::min((j + 1) * block_, warper_.width()) - x;
            for (int row = 0; row < h; ++row)
                mix_row(warper_.out(x, y + row), predicted + row * pitch_ + x, w, overlap_weight(side < 0 ? row : reach_ - 1 - row, block_));
        }
    }

    void mix_row(Sample* out, const Sample* predicted, int n, int weight) const {
        if constexpr (sizeof(Sample) == 1) {
            kernels_.mix_row8(out, predicted, n, weight);
        } else {
            kernels_.mix_row16(out, predicted, n, weight);
        }
    }

    static constexpr int kKept = kOverlapRows + 2;  // rows of blocks whose strips are needed at once

    const WarpKernels& kernels_;
    BlockWarper<Sample>& warper_;
    const BlockVector* vectors_;
    int columns_, block_, reach_, across_, down_;
    int pitch_;                   // samples of a row of strips
    std::vector<Sample> strips_;
    Sample rows_[BlockWarper<Sample>::kRows * kRun];
};

}  // namespace zvc
