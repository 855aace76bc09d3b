#include "loopfilter/loopfilter_blocks.h"

namespace zvc {
namespace {

void gradients_scalar(const GradientBand& band) noexcept {
    for (std::size_t block = 0; kFilterBlock * block < band.width; ++block) block_gradients(band, block);
}

void classes_scalar(const ClassBand& band) noexcept { block_classes(band, 0); }

// Two samples opposite each other about x in row y of `rows`, less twice the one between them.
inline int pair_of(const std::uint16_t* const* rows, int y, std::ptrdiff_t x, int tap) {
    const auto [dy, dx] = kFilterOffsets[tap];
    return rows[y + dy][x + dx] + rows[y - dy][x - dx] - 2 * rows[y][x];
}

template <class Sample>
void apply_scalar(const FilterBand& band) noexcept {
    auto* out = static_cast<Sample*>(band.out);
    for (int y = kFilterReach; y < kFilterReach + band.height; ++y)
        for (std::ptrdiff_t x = 0; x < static_cast<std::ptrdiff_t>(band.width); ++x) {
            const std::uint8_t kind = band.kinds[x / kFilterBlock];
            int sum = 0;
            if (kind != kUnfiltered) {
                const auto& pairs = band.tables[kind].pairs;
                for (int tap = 0; tap < kFilterTaps; ++tap) sum += pairs[tap / 2][tap % 2] * pair_of(band.rows, y, x, tap);
            }
            *out++ = static_cast<Sample>(filtered_sample(band.rows[y][x], sum, band.depth));
        }
}

void statistics_scalar(const StatisticsBand& band, FilterSums* classes) noexcept {
    for (int y = kFilterReach; y < kFilterReach + band.height; ++y)
        for (std::ptrdiff_t x = 0; x < static_cast<std::ptrdiff_t>(band.width); ++x) {
            const std::uint8_t kind = band.kinds[x / kFilterBlock];
            if (kind == kUnfiltered) continue;
            std::int32_t values[kStatistics];
            for (int tap = 0; tap < kFilterTaps; ++tap) values[tap] = statistic_of(pair_of(band.rows, y, x, tap));
            values[kFilterTaps] = statistic_of(band.target[y - kFilterReach][x] - band.rows[y][x]);
            std::int64_t* product = classes[kind].products;
            for (int i = 0; i < kStatistics; ++i)
                for (int j = i; j < kStatistics; ++j) *product++ += values[i] * values[j];
        }
}

void finish_scalar(FilterSums&) noexcept {}

}  // namespace

const LoopFilterKernels kLoopFilterScalar = {
    gradients_scalar, classes_scalar, {apply_scalar<std::uint8_t>, apply_scalar<std::uint16_t>}, statistics_scalar, finish_scalar};

}  // namespace zvc
