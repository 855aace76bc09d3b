// Splits a picture among threads and a row of blocks into runs of one vector; extends the reference beyond its edges.
#include <algorithm>
#include <cstring>
#include <exception>
#include <thread>
#include <vector>

#include "warp/warp.h"

namespace zvc {
namespace {

constexpr int kBlock[3] = {8, 4, 4};
constexpr int kShift[3] = {2, 3, 3};  // vectors in 1 / 2^shift samples
constexpr int kRun = 256;             // samples: bounds the buffers of a run

struct Vector {
    std::int16_t x, y;
    bool operator==(const Vector&) const = default;
};

constexpr int padded(int width) { return (width + 7) & ~7; }

// Rectangle of one vector at (x, y), w x h <= kRun x 8.
template <class Sample>
class RunWarper {
public:
    RunWarper(const WarpKernels& kernels, const WarpJob& job, int plane)
        : kernels_(kernels), job_(job), reference_(reinterpret_cast<const Sample*>(job.reference[plane])),
          stride_(job.stride[plane] / static_cast<std::ptrdiff_t>(sizeof(Sample))),
          out_(reinterpret_cast<Sample*>(job.out[plane])),
          out_stride_(job.out_stride[plane] / static_cast<std::ptrdiff_t>(sizeof(Sample))),
          width_(job.width[plane]), height_(job.height[plane]), shift_(kShift[plane]) {}

    void warp(int x, int y, int w, int h, Vector v) {
        const int left = x + (v.x >> shift_), top = y + (v.y >> shift_);
        const int px = phase_of(v.x, shift_), py = phase_of(v.y, shift_);
        Sample* out = out_ + y * out_stride_ + x;
        if (px == 0 && py == 0 && left >= 0 && top >= 0 && left + w <= width_ && top + h <= height_) {
            for (int row = 0; row < h; ++row)
                std::memcpy(out + row * out_stride_, reference_ + (top + row) * stride_ + left, w * sizeof(Sample));
            return;
        }
        const Sample* source = reference_ + top * stride_ + left;
        std::ptrdiff_t stride = stride_;
        if (left < 1 || top < 1 || left + padded(w) + kWarpSlack > width_ || top + h + 2 > height_) {
            source = extend(left, top, w, h);
            stride = kExtended;
        }
        if (w % 4 == 0) return run_kernel(source, stride, out, out_stride_, w, h, px, py);
        run_kernel(source, stride, last_columns_, kRun, padded(w), h, px, py);
        for (int row = 0; row < h; ++row)
            std::memcpy(out + row * out_stride_, last_columns_ + row * kRun, w * sizeof(Sample));
    }

private:
    // What the kernel loads of a run, with the picture's last column and row repeated; columns it does not use are left.
    const Sample* extend(int left, int top, int w, int h) {
        for (int row = 0; row < h + 3; ++row) {
            const Sample* line = reference_ + std::clamp(top - 1 + row, 0, height_ - 1) * stride_;
            Sample* to = extended_ + row * kExtended;
            const int begin = std::clamp(1 - left, 0, w + 3);                    // columns before the picture
            const int end = std::clamp(width_ + 1 - left, begin, w + 3);         // first column behind it
            std::fill_n(to, begin, line[0]);
            if (end > begin) std::memcpy(to + begin, line + left - 1 + begin, (end - begin) * sizeof(Sample));
            std::fill(to + end, to + w + 3, line[width_ - 1]);
        }
        return extended_ + kExtended + 1;
    }

    void run_kernel(const Sample* source, std::ptrdiff_t stride, Sample* out, std::ptrdiff_t out_stride, int w, int h,
                    int px, int py) {
        const std::int8_t *tx = job_.taps->weight[px], *ty = job_.taps->weight[py];
        constexpr std::ptrdiff_t bytes = sizeof(Sample);
        if constexpr (sizeof(Sample) == 1) {
            kernels_.block8(source, stride, out, out_stride, w, h, tx, ty);
        } else {
            kernels_.block16(source, stride * bytes, out, out_stride * bytes, w, h, tx, ty, job_.depth);
        }
    }

    static constexpr int kExtended = kRun + 32;

    const WarpKernels& kernels_;
    const WarpJob& job_;
    const Sample* reference_;
    std::ptrdiff_t stride_;
    Sample* out_;
    std::ptrdiff_t out_stride_;
    int width_, height_, shift_;
    Sample extended_[(8 + 3) * kExtended] = {};
    Sample last_columns_[8 * kRun];
};

template <class Sample>
void warp_plane(const WarpKernels& kernels, const WarpJob& job, int plane, const Vector* vectors, int columns,
                int first_row, int last_row) {
    const int block = kBlock[plane], width = job.width[plane], height = job.height[plane];
    RunWarper<Sample> warper(kernels, job, plane);
    for (int i = first_row; i < last_row && i * block < height; ++i) {
        const Vector* row = vectors + static_cast<std::ptrdiff_t>(i) * columns;
        const int h = std::min(block, height - i * block), blocks = (width + block - 1) / block;
        for (int j = 0; j < blocks;) {
            int end = j + 1;
            while (end < blocks && end - j < kRun / block && row[end] == row[j]) ++end;
            warper.warp(j * block, i * block, std::min(end * block, width) - j * block, h, row[j]);
            j = end;
        }
    }
}

// Runs part(first, last) over 0..count, split evenly; the last part on this thread.
template <class Part>
void share(int count, unsigned threads, const Part& part) {
    const int parts = static_cast<int>(std::min<unsigned>(threads, static_cast<unsigned>(count)));
    std::vector<std::thread> others;
    int begin = 0;
    for (int n = 1; n < parts; ++n) {
        const int end = static_cast<int>(static_cast<std::int64_t>(count) * n / parts);
        try {
            others.emplace_back(part, begin, end);
        } catch (const std::exception&) {
            break;  // no more threads to be had: the rest is done here
        }
        begin = end;
    }
    part(begin, count);
    for (auto& thread : others) thread.join();
}

}  // namespace

void warp_blocks(Isa isa, const WarpJob& job, const std::int16_t* vectors, int columns, unsigned threads) {
    const WarpKernels& kernels = warp_kernels(isa);
    const auto* field = reinterpret_cast<const Vector*>(vectors);
    share((job.height[0] + 7) / 8, threads, [&](int first, int last) {
        for (int plane = 0; plane < 3; ++plane) {
            if (job.depth == 8) {
                warp_plane<std::uint8_t>(kernels, job, plane, field, columns, first, last);
            } else {
                warp_plane<std::uint16_t>(kernels, job, plane, field, columns, first, last);
            }
        }
    });
}

void warp_flow(Isa isa, const WarpJob& job, const std::int16_t* vectors, unsigned threads) {
    const WarpKernels& kernels = warp_kernels(isa);
    const auto kernel = job.depth == 8 ? kernels.flow8 : kernels.flow16;
    share(job.height[0], threads, [&](int first, int last) {
        for (int plane = 0; plane < 3; ++plane) {
            const int luma = plane == 0;
            // A chroma row belongs to the part that has its first luma row.
            const int begin = luma ? first : (first + 1) / 2, end = luma ? last : (last + 1) / 2;
            for (int y = begin; y < end; ++y) {
                const std::ptrdiff_t flow_row = static_cast<std::ptrdiff_t>(luma ? y : 2 * y) * job.width[0] * 2;
                kernel({job.reference[plane], job.stride[plane], job.width[plane], job.height[plane],
                        vectors + flow_row, luma ? 2 : 4, kShift[plane], y, job.depth, job.taps,
                        job.out[plane] + y * job.out_stride[plane]});
            }
        }
    });
}

}  // namespace zvc
