// Overlap: samples at a block's edge are mixed with what the neighbour's vector predicts there (docs/FORMAT.md, Motion).
#pragma once

#include "warp/block_warper.h"

namespace zvc {

constexpr int kOverlapRows = 8;  // of blocks, that are mixed at once at most
static_assert(8 * kOverlapRows <= kWarpRows);

// Only sides where the vectors differ have work: strips of equal vectors on both sides are predicted as far as they go.
template <class Sample>
class BlockOverlap {
public:
    // Of a prediction that `warper` has made, by the same vectors.
    BlockOverlap(const WarpKernels& kernels, BlockWarper<Sample>& warper, const BlockVector* vectors, int columns)
        : kernels_(kernels), warper_(warper), vectors_(vectors), columns_(columns), block_(warper.block()), reach_(block_ == 8 ? 2 : 1),
          across_((warper.width() + block_ - 1) / block_), down_((warper.height() + block_ - 1) / block_) {}

    // Rows begin .. end - 1 of blocks, kOverlapRows at most. Left and right sides come before upper and lower ones.
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

private:
    const BlockVector& at(int i, int j) const { return vectors_[static_cast<std::ptrdiff_t>(i) * columns_ + j]; }

    // Columns of blocks (begin .. end - 1, j) that are next to column j + side of blocks.
    void mix_side(int begin, int end, int j, int side) {
        const int x = side < 0 ? j * block_ : (j + 1) * block_ - reach_;
        const int near = overlap_weight(0, block_), far = overlap_weight(1, block_);
        for (int i = begin; i < end; ++i) {
            const BlockVector v = at(i, j + side);
            if (at(i, j) == v) continue;
            const int first = i;
            while (i + 1 < end && at(i + 1, j + side) == v && !(at(i + 1, j) == v)) ++i;
            const int y = first * block_, h = std::min((i + 1) * block_, warper_.height()) - y;
            warper_.warp_to(strip_, 4, x, y, 4, h, v);
            const int first_weight = side < 0 || reach_ == 1 ? near : far, second_weight = side < 0 ? far : reach_ == 1 ? 0 : near;
            if (x + 1 < warper_.width()) {
                mix_pair(warper_.out(x, y), h, first_weight, second_weight);
            } else {  // the picture ends here
                for (int row = 0; row < h; ++row) {
                    Sample* to = warper_.out(x, y + row);
                    *to = static_cast<Sample>(mixed(*to, strip_[4 * row], first_weight));
                }
            }
        }
    }

    // Rows of blocks (i, all) that are next to row i + side of blocks.
    void mix_edge(int i, int side) {
        const int y = side < 0 ? i * block_ : (i + 1) * block_ - reach_, h = std::min(reach_, warper_.height() - y);
        for (int j = 0; j < across_; ++j) {
            const BlockVector v = at(i + side, j);
            if (at(i, j) == v) continue;
            const int first = j;
            while (j + 1 < across_ && j - first + 1 < kRun / block_ && at(i + side, j + 1) == v && !(at(i, j + 1) == v)) ++j;
            const int x = first * block_, w = std::min((j + 1) * block_, warper_.width()) - x;
            warper_.warp_to(strip_, kRun, x, y, (w + 3) & ~3, h, v);
            for (int row = 0; row < h; ++row)
                mix_row(warper_.out(x, y + row), strip_ + row * kRun, w, overlap_weight(side < 0 ? row : reach_ - 1 - row, block_));
        }
    }

    void mix_pair(Sample* out, int h, int left, int right) const {
        if constexpr (sizeof(Sample) == 1) {
            kernels_.mix_pair8(out, warper_.out_stride(), strip_, h, left, right);
        } else {
            kernels_.mix_pair16(out, warper_.out_stride(), strip_, h, left, right);
        }
    }

    void mix_row(Sample* out, const Sample* predicted, int n, int weight) const {
        if constexpr (sizeof(Sample) == 1) {
            kernels_.mix_row8(out, predicted, n, weight);
        } else {
            kernels_.mix_row16(out, predicted, n, weight);
        }
    }

    const WarpKernels& kernels_;
    BlockWarper<Sample>& warper_;
    const BlockVector* vectors_;
    int columns_, block_, reach_, across_, down_;
    Sample strip_[2 * kRun];
};

}  // namespace zvc
