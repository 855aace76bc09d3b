#include <immintrin.h>

#include "pack/pack.h"
#include "pack/pack_rows.h"

namespace zvc {
namespace {

constexpr std::size_t kTile = 8;  // blocks at a time

// A block is kDwords 32-bit words; d[m] holds word m of eight consecutive blocks.
template <int kDwords>
struct Words;

template <>
struct Words<1> {
    static void load(const std::uint8_t* p, __m256i* d) {
        d[0] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    }
    static void store(std::uint8_t* p, const __m256i* d) {
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), d[0]);
    }
};

template <>
struct Words<2> {
    static void load(const std::uint8_t* p, __m256i* d) {
        const __m256 a = _mm256_loadu_ps(reinterpret_cast<const float*>(p));
        const __m256 b = _mm256_loadu_ps(reinterpret_cast<const float*>(p + 32));
        // Blocks 0 1 4 5 | 2 3 6 7 after the shuffle, in order after the permutation.
        d[0] = _mm256_permute4x64_epi64(_mm256_castps_si256(_mm256_shuffle_ps(a, b, 0x88)), 0xD8);
        d[1] = _mm256_permute4x64_epi64(_mm256_castps_si256(_mm256_shuffle_ps(a, b, 0xDD)), 0xD8);
    }
    static void store(std::uint8_t* p, const __m256i* d) {
        const __m256i low = _mm256_unpacklo_epi32(d[0], d[1]), high = _mm256_unpackhi_epi32(d[0], d[1]);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm256_permute2x128_si256(low, high, 0x20));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 32), _mm256_permute2x128_si256(low, high, 0x31));
    }
};

template <>
struct Words<4> {
    // Lanes hold blocks 0..3 | 4..7: a 4x4 transposition in each.
    static void load(const std::uint8_t* p, __m256i* d) {
        const auto* q = reinterpret_cast<const __m128i*>(p);
        const __m256i a = _mm256_loadu2_m128i(q + 4, q), b = _mm256_loadu2_m128i(q + 5, q + 1);
        const __m256i c = _mm256_loadu2_m128i(q + 6, q + 2), e = _mm256_loadu2_m128i(q + 7, q + 3);
        transpose(a, b, c, e, d);
    }
    static void store(std::uint8_t* p, const __m256i* d) {
        __m256i block[4];
        transpose(d[0], d[1], d[2], d[3], block);
        auto* q = reinterpret_cast<__m128i*>(p);
        for (int b = 0; b < 4; ++b) _mm256_storeu2_m128i(q + 4 + b, q + b, block[b]);
    }
    static void transpose(__m256i a, __m256i b, __m256i c, __m256i e, __m256i* d) {
        const __m256i ab_low = _mm256_unpacklo_epi32(a, b), ab_high = _mm256_unpackhi_epi32(a, b);
        const __m256i ce_low = _mm256_unpacklo_epi32(c, e), ce_high = _mm256_unpackhi_epi32(c, e);
        d[0] = _mm256_unpacklo_epi64(ab_low, ce_low);
        d[1] = _mm256_unpackhi_epi64(ab_low, ce_low);
        d[2] = _mm256_unpacklo_epi64(ab_high, ce_high);
        d[3] = _mm256_unpackhi_epi64(ab_high, ce_high);
    }
};

// Levels of eight samples, channels last: of a block of eight, or of two of four that are `block` values apart.
template <int kBlock>
struct Eight {
    static __m256 load(const float* p, std::ptrdiff_t block) { return kBlock == 8 ? _mm256_loadu_ps(p) : _mm256_loadu2_m128(p + block, p); }
    static __m256 load(const std::uint16_t* p, std::ptrdiff_t block) {
        const auto four = [](const std::uint16_t* q) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(q)); };
        const __m128i bits = kBlock == 8 ? _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)) : _mm_unpacklo_epi64(four(p), four(p + block));
        return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
    }

    static void store(float* p, std::ptrdiff_t block, __m256 levels) {
        if constexpr (kBlock == 8) {
            _mm256_storeu_ps(p, levels);
        } else {
            _mm256_storeu2_m128(p + block, p, levels);
        }
    }
    // Levels that bfloat16 holds: the lower halves are zero.
    static void store(std::uint16_t* p, std::ptrdiff_t block, __m256 levels) {
        const __m256i upper = _mm256_srli_epi32(_mm256_castps_si256(levels), 16);
        const __m128i bits = _mm_packus_epi32(_mm256_castsi256_si128(upper), _mm256_extracti128_si256(upper, 1));
        if constexpr (kBlock == 8) {
            _mm_storeu_si128(reinterpret_cast<__m128i*>(p), bits);
        } else {
            _mm_storel_epi64(reinterpret_cast<__m128i*>(p), bits);
            _mm_storel_epi64(reinterpret_cast<__m128i*>(p + block), _mm_unpackhi_epi64(bits, bits));
        }
    }

    // As level_at, from value n on.
    template <class Value>
    static __m256 sum(const Levels& in, std::ptrdiff_t n, std::ptrdiff_t block) {
        const auto of = [n, block](const void* values) { return load(static_cast<const Value*>(values) + n, block); };
        if (in.a == nullptr) return of(in.values);
        __m256 predicted = of(in.a);
        if (in.b != nullptr)
            predicted = _mm256_add_ps(predicted, _mm256_mul_ps(_mm256_set1_ps(in.blend), _mm256_sub_ps(of(in.b), predicted)));
        return _mm256_add_ps(of(in.values), predicted);
    }
};

template <class Sample, int kBlock>
struct Row {
    static constexpr int kPerWord = 4 / sizeof(Sample), kBits = 8 * sizeof(Sample);
    static constexpr int kDwords = kBlock / kPerWord;

    static void split_tile(const Sample* row, __m256 scale, float* out, std::ptrdiff_t channel) {
        __m256i d[kDwords];
        Words<kDwords>::load(reinterpret_cast<const std::uint8_t*>(row), d);
        const __m256i mask = _mm256_set1_epi32((1 << kBits) - 1);
        for (int m = 0; m < kDwords; ++m)
            for (int s = 0; s < kPerWord; ++s) {
                const __m256i sample = _mm256_and_si256(_mm256_srli_epi32(d[m], kBits * s), mask);
                _mm256_storeu_ps(out + (m * kPerWord + s) * channel, _mm256_mul_ps(_mm256_cvtepi32_ps(sample), scale));
            }
    }

    static void merge_tile(const float* in, std::ptrdiff_t channel, __m256 scale, __m256 limit, Sample* row) {
        __m256i d[kDwords];
        for (int m = 0; m < kDwords; ++m) {
            d[m] = _mm256_setzero_si256();
            for (int s = 0; s < kPerWord; ++s) {
                __m256 x = _mm256_mul_ps(_mm256_loadu_ps(in + (m * kPerWord + s) * channel), scale);
                // max returns its second operand for NaN
                x = _mm256_min_ps(_mm256_max_ps(x, _mm256_setzero_ps()), limit);
                d[m] = _mm256_or_si256(d[m], _mm256_slli_epi32(_mm256_cvtps_epi32(x), kBits * s));
            }
        }
        Words<kDwords>::store(reinterpret_cast<std::uint8_t*>(row), d);
    }

    static void split(const void* data, std::size_t blocks, float scale, float* out, std::ptrdiff_t channel) noexcept {
        const Sample* row = static_cast<const Sample*>(data);
        if (blocks < kTile) return split_blocks<Sample, kBlock>(row, blocks, scale, out, channel);
        const __m256 scales = _mm256_set1_ps(scale);
        for (std::size_t j = 0; j + kTile <= blocks; j += kTile) split_tile(row + kBlock * j, scales, out + j, channel);
        // The last tile overlaps the one before it: the same values are written again.
        const std::size_t last = blocks - kTile;
        if (blocks % kTile != 0) split_tile(row + kBlock * last, scales, out + last, channel);
    }

    static void merge(const float* in, std::ptrdiff_t channel, std::size_t blocks, float scale, float limit,
                      void* data) noexcept {
        Sample* row = static_cast<Sample*>(data);
        if (blocks < kTile) return merge_blocks<Sample, kBlock>(in, channel, blocks, scale, limit, row);
        const __m256 scales = _mm256_set1_ps(scale), limits = _mm256_set1_ps(limit);
        for (std::size_t j = 0; j + kTile <= blocks; j += kTile)
            merge_tile(in + j, channel, scales, limits, row + kBlock * j);
        const std::size_t last = blocks - kTile;
        if (blocks % kTile != 0) merge_tile(in + last, channel, scales, limits, row + kBlock * last);
    }

    template <class Value>
    static void split_last(const void* data, std::size_t blocks, float scale, void* out, std::ptrdiff_t block) noexcept {
        constexpr std::size_t kBlocks = 8 / kBlock;  // of eight samples
        const Sample* row = static_cast<const Sample*>(data);
        Value* values = static_cast<Value*>(out);
        if (blocks < kBlocks) return split_blocks_last<Sample, kBlock>(row, blocks, scale, values, block);
        const __m256 scales = _mm256_set1_ps(scale);
        for (std::size_t first = 0; first < blocks; first += kBlocks) {
            const std::size_t j = first + kBlocks <= blocks ? first : blocks - kBlocks;  // the last ones overlap those before them
            const Sample* from = row + kBlock * j;
            const __m256i samples = sizeof(Sample) == 1 ? _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from)))
                                                        : _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
            Eight<kBlock>::store(values + static_cast<std::ptrdiff_t>(j) * block, block, _mm256_mul_ps(_mm256_cvtepi32_ps(samples), scales));
        }
    }

    // Eight samples as 16-bit numbers.
    static __m128i samples8(__m256 levels, __m256 scale, __m256 limit) {
        // max returns its second operand for NaN
        const __m256 x = _mm256_min_ps(_mm256_max_ps(_mm256_mul_ps(levels, scale), _mm256_setzero_ps()), limit);
        const __m256i whole = _mm256_cvtps_epi32(x);
        return _mm_packus_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
    }

    template <class Value>
    static void merge_last(const Levels& in, std::ptrdiff_t block, std::size_t blocks, float scale, float limit,
                           void* data) noexcept {
        constexpr std::size_t kBlocks = 8 / kBlock, kPair = 2 * kBlocks;  // of samples8, of two of them
        Sample* row = static_cast<Sample*>(data);
        if (blocks < kPair) return merge_blocks_last<Sample, kBlock, Value>(in, block, blocks, scale, limit, row);
        const __m256 scales = _mm256_set1_ps(scale), limits = _mm256_set1_ps(limit);
        for (std::size_t pair = 0; pair < blocks; pair += kPair) {
            const std::size_t j = pair + kPair <= blocks ? pair : blocks - kPair;  // the last pair overlaps the one before it
            const auto samples = [&](std::size_t at) {
                return samples8(Eight<kBlock>::template sum<Value>(in, static_cast<std::ptrdiff_t>(at) * block, block), scales, limits);
            };
            const __m128i first = samples(j), second = samples(j + kBlocks);
            auto* to = reinterpret_cast<__m128i*>(row + kBlock * j);
            if constexpr (sizeof(Sample) == 1) {
                _mm_storeu_si128(to, _mm_packus_epi16(first, second));
            } else {
                _mm_storeu_si128(to, first);
                _mm_storeu_si128(to + 1, second);
            }
        }
    }
};

using U8 = std::uint8_t;
using U16 = std::uint16_t;

}  // namespace

const PackKernels kPackAvx2 = {
    {{Row<U8, 8>::split, Row<U8, 4>::split}, {Row<U16, 8>::split, Row<U16, 4>::split}},
    {{Row<U8, 8>::merge, Row<U8, 4>::merge}, {Row<U16, 8>::merge, Row<U16, 4>::merge}},
    {{Row<U8, 8>::split_last<float>, Row<U8, 4>::split_last<float>}, {Row<U16, 8>::split_last<float>, Row<U16, 4>::split_last<float>}},
    {Row<U8, 8>::split_last<U16>, Row<U8, 4>::split_last<U16>},
    {{Row<U8, 8>::merge_last<float>, Row<U8, 4>::merge_last<float>}, {Row<U16, 8>::merge_last<float>, Row<U16, 4>::merge_last<float>}},
    {{Row<U8, 8>::merge_last<U16>, Row<U8, 4>::merge_last<U16>}, {Row<U16, 8>::merge_last<U16>, Row<U16, 4>::merge_last<U16>}},
};

}  // namespace zvc
