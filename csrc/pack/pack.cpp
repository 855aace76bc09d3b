#include "pack/pack.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace zvc {
namespace {

constexpr std::size_t kBlock[3] = {8, 4, 4};
constexpr std::size_t kFirstChannel[3] = {0, 64, 80}, kChannels = 96, kMostRows = 8;
constexpr std::size_t kTile = 64;  // blocks whose channels, next to each other, stay in the first cache until all rows of samples are there

template <class Sample>
void repeat_last(std::uint8_t* row, std::size_t width, std::size_t padded) {
    Sample* samples = reinterpret_cast<Sample*>(row);
    std::fill(samples + width, samples + padded, samples[width - 1]);
}

// Where value n of a packed picture is.
template <class Byte>
Byte* at(Byte* values, PackLayout layout, std::size_t n) {
    return values == nullptr ? nullptr : values + n * (layout.bfloat16 ? sizeof(std::uint16_t) : sizeof(float));
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

void pack(Isa isa, const PackGeometry& geometry, const Plane<const std::uint8_t> planes[3], PackLayout layout, void* packed) {
    const PackKernels& kernels = pack_kernels(isa);
    const bool wide = geometry.depth > 8;
    const std::size_t bytes = wide ? 2 : 1, area = geometry.rows * geometry.columns, pitch = geometry.columns * 8 * bytes;
    const float scale = 1.0f / static_cast<float>(1 << (geometry.depth - 8));
    std::vector<std::uint16_t> storage(kMostRows * geometry.columns * 8);  // uint16: aligned for both sample types
    auto* padded_rows = reinterpret_cast<std::uint8_t*>(storage.data());

    for (int p = 0; p < 3; ++p) {
        const auto& plane = planes[p];
        const std::size_t block = kBlock[p], padded = geometry.columns * block;
        const SplitRow split = kernels.split[wide][p > 0];
        const SplitRowLast split_last = layout.bfloat16 ? kernels.split_bfloat16[p > 0] : kernels.split_last[wide][p > 0];
        for (std::size_t i = 0; i < geometry.rows; ++i) {
            const std::uint8_t* rows[kMostRows];
            for (std::size_t y = 0; y < block; ++y) {
                rows[y] = plane.data + static_cast<std::ptrdiff_t>(std::min(i * block + y, plane.height - 1)) * plane.stride;
                if (plane.width == padded) continue;
                std::uint8_t* row = padded_rows + y * pitch;
                std::memcpy(row, rows[y], plane.width * bytes);
                if (wide) {
                    repeat_last<std::uint16_t>(row, plane.width, padded);
                } else {
                    repeat_last<std::uint8_t>(row, plane.width, padded);
                }
                rows[y] = row;
            }
            if (!layout.channel_last) {
                float* out = static_cast<float*>(packed) + kFirstChannel[p] * area + i * geometry.columns;
                for (std::size_t y = 0; y < block; ++y)
                    split(rows[y], geometry.columns, scale, out + y * block * area, static_cast<std::ptrdiff_t>(area));
                continue;
            }
            for (std::size_t j = 0; j < geometry.columns; j += kTile) {
                const std::size_t first = (i * geometry.columns + j) * kChannels + kFirstChannel[p];
                for (std::size_t y = 0; y < block; ++y)
                    split_last(rows[y] + j * block * bytes, std::min(kTile, geometry.columns - j), scale,
                               at(static_cast<char*>(packed), layout, first + y * block), kChannels);
            }
        }
    }
}

void unpack(Isa isa, const PackGeometry& geometry, const Levels& packed, PackLayout layout, const Plane<std::uint8_t> planes[3]) {
    const PackKernels& kernels = pack_kernels(isa);
    const bool wide = geometry.depth > 8;
    const std::size_t bytes = wide ? 2 : 1, area = geometry.rows * geometry.columns, pitch = geometry.columns * 8 * bytes;
    const float scale = static_cast<float>(1 << (geometry.depth - 8));
    const float limit = static_cast<float>((1 << geometry.depth) - 1);
    std::vector<std::uint16_t> storage(kMostRows * geometry.columns * 8);
    auto* padded_rows = reinterpret_cast<std::uint8_t*>(storage.data());

    for (int p = 0; p < 3; ++p) {
        const auto& plane = planes[p];
        const std::size_t block = kBlock[p];
        const bool cropped = plane.width < geometry.columns * block;
        const MergeRow merge = kernels.merge[wide][p > 0];
        const MergeRowLast merge_last = (layout.bfloat16 ? kernels.merge_bfloat16 : kernels.merge_last)[wide][p > 0];
        for (std::size_t i = 0; i * block < plane.height; ++i) {
            const std::size_t count = std::min(block, plane.height - i * block);
            const auto row = [&](std::size_t y) { return plane.data + static_cast<std::ptrdiff_t>(i * block + y) * plane.stride; };
            std::uint8_t* out[kMostRows];
            for (std::size_t y = 0; y < count; ++y) out[y] = cropped ? padded_rows + y * pitch : row(y);
            if (layout.channel_last) {
                for (std::size_t j = 0; j < geometry.columns; j += kTile) {
                    const std::size_t first = (i * geometry.columns + j) * kChannels + kFirstChannel[p];
                    for (std::size_t y = 0; y < count; ++y) {
                        const auto of = [&](const void* values) { return at(static_cast<const char*>(values), layout, first + y * block); };
                        const Levels in{of(packed.values), of(packed.a), of(packed.b), packed.blend};
                        merge_last(in, kChannels, std::min(kTile, geometry.columns - j), scale, limit, out[y] + j * block * bytes);
                    }
                }
            } else {
                const float* in = static_cast<const float*>(packed.values) + kFirstChannel[p] * area + i * geometry.columns;
                for (std::size_t y = 0; y < count; ++y)
                    merge(in + y * block * area, static_cast<std::ptrdiff_t>(area), geometry.columns, scale, limit, out[y]);
            }
            for (std::size_t y = 0; cropped && y < count; ++y) std::memcpy(row(y), out[y], plane.width * bytes);
        }
    }
}

}  // namespace zvc
