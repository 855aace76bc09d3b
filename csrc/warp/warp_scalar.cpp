#include "warp/warp.h"
#include "warp/warp_flow.h"
#include "warp/warp_mix.h"

namespace zvc {
namespace {

template <int kTaps, class T>
int sum_of(const std::int8_t* taps, const T* first, std::ptrdiff_t step) {
    int sum = 0;
    for (int n = 0; n < kTaps; ++n) sum += taps[n] * first[n * step];
    return sum;
}

template <int kTaps, class Sample>
void block_scalar(const Sample* source, std::ptrdiff_t stride, Sample* out, std::ptrdiff_t out_stride, int w, int h,
                  const std::int8_t* tx, const std::int8_t* ty, int depth) noexcept {
    constexpr int kStrip = 8, kBefore = kTaps / 2 - 1;
    const int shift = depth - 8;
    stride /= static_cast<std::ptrdiff_t>(sizeof(Sample));
    out_stride /= static_cast<std::ptrdiff_t>(sizeof(Sample));
    std::int16_t rows[kWarpRows + kTaps - 1][kStrip];
    for (int x = 0; x < w; x += kStrip) {
        const int columns = w - x < kStrip ? w - x : kStrip;
        for (int y = 0; y < h + kTaps - 1; ++y) {
            const Sample* line = source + (y - kBefore) * stride + x - kBefore;
            for (int c = 0; c < columns; ++c) rows[y][c] = static_cast<std::int16_t>(row_value(sum_of<kTaps>(tx, line + c, 1), shift));
        }
        for (int y = 0; y < h; ++y)
            for (int c = 0; c < columns; ++c)
                out[y * out_stride + x + c] = static_cast<Sample>(sample_value(sum_of<kTaps>(ty, &rows[y][c], kStrip), shift));
    }
}

template <int kTaps>
void block8_scalar(const std::uint8_t* source, std::ptrdiff_t stride, std::uint8_t* out, std::ptrdiff_t out_stride,
                   int w, int h, const std::int8_t* tx, const std::int8_t* ty) noexcept {
    block_scalar<kTaps>(source, stride, out, out_stride, w, h, tx, ty, 8);
}

template <int kTaps, class Sample>
void edge_scalar(const Edge<Sample>& edge) noexcept {
    constexpr std::ptrdiff_t kPitch = 4, kBytes = sizeof(Sample);
    Sample predicted[kPitch * kWarpRows];
    block_scalar<kTaps>(edge.source, edge.stride * kBytes, predicted, kPitch * kBytes, kPitch, edge.h, edge.tx, edge.ty, edge.depth);
    for (int y = 0; y < edge.h; ++y) {
        Sample* to = edge.out + y * edge.out_stride;
        to[0] = static_cast<Sample>(mixed(to[0], predicted[kPitch * y], edge.first));
        to[1] = static_cast<Sample>(mixed(to[1], predicted[kPitch * y + 1], edge.second));
    }
}

template <class Sample>
void flow_scalar(const FlowRow& row) noexcept {
    for (int x = 0; x < row.width; ++x) flow_sample<Sample>(row, x);
}

}  // namespace

const WarpKernels kWarpScalar = {block8_scalar<4>, block_scalar<4, std::uint16_t>, block8_scalar<8>, block_scalar<8, std::uint16_t>,
                                 mix_row<std::uint8_t>, mix_row<std::uint16_t>, edge_scalar<4, std::uint8_t>, edge_scalar<4, std::uint16_t>,
                                 edge_scalar<8, std::uint8_t>, edge_scalar<8, std::uint16_t>,
                                 flow_scalar<std::uint8_t>, flow_scalar<std::uint16_t>};

}  // namespace zvc
