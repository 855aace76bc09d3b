// Predicts rectangles of one vector; extends the reference beyond its edges.
#pragma once

#include <algorithm>
#include <cstring>

#include "warp/warp.h"

namespace zvc {

constexpr int kRun = 256;  // samples: bounds the buffers of a run

struct BlockVector {
    std::int16_t x, y;
    bool operator==(const BlockVector&) const = default;
};

template <class Sample>
class BlockWarper {
public:
    BlockWarper(const WarpKernels& kernels, const WarpJob& job, int plane)
        : kernels_(kernels), depth_(job.depth), shift_(plane == 0 ? 2 : 3), block_(plane == 0 ? 8 : 4), taps_(*job.taps),
          luma_(plane == 0 ? job.luma : nullptr), before_(luma_ ? 3 : 1), reference_(reinterpret_cast<const Sample*>(job.reference[plane])),
          stride_(job.stride[plane] / static_cast<std::ptrdiff_t>(sizeof(Sample))), out_(reinterpret_cast<Sample*>(job.out[plane])),
          out_stride_(job.out_stride[plane] / static_cast<std::ptrdiff_t>(sizeof(Sample))), width_(job.width[plane]),
          height_(job.height[plane]) {}

    int block() const { return block_; }
    int width() const { return width_; }
    int height() const { return height_; }
    Sample* out(int x, int y) const { return out_ + y * out_stride_ + x; }
    std::ptrdiff_t out_stride() const { return out_stride_; }

    // The rectangle at (x, y) of the prediction, w <= kRun, h <= 8.
    void warp(int x, int y, int w, int h, BlockVector v) {
        if (w % 4 == 0 || is_copy(x, y, w, h, v)) return warp_to(out(x, y), out_stride_, x, y, w, h, v);
        warp_to(last_columns_, kRun, x, y, padded(w), h, v);
        for (int row = 0; row < h; ++row) std::memcpy(out(x, y + row), last_columns_ + row * kRun, w * sizeof(Sample));
    }

    static constexpr int kRows = 12;  // of a wide rectangle: a block and what overlaps of it

    // The rectangle at (x, y), w a multiple of 4, whatever of it lies inside: w <= kRun and h <= kRows, or w = 4 and h <= kWarpRows.
    void warp_to(Sample* out, std::ptrdiff_t out_stride, int x, int y, int w, int h, BlockVector v) {
        const int left = x + (v.x >> shift_), top = y + (v.y >> shift_);
        if (is_copy(x, y, w, h, v)) {
            for (int row = 0; row < h; ++row)
                std::memcpy(out + row * out_stride, reference_ + (top + row) * stride_ + left, w * sizeof(Sample));
            return;
        }
        std::ptrdiff_t stride;
        const Sample* source = at(left, top, w, h, stride);
        run_kernel(source, stride, out, out_stride, w, h, tap_x(v), tap_y(v));
    }

    // Two columns at (x, y) of what is predicted already, mixed with what v predicts of h <= kWarpRows rows there.
    void mix_columns(int x, int y, int h, BlockVector v, int first_weight, int second_weight) {
        Edge<Sample> edge{};
        edge.source = at(x + (v.x >> shift_), y + (v.y >> shift_), 4, h, edge.stride);
        edge.out = out(x, y);
        edge.out_stride = out_stride_;
        edge.h = h;
        edge.tx = tap_x(v);
        edge.ty = tap_y(v);
        edge.first = first_weight;
        edge.second = second_weight;
        edge.depth = depth_;
        if constexpr (sizeof(Sample) == 1) {
            (luma_ ? kernels_.long_edge8 : kernels_.edge8)(edge);
        } else {
            (luma_ ? kernels_.long_edge16 : kernels_.edge16)(edge);
        }
    }

private:
    const std::int8_t* tap_x(BlockVector v) const { return taps_of(phase_of(v.x, shift_)); }
    const std::int8_t* tap_y(BlockVector v) const { return taps_of(phase_of(v.y, shift_)); }
    const std::int8_t* taps_of(int phase) const { return luma_ ? luma_->weight[phase / 2] : taps_.weight[phase]; }

    // The reference's sample (left, top) with all around it that a kernel loads for w x h samples, whether that is in the picture or not.
    const Sample* at(int left, int top, int w, int h, std::ptrdiff_t& stride) {
        stride = stride_;
        if (left >= before_ && top >= before_ && left + padded(w) + kWarpSlack <= width_ && top + h + before_ + 1 <= height_)
            return reference_ + top * stride_ + left;
        stride = w > 4 ? kExtended : kNarrow;
        return extend(left, top, w, h, stride);
    }

    static constexpr int padded(int width) { return (width + 7) & ~7; }

    // A rectangle of whole samples inside of the reference.
    bool is_copy(int x, int y, int w, int h, BlockVector v) const {
        const int left = x + (v.x >> shift_), top = y + (v.y >> shift_);
        return phase_of(v.x, shift_) == 0 && phase_of(v.y, shift_) == 0 && left >= 0 && top >= 0 && left + w <= width_ && top + h <= height_;
    }

    // What the kernel loads of a run, with the picture's last column and row repeated; columns it does not use are left.
    const Sample* extend(int left, int top, int w, int h, std::ptrdiff_t stride) {
        const int more = 2 * before_ + 1;
        for (int row = 0; row < h + more; ++row) {
            const Sample* line = reference_ + std::clamp(top - before_ + row, 0, height_ - 1) * stride_;
            Sample* to = extended_ + row * stride;
            const int begin = std::clamp(before_ - left, 0, w + more);                    // columns before the picture
            const int end = std::clamp(width_ + before_ - left, begin, w + more);         // first column behind it
            std::fill_n(to, begin, line[0]);
            if (end > begin) std::memcpy(to + begin, line + left - before_ + begin, (end - begin) * sizeof(Sample));
            std::fill(to + end, to + w + more, line[width_ - 1]);
        }
        return extended_ + before_ * stride + before_;
    }

    void run_kernel(const Sample* source, std::ptrdiff_t stride, Sample* out, std::ptrdiff_t out_stride, int w, int h, const std::int8_t* tx,
                    const std::int8_t* ty) {
        constexpr std::ptrdiff_t bytes = sizeof(Sample);
        if constexpr (sizeof(Sample) == 1) {
            (luma_ ? kernels_.long8 : kernels_.block8)(source, stride, out, out_stride, w, h, tx, ty);
        } else {
            (luma_ ? kernels_.long16 : kernels_.block16)(source, stride * bytes, out, out_stride * bytes, w, h, tx, ty, depth_);
        }
    }

    static constexpr int kExtended = kRun + 32, kNarrow = 32;
    static constexpr int kMore = 7;  // rows and columns around a rectangle that the longer filter reads
    static_assert(kNarrow * (kWarpRows + kMore) <= kExtended * (kRows + kMore));

    const WarpKernels& kernels_;
    int depth_, shift_, block_;
    const Taps& taps_;
    const LongTaps* luma_;
    int before_;  // columns and rows that the filter reads before a sample; behind it one more
    const Sample* reference_;
    std::ptrdiff_t stride_;
    Sample* out_;
    std::ptrdiff_t out_stride_;
    int width_, height_;
    Sample extended_[(kRows + kMore) * kExtended + kWarpSlack] = {};
    Sample last_columns_[8 * kRun];
};

}  // namespace zvc
