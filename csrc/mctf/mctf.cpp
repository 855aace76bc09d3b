#include "mctf/mctf.h"

#include <algorithm>
#include <vector>

namespace zvc {

const MctfKernels& mctf_kernels(Isa isa) noexcept {
#if defined(__x86_64__)
    // Bound by gathers and divisions: wider registers than AVX2's gain nothing.
    if (isa >= Isa::kAvx2) return kMctfAvx2;
#endif
    (void)isa;
    return kMctfScalar;
}

void blend_planes(Isa isa, const BlendJob& job) {
    const auto blend = mctf_kernels(isa).blend[job.bytes - 1];
    const auto count = static_cast<std::size_t>(job.count);
    // Weights of samples, made of those of blocks once for each row of blocks.
    std::vector<float> weights(count * job.width);
    BlendRow row = {};
    row.falloff = job.falloff;
    row.width = job.width;
    row.count = job.count;
    for (std::size_t n = 0; n < count; ++n) row.weight[n] = &weights[n * job.width];
    for (std::size_t y = 0; y < job.height; ++y) {
        if (y % job.side == 0) {
            for (std::size_t n = 0; n < count; ++n)
                for (std::size_t x = 0; x < job.width; ++x) weights[n * job.width + x] = job.weight[n][y / job.side * job.columns + x / job.side];
        }
        const auto at = static_cast<std::ptrdiff_t>(y);
        row.now = job.now + at * job.now_stride;
        for (std::size_t n = 0; n < count; ++n) row.neighbour[n] = job.neighbour[n] + at * job.neighbour_stride[n];
        row.out = job.out + at * job.out_stride;
        blend(row);
    }
}

void block_differences(Isa isa, DifferenceRow all, std::size_t height, int bytes) noexcept {
    const auto differences = mctf_kernels(isa).differences[bytes - 1];
    const std::size_t blocks = (all.width + kDifferenceBlock - 1) / kDifferenceBlock;
    for (std::size_t y = 0; y < height; y += kDifferenceBlock) {
        all.rows = std::min(kDifferenceBlock, height - y);
        differences(all);
        all.now += static_cast<std::ptrdiff_t>(kDifferenceBlock) * all.now_stride;
        all.other += static_cast<std::ptrdiff_t>(kDifferenceBlock) * all.other_stride;
        all.energy += blocks;
        all.roughness += blocks;
    }
}

}  // namespace zvc
