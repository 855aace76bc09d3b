#include "warp/warp.h"
#include "warp/warp_flow.h"

namespace zvc {
namespace {

template <class Sample>
void block_scalar(const Sample* source, std::ptrdiff_t stride, Sample* out, std::ptrdiff_t out_stride, int w, int h,
                  const std::int8_t* tx, const std::int8_t* ty, int depth) noexcept {
    constexpr int kStrip = 8;
    const int shift = depth - 8;
    stride /= static_cast<std::ptrdiff_t>(sizeof(Sample));
    out_stride /= static_cast<std::ptrdiff_t>(sizeof(Sample));
    std::int16_t rows[kWarpRows + 3][kStrip];
    for (int x = 0; x < w; x += kStrip) {
        const int columns = w - x < kStrip ? w - x : kStrip;
        for (int y = 0; y < h + 3; ++y) {
            const Sample* line = source + (y - 1) * stride + x;
            for (int c = 0; c < columns; ++c) {
                const int sum = weighed(tx, line[c - 1], line[c], line[c + 1], line[c + 2]);
                rows[y][c] = static_cast<std::int16_t>(row_value(sum, shift));
            }
        }
        for (int y = 0; y < h; ++y)
            for (int c = 0; c < columns; ++c) {
                const int sum = weighed(ty, rows[y][c], rows[y + 1][c], rows[y + 2][c], rows[y + 3][c]);
                out[y * out_stride + x + c] = static_cast<Sample>(sample_value(sum, shift));
            }
    }
}

void block8_scalar(const std::uint8_t* source, std::ptrdiff_t stride, std::uint8_t* out, std::ptrdiff_t out_stride,
                   int w, int h, const std::int8_t* tx, const std::int8_t* ty) noexcept {
    block_scalar(source, stride, out, out_stride, w, h, tx, ty, 8);
}

template <class Sample>
void flow_scalar(const FlowRow& row) noexcept {
    for (int x = 0; x < row.width; ++x) flow_sample<Sample>(row, x);
}

}  // namespace

const WarpKernels kWarpScalar = {block8_scalar, block_scalar<std::uint16_t>, flow_scalar<std::uint8_t>,
                                 flow_scalar<std::uint16_t>};

}  // namespace zvc
