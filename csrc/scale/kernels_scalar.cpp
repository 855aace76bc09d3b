#include "scale/arithmetic.h"
#include "scale/kernels.h"

namespace zvc {
namespace {

std::uint8_t requantise(std::int32_t sum, std::int32_t shift, std::int32_t ceiling) {
    return static_cast<std::uint8_t>(requantised(sum, shift, ceiling));
}

void pointwise_scalar(const PointwiseJob& job) noexcept {
    const int width = 4 * job.vectors;  // outputs of a block
    for (int b = 0; b < job.blocks; ++b) {
        const int first = b * width;
        const int kept = job.outputs - first < width ? job.outputs - first : width;
        for (std::size_t j = 0; j < job.positions; ++j) {
            std::int32_t sum[4 * kMaxVectors];
            for (int o = 0; o < width; ++o) sum[o] = job.bias[first + o];
            for (int s = 0; s < job.inputs; ++s) {
                const PointwiseInput& in = job.input[s];
                const std::uint8_t* x = in.data + static_cast<std::ptrdiff_t>(j) * in.stride;
                const std::int8_t* w = in.weights + static_cast<std::ptrdiff_t>(b) * in.groups * width * 4;
                for (int g = 0; g < in.groups; ++g, x += 4, w += 4 * width)
                    for (int o = 0; o < width; ++o)
                        sum[o] += x[0] * w[4 * o] + x[1] * w[4 * o + 1] + x[2] * w[4 * o + 2] + x[3] * w[4 * o + 3];
            }
            std::uint8_t* out = job.out + static_cast<std::ptrdiff_t>(j) * job.out_stride + first;
            for (int o = 0; o < kept; ++o) out[o] = requantise(sum[o], job.shift[first + o], job.ceiling);
        }
    }
}

void depthwise_scalar(const DepthwiseJob& job) noexcept {
    constexpr std::size_t kBlock = 4 * kMaxVectors;
    const auto channels = static_cast<std::ptrdiff_t>(job.channels);
    for (std::size_t j = 0; j < job.columns; ++j) {
        const std::ptrdiff_t at = static_cast<std::ptrdiff_t>(j) * channels;
        for (std::size_t c = 0; c < job.channels; ++c) {
            const std::int8_t* w = job.weights + (c / kBlock * 3 * kBlock + c % kBlock) * 4;
            std::int32_t sum = job.bias[c];
            for (int dx = -1; dx <= 1; ++dx, w += 4 * kBlock)
                for (int dy = 0; dy < 3; ++dy)
                    sum += w[dy] * job.row[dy][at + dx * channels + static_cast<std::ptrdiff_t>(c)];
            job.out[at + static_cast<std::ptrdiff_t>(c)] = requantise(sum, job.shift[c], 255);
        }
    }
}

}  // namespace

const ScaleKernels kScaleScalar = {1, pointwise_scalar, depthwise_scalar};

}  // namespace zvc
