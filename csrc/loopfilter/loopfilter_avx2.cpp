#include <immintrin.h>

#include <cstring>

#include "loopfilter/loopfilter_blocks.h"
#include "loopfilter/statistics_avx2.h"

namespace zvc {
namespace {

constexpr std::size_t kLanes = 16, kGroup = kLanes / kFilterBlock;

inline __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

inline __m256i gradient(__m256i twice, const std::uint16_t* one, const std::uint16_t* other) {
    return _mm256_abs_epi16(_mm256_sub_epi16(_mm256_sub_epi16(twice, load(one)), load(other)));
}

void gradients_avx2(const GradientBand& band) noexcept {
    const __m256i ones = _mm256_set1_epi16(1);
    for (std::size_t x = 0; x < band.width; x += kLanes) {
        // Four gradients of at most 8190 fit 16 bits.
        __m256i columns[kDirections] = {};
        for (const auto& row : band.rows) {
            const std::uint16_t *here = row[0] + x, *above = row[1] + x, *below = row[2] + x;
            const __m256i twice = _mm256_slli_epi16(load(here), 1);
            columns[0] = _mm256_add_epi16(columns[0], gradient(twice, above, below));
            columns[1] = _mm256_add_epi16(columns[1], gradient(twice, here - 1, here + 1));
            columns[2] = _mm256_add_epi16(columns[2], gradient(twice, above - 1, below + 1));
            columns[3] = _mm256_add_epi16(columns[3], gradient(twice, above + 1, below - 1));
        }
        for (int d = 0; d < kDirections; d += 2) {
            const __m256i both = _mm256_hadd_epi32(_mm256_madd_epi16(columns[d], ones), _mm256_madd_epi16(columns[d + 1], ones));
            const __m256i sums = _mm256_permute4x64_epi64(both, 0b11'01'10'00);
            _mm_storeu_si128(reinterpret_cast<__m128i*>(band.sums[d] + x / kFilterBlock), _mm256_castsi256_si128(sums));
            _mm_storeu_si128(reinterpret_cast<__m128i*>(band.sums[d + 1] + x / kFilterBlock), _mm256_extracti128_si256(sums, 1));
        }
    }
    // Beyond the picture the gradients go on, not the samples.
    if (band.width % kFilterBlock != 0) block_gradients(band, band.width / kFilterBlock);
}

// a * b > c * d, for numbers that are not negative.
inline __m256i greater_product(__m256i a, __m256i b, __m256i c, __m256i d) {
    const __m256i even = _mm256_cmpgt_epi64(_mm256_mul_epu32(a, b), _mm256_mul_epu32(c, d));
    const auto odd = [](__m256i values) { return _mm256_srli_epi64(values, 32); };
    return _mm256_blend_epi32(even, _mm256_cmpgt_epi64(_mm256_mul_epu32(odd(a), odd(b)), _mm256_mul_epu32(odd(c), odd(d))), 0b10101010);
}

// As filter_class.
inline __m256i classes_of(__m256i vertical, __m256i horizontal, __m256i falling, __m256i rising) {
    const __m256i little = _mm256_set1_epi32(kFilterLittle), sum = _mm256_add_epi32(vertical, horizontal);
    __m256i activity = _mm256_setzero_si256();
    for (const int bound : {kFilterActive1, kFilterActive2, kFilterActive3, kFilterActive4})
        activity = _mm256_sub_epi32(activity, _mm256_cmpgt_epi32(sum, _mm256_set1_epi32(bound - 1)));
    const __m256i most_straight = _mm256_max_epi32(vertical, horizontal), most_diagonal = _mm256_max_epi32(falling, rising);
    const __m256i least_straight = _mm256_add_epi32(_mm256_min_epi32(vertical, horizontal), little);
    const __m256i least_diagonal = _mm256_add_epi32(_mm256_min_epi32(falling, rising), little);
    const __m256i straight = greater_product(most_straight, least_diagonal, most_diagonal, least_straight);
    const __m256i most = _mm256_blendv_epi8(most_diagonal, most_straight, straight), least = _mm256_blendv_epi8(least_diagonal, least_straight, straight);
    const __m256i flat = _mm256_cmpgt_epi32(_mm256_mullo_epi32(least, _mm256_set1_epi32(3)), _mm256_slli_epi32(most, 1));
    const __m256i by_straight = _mm256_add_epi32(_mm256_set1_epi32(2), _mm256_cmpgt_epi32(vertical, horizontal));
    const __m256i by_diagonal = _mm256_add_epi32(_mm256_set1_epi32(4), _mm256_cmpgt_epi32(falling, rising));
    const __m256i direction = _mm256_andnot_si256(flat, _mm256_blendv_epi8(by_diagonal, by_straight, straight));
    return _mm256_add_epi32(_mm256_mullo_epi32(activity, _mm256_set1_epi32(5)), direction);
}

void classes_avx2(const ClassBand& band) noexcept {
    std::size_t block = 0;
    for (; block + 8 <= band.blocks; block += 8) {
        __m256i window[kDirections] = {};
        for (const auto& row : band.sums)
            for (int d = 0; d < kDirections; ++d) {
                const std::int32_t* at = row[d] + block;
                window[d] = _mm256_add_epi32(_mm256_add_epi32(window[d], load(at - 1)), _mm256_add_epi32(load(at), load(at + 1)));
            }
        const __m256i classes = classes_of(window[0], window[1], window[2], window[3]);
        const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(classes), _mm256_extracti128_si256(classes, 1));
        _mm_storel_epi64(reinterpret_cast<__m128i*>(band.classes + block), _mm_packus_epi16(words, words));
    }
    block_classes(band, block);
}

// Coefficients of 16 samples, block by block: unpacklo leaves blocks 0 and 2 in the halves of a register, unpackhi 1 and 3.
struct GroupFilter {
    __m256i even[kFilterTaps / 2 + 1], odd[kFilterTaps / 2 + 1];

    GroupFilter(const FilterTable* tables, const FilterTable& nothing, const std::uint8_t* kinds) {
        const FilterTable* of[kGroup];
        for (std::size_t n = 0; n < kGroup; ++n) of[n] = kinds[n] == kUnfiltered ? &nothing : tables + kinds[n];
        for (int pair = 0; pair <= kFilterTaps / 2; ++pair) {
            even[pair] = two(of[0]->pairs[pair], of[2]->pairs[pair]);
            odd[pair] = two(of[1]->pairs[pair], of[3]->pairs[pair]);
        }
    }

    static __m256i two(const std::int16_t* low, const std::int16_t* high) {
        return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_load_si128(reinterpret_cast<const __m128i*>(low))),
                                       _mm_load_si128(reinterpret_cast<const __m128i*>(high)), 1);
    }
};

// One and the other sample of a pair, 8190 at most.
template <int kTap>
inline __m256i pair_at(const std::uint16_t* const* rows, std::size_t x) {
    constexpr int dy = kFilterOffsets[kTap][0], dx = kFilterOffsets[kTap][1];
    return _mm256_add_epi16(load(rows[dy] + x + dx), load(rows[-dy] + x - dx));
}

template <int kPair>
inline void add_pairs(const std::uint16_t* const* rows, std::size_t x, const GroupFilter& filter, __m256i& even, __m256i& odd) {
    if constexpr (kPair < kFilterTaps / 2) {
        const __m256i a = pair_at<2 * kPair>(rows, x), b = pair_at<2 * kPair + 1>(rows, x);
        even = _mm256_add_epi32(even, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), filter.even[kPair]));
        odd = _mm256_add_epi32(odd, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), filter.odd[kPair]));
        add_pairs<kPair + 1>(rows, x, filter, even, odd);
    }
}

// 16 samples; rows[0] is their own.
inline __m256i filtered(const std::uint16_t* const* rows, std::size_t x, const GroupFilter& filter, __m128i shift) {
    const __m256i centre = load(rows[0] + x), ones = _mm256_set1_epi16(1);
    __m256i even = _mm256_madd_epi16(_mm256_unpacklo_epi16(centre, ones), filter.even[kFilterTaps / 2]);
    __m256i odd = _mm256_madd_epi16(_mm256_unpackhi_epi16(centre, ones), filter.odd[kFilterTaps / 2]);
    add_pairs<0>(rows, x, filter, even, odd);
    return _mm256_packus_epi32(_mm256_sra_epi32(even, shift), _mm256_sra_epi32(odd, shift));
}

inline void store(std::uint8_t* out, __m256i samples) {
    const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(samples), _mm256_extracti128_si256(samples, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), bytes);
}
inline void store(std::uint16_t* out, __m256i samples) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), samples); }

template <class Sample>
inline void store(Sample* out, __m256i samples, std::size_t count) {
    if (count >= kLanes) return store(out, samples);
    Sample all[kLanes];
    store(all, samples);
    std::memcpy(out, all, count * sizeof(Sample));
}

template <class Sample>
void apply_avx2(const FilterBand& band) noexcept {
    const int down = kFilterDepth - band.depth;
    const __m128i shift = _mm_cvtsi32_si128(kFilterShift + down), plain_shift = _mm_cvtsi32_si128(down);
    const __m256i top = _mm256_set1_epi16(static_cast<std::int16_t>((1 << band.depth) - 1));
    const __m256i half = _mm256_set1_epi16(static_cast<std::int16_t>((1 << down) / 2));
    FilterTable nothing = {};
    for (int n = 0; n < 8; n += 2) {
        nothing.pairs[kFilterTaps / 2][n] = 1 << kFilterShift;
        nothing.pairs[kFilterTaps / 2][n + 1] = static_cast<std::int16_t>(1 << (kFilterShift + down - 1));
    }
    constexpr std::uint32_t kAllUnfiltered = kUnfiltered * 0x01010101U;
    for (std::size_t x = 0; x < band.width; x += kLanes) {
        const std::uint8_t* kinds = band.kinds + x / kFilterBlock;
        auto* out = static_cast<Sample*>(band.out) + x;
        std::uint32_t four;
        std::memcpy(&four, kinds, sizeof four);
        if (four == kAllUnfiltered) {
            for (int y = 0; y < band.height; ++y, out += band.width) {
                const __m256i rounded = _mm256_srl_epi16(_mm256_add_epi16(load(band.rows[kFilterReach + y] + x), half), plain_shift);
                store(out, _mm256_min_epu16(rounded, top), band.width - x);
            }
            continue;
        }
        const GroupFilter filter(band.tables, nothing, kinds);
        for (int y = 0; y < band.height; ++y, out += band.width)
            store(out, _mm256_min_epu16(filtered(band.rows + kFilterReach + y, x, filter, shift), top), band.width - x);
    }
}

}  // namespace

const LoopFilterKernels kLoopFilterAvx2 = {
    gradients_avx2, classes_avx2, {apply_avx2<std::uint8_t>, apply_avx2<std::uint16_t>}, statistics_avx2, finish_avx2};

}  // namespace zvc
