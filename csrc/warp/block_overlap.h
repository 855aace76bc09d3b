// Overlap: samples at a block's edge are mixed with what the neighbour's vector predicts there (docs/FORMAT.md, Motion).
#pragma once

#include <vector>

#include "warp/block_edges.h"
#include "warp/block_warper.h"

namespace zvc {

static_assert(8 * kOverlapRows <= kWarpRows);

// Blocks of one plane with what their vectors predict of the rows above and below, and then with their sides mixed.
template <class Sample>
class BlockOverlap {
public:
    // Predicts by `warper`.
    BlockOverlap(const WarpKernels& kernels, BlockWarper<Sample>& warper, const BlockEdges& edges)
        : kernels_(kernels), warper_(warper), edges_(edges), block_(warper.block()), reach_(block_ == 8 ? 2 : 1),
          pitch_((edges.across() * block_ + 7) & ~7), strips_(static_cast<std::size_t>(kKept) * 2 * reach_ * pitch_) {}

    // Rows first .. last - 1 of blocks: those of the edges.
    void run(int first, int last) {
        if (first > 0) predict(first - 1, Part::kBelow);
        predict(first, Part::kAll);
        // Bands of a few rows, so that what is mixed is still at hand, each when the row below it has been predicted.
        for (int begin = first; begin < last; begin += kOverlapRows) {
            const int end = std::min(begin + kOverlapRows, last);
            for (int i = begin + 1; i < end; ++i) predict(i, Part::kAll);
            if (end < edges_.down()) predict(end, end < last ? Part::kAll : Part::kAbove);
            mix(begin, end);
        }
    }

private:
    enum class Part { kAll, kAbove, kBelow };  // a row of blocks with what overlaps, or that alone on one side

    // What row i's vectors predict of the `reach_` rows of samples above (side -1) and below (1) it; valid where the vectors there differ.
    Sample* strip(int i, int side) { return &strips_[static_cast<std::size_t>(i % kKept * 2 + (side > 0)) * reach_ * pitch_]; }

    // Row i of blocks, run by run of one vector.
    void predict(int i, Part part) {
        const int y = i * block_, h = std::min(block_, warper_.height() - y);
        for (int j = 0, next; j < edges_.across(); j = next) {
            const BlockVector v = edges_.at(i, j);
            next = std::min(edges_.run_end(i, j), j + kRun / block_);
            const int x = j * block_, w = std::min(next * block_, warper_.width()) - x;
            const bool above = part != Part::kBelow && edges_.differs_above(i, j, next);
            const bool below = part != Part::kAbove && edges_.differs_above(i + 1, j, next);
            if (!above && !below) {
                if (part == Part::kAll) warper_.warp(x, y, w, h, v);
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
            if (part == Part::kAll) copy(warper_.out(x, y), warper_.out_stride(), before, h);
        }
    }

    // Rows begin .. end - 1 of blocks. Left and right sides come before upper and lower ones.
    void mix(int begin, int end) {
        for (const BlockEdges::Side& side : edges_.sides(begin)) mix_side(side);
        for (int i = begin; i < end; ++i) {
            if (i > 0) mix_edge(i, -1);
            if (i + 1 < edges_.down()) mix_edge(i, 1);
        }
    }

    void mix_side(const BlockEdges::Side& side) {
        const bool at_left = side.side < 0;
        const int near = overlap_weight(0, block_), far = overlap_weight(1, block_);
        const int first_weight = at_left || reach_ == 1 ? near : far, second_weight = at_left ? far : reach_ == 1 ? 0 : near;
        const int x = at_left ? side.j * block_ : (side.j + 1) * block_ - reach_;
        const int y = side.i * block_, h = std::min((side.i + side.rows) * block_, warper_.height()) - y;
        if (x + 1 < warper_.width()) return warper_.mix_columns(x, y, h, side.vector, first_weight, second_weight);
        // The picture ends here.
        warper_.warp_to(rows_, 4, x, y, 4, h, side.vector);
        for (int row = 0; row < h; ++row) {
            Sample* to = warper_.out(x, y + row);
            *to = static_cast<Sample>(mixed(*to, rows_[4 * row], first_weight));
        }
    }

    // The upper (side -1) or lower (1) edge of row i.
    void mix_edge(int i, int side) {
        const int y = side < 0 ? i * block_ : (i + 1) * block_ - reach_, h = std::min(reach_, warper_.height() - y);
        const Sample* predicted = strip(i + side, -side);
        for (const BlockEdges::Run& run : edges_.runs_above(side < 0 ? i : i + 1)) {
            const int x = run.begin * block_, w = std::min(run.end * block_, warper_.width()) - x;
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
    const BlockEdges& edges_;
    int block_, reach_;
    int pitch_;                   // samples of a row of strips
    std::vector<Sample> strips_;
    Sample rows_[BlockWarper<Sample>::kRows * kRun];
};

}  // namespace zvc
