#include "planes/planes.h"

#include <algorithm>
#include <cstring>

namespace zvc {
namespace {

void copy_samples(std::uint8_t* to, const std::uint8_t* from, std::size_t bytes) {
    if (to != from) std::memcpy(to, from, bytes);
}

}  // namespace

const PlaneKernels& plane_kernels(Isa isa) noexcept {
#if defined(__x86_64__)
    // Bound by memory: wider registers than AVX2's gain nothing.
    if (isa >= Isa::kAvx2) return kPlaneAvx2;
#endif
    (void)isa;
    return kPlaneScalar;
}

void average_planes(Isa isa, const PlanePair& pair) noexcept {
    const auto average = plane_kernels(isa).average[pair.bytes - 1];
    const auto height = static_cast<std::ptrdiff_t>(pair.height);
    for (std::ptrdiff_t y = 0; y < height; ++y)
        average(pair.a + y * pair.a_stride, pair.b + y * pair.b_stride, pair.out + y * pair.out_stride, pair.width);
}

void block_errors(Isa isa, ErrorRow all, std::size_t height, int bytes) noexcept {
    const auto errors = plane_kernels(isa).errors[bytes - 1];
    const std::size_t blocks = (all.width + kErrorBlock - 1) / kErrorBlock;
    for (std::size_t y = 0; y < height; y += kErrorBlock) {
        all.rows = std::min(kErrorBlock, height - y);
        errors(all);
        all.now += kErrorBlock * all.now_stride;
        all.a += kErrorBlock * all.a_stride;
        if (all.b) all.b += kErrorBlock * all.b_stride;
        for (auto& sums : all.sums) sums += blocks;
    }
}

void choose_blocks(const PlanePair& pair, const std::uint8_t* chosen, std::size_t columns, std::size_t side) noexcept {
    for (std::size_t y = 0; y < pair.height; ++y) {
        const std::uint8_t* flags = chosen + y / side * columns;
        const auto row = static_cast<std::ptrdiff_t>(y);
        const std::uint8_t *a = pair.a + row * pair.a_stride, *b = pair.b + row * pair.b_stride;
        std::uint8_t* out = pair.out + row * pair.out_stride;
        // Runs of blocks of the same choice.
        for (std::size_t x = 0; x < pair.width;) {
            const bool from_b = flags[x / side] != 0;
            std::size_t end = x + side;
            while (end < pair.width && (flags[end / side] != 0) == from_b) end += side;
            end = std::min(end, pair.width);
            copy_samples(out + x * pair.bytes, (from_b ? b : a) + x * pair.bytes, (end - x) * pair.bytes);
            x = end;
        }
    }
}

}  // namespace zvc
