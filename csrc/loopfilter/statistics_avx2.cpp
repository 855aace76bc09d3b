#include "loopfilter/statistics_avx2.h"

#include <immintrin.h>

#include <cstring>

namespace zvc {
namespace {

constexpr std::size_t kLanes = 16, kGroup = kLanes / kFilterBlock;
// Values are -2048 .. 2047: a lane of `sums` takes two products of each block, 2^23 at most, and 63 groups of four blocks.
constexpr std::uint32_t kMostGroups = 63;

using BlockValues = std::int16_t[kStatistics][16];  // rows of a block one after the other

inline __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
inline __m256i own(const void* p) { return _mm256_load_si256(static_cast<const __m256i*>(p)); }
inline void put(void* p, __m256i values) { _mm256_store_si256(static_cast<__m256i*>(p), values); }

void sum_group(FilterSums& sums) noexcept {
    const BlockValues* block = sums.queue + sums.groups % 2 * kGroup;
    std::int32_t(*sum)[8] = sums.sums;
    for (int i = 0; i < kStatistics; ++i) {
        const __m256i a = own(block[0][i]), b = own(block[1][i]), c = own(block[2][i]), d = own(block[3][i]);
        for (int j = i; j < kStatistics; ++j, ++sum) {
            const __m256i ab = _mm256_add_epi32(_mm256_madd_epi16(a, own(block[0][j])), _mm256_madd_epi16(b, own(block[1][j])));
            const __m256i cd = _mm256_add_epi32(_mm256_madd_epi16(c, own(block[2][j])), _mm256_madd_epi16(d, own(block[3][j])));
            put(*sum, _mm256_add_epi32(own(*sum), _mm256_add_epi32(ab, cd)));
        }
    }
    ++sums.groups;
}

void empty_sums(FilterSums& sums) noexcept {
    for (int n = 0; n < kProducts; ++n)
        for (std::int32_t& lane : sums.sums[n]) {
            sums.products[n] += lane;
            lane = 0;
        }
}

inline void sum_full_groups(FilterSums& sums) {
    if (sums.queued / kGroup == sums.groups) return;
    sum_group(sums);
    if (sums.groups % kMostGroups == 0) empty_sums(sums);
}

// Value n of four blocks, from their rows.
inline void put_blocks(const __m256i (&rows)[kFilterBlock], BlockValues* const (&blocks)[kGroup], int n) {
    const __m256i upper_even = _mm256_unpacklo_epi64(rows[0], rows[1]), upper_odd = _mm256_unpackhi_epi64(rows[0], rows[1]);
    const __m256i lower_even = _mm256_unpacklo_epi64(rows[2], rows[3]), lower_odd = _mm256_unpackhi_epi64(rows[2], rows[3]);
    put((*blocks[0])[n], _mm256_permute2x128_si256(upper_even, lower_even, 0x20));
    put((*blocks[1])[n], _mm256_permute2x128_si256(upper_odd, lower_odd, 0x20));
    put((*blocks[2])[n], _mm256_permute2x128_si256(upper_even, lower_even, 0x31));
    put((*blocks[3])[n], _mm256_permute2x128_si256(upper_odd, lower_odd, 0x31));
}

// Samples beyond the picture count for nothing.
void cut_block(BlockValues& block, int rows, std::size_t columns) noexcept {
    for (auto& values : block)
        for (int y = 0; y < kFilterBlock; ++y)
            for (std::size_t x = 0; x < kFilterBlock; ++x)
                if (y >= rows || x >= columns) values[kFilterBlock * y + x] = 0;
}

template <int kTap>
inline void put_pairs(const std::uint16_t* const* rows, std::size_t x, const __m256i (&twice)[kFilterBlock], BlockValues* const (&blocks)[kGroup]) {
    if constexpr (kTap < kFilterTaps) {
        constexpr int dy = kFilterOffsets[kTap][0], dx = kFilterOffsets[kTap][1];
        __m256i values[kFilterBlock];
        for (int y = 0; y < kFilterBlock; ++y) {
            const __m256i both = _mm256_add_epi16(load(rows[y + dy] + x + dx), load(rows[y - dy] + x - dx));
            values[y] = _mm256_srai_epi16(_mm256_sub_epi16(both, twice[y]), 2);
        }
        put_blocks(values, blocks, kTap);
        put_pairs<kTap + 1>(rows, x, twice, blocks);
    }
}

}  // namespace

void statistics_avx2(const StatisticsBand& band, FilterSums* classes) noexcept {
    constexpr std::uint32_t kAllUnfiltered = kUnfiltered * 0x01010101U;
    const std::uint16_t* const* rows = band.rows + kFilterReach;
    alignas(32) BlockValues nowhere;
    for (std::size_t x = 0; x < band.width; x += kLanes) {
        const std::uint8_t* kinds = band.kinds + x / kFilterBlock;
        std::uint32_t four;
        std::memcpy(&four, kinds, sizeof four);
        if (four == kAllUnfiltered) continue;
        BlockValues* blocks[kGroup];
        for (std::size_t n = 0; n < kGroup; ++n) blocks[n] = kinds[n] == kUnfiltered ? &nowhere : &classes[kinds[n]].queue[classes[kinds[n]].queued++ % 8];
        __m256i twice[kFilterBlock], errors[kFilterBlock];
        for (int y = 0; y < kFilterBlock; ++y) {
            const __m256i centre = load(rows[y] + x);
            twice[y] = _mm256_slli_epi16(centre, 1);
            errors[y] = _mm256_srai_epi16(_mm256_sub_epi16(load(band.target[y] + x), centre), 2);
        }
        put_pairs<0>(rows, x, twice, blocks);
        put_blocks(errors, blocks, kFilterTaps);
        for (std::size_t n = 0; n < kGroup; ++n) {
            if (kinds[n] == kUnfiltered) continue;
            const std::size_t columns = band.width - x - kFilterBlock * n;
            if (band.height < kFilterBlock || columns < kFilterBlock) cut_block(*blocks[n], band.height, columns);
        }
        for (std::size_t n = 0; n < kGroup; ++n)
            if (kinds[n] != kUnfiltered) sum_full_groups(classes[kinds[n]]);
    }
}

void finish_avx2(FilterSums& sums) noexcept {
    for (; sums.queued % kGroup != 0; ++sums.queued) std::memset(sums.queue[sums.queued % 8], 0, sizeof sums.queue[0]);
    sum_full_groups(sums);
    empty_sums(sums);
}

}  // namespace zvc
