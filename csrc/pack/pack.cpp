#include "pack/pack.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace zvc {
namespace {

constexpr std::size_t kBlock[3] = {8, 4, 4};
constexpr std::size_t kFirstChannel[3] = {0, 64, 80}, kChannels = 96;

template <class Sample>
void repeat_last(std::uint8_t* row, std::size_t width, std::size_t padded) {
    Sample* samples = reinterpret_cast<Sample*>(row);
    std::fill(samples + width, samples + padded, samples[width - 1]);
}

}  // namespace

const PackKernels& pack_kernels(Isa isa) noexcept {
#if defined(__x86_64__)
    // Bound by memory: wider registers than AVX2's gain nothing.
    if (isa >= Isa::kAvx2) return kPackAvx2;
#endif
    (void)isa;
    return kPackScalar;
}

void pack(Isa isa, const PackGeometry& geometry, const Plane<const std::uint8_t> planes[3], float* packed) {
    const PackKernels& kernels = pack_kernels(isa);
    const bool wide = geometry.depth > 8;
    const std::size_t bytes = wide ? 2 : 1, area = geometry.rows * geometry.columns;
    const float scale = 1.0f / static_cast<float>(1 << (geometry.depth - 8));
    std::vector<std::uint16_t> storage(geometry.columns * 8);  // uint16: aligned for both sample types
    auto* padded_row = reinterpret_cast<std::uint8_t*>(storage.data());

    for (int p = 0; p < 3; ++p) {
        const auto& plane = planes[p];
        const std::size_t block = kBlock[p], padded = geometry.columns * block;
        const SplitRow split = kernels.split[wide][p > 0];
        float* out = packed + kFirstChannel[p] * area;
        for (std::size_t y = 0; y < geometry.rows * block; ++y) {
            const std::size_t source_y = std::min(y, plane.height - 1);
            const std::uint8_t* row = plane.data + static_cast<std::ptrdiff_t>(source_y) * plane.stride;
            if (plane.width < padded) {
                std::memcpy(padded_row, row, plane.width * bytes);
                if (wide) {
                    repeat_last<std::uint16_t>(padded_row, plane.width, padded);
                } else {
                    repeat_last<std::uint8_t>(padded_row, plane.width, padded);
                }
                row = padded_row;
            }
            split(row, geometry.columns, scale, out + y % block * block * area + y / block * geometry.columns,
                  static_cast<std::ptrdiff_t>(area));
        }
    }
}

void unpack(Isa isa, const PackGeometry& geometry, const float* packed, bool channel_last, const Plane<std::uint8_t> planes[3]) {
    const PackKernels& kernels = pack_kernels(isa);
    const bool wide = geometry.depth > 8;
    const std::size_t bytes = wide ? 2 : 1, area = geometry.rows * geometry.columns;
    const float scale = static_cast<float>(1 << (geometry.depth - 8));
    const float limit = static_cast<float>((1 << geometry.depth) - 1);
    std::vector<std::uint16_t> storage(geometry.columns * 8);
    auto* padded_row = reinterpret_cast<std::uint8_t*>(storage.data());

    for (int p = 0; p < 3; ++p) {
        const auto& plane = planes[p];
        const std::size_t block = kBlock[p], padded = geometry.columns * block;
        const MergeRow merge = kernels.merge[wide][p > 0];
        const MergeRowLast merge_last = kernels.merge_last[wide][p > 0];
        for (std::size_t y = 0; y < plane.height; ++y) {
            std::uint8_t* row = plane.data + static_cast<std::ptrdiff_t>(y) * plane.stride;
            const bool cropped = plane.width < padded;
            const std::size_t channel = kFirstChannel[p] + y % block * block, position = y / block * geometry.columns;
            std::uint8_t* out = cropped ? padded_row : row;
            if (channel_last) {
                merge_last(packed + position * kChannels + channel, kChannels, geometry.columns, scale, limit, out);
            } else {
                merge(packed + channel * area + position, static_cast<std::ptrdiff_t>(area), geometry.columns, scale, limit, out);
            }
            if (cropped) std::memcpy(row, padded_row, plane.width * bytes);
        }
    }
}

}  // namespace zvc
