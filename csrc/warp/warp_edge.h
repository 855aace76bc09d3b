// Two columns next to a block's side, predicted and mixed at once: eight rows a vector of AVX2, each row a pair of int16.
// Local to the including file: each is compiled for another instruction set.
#pragma once

#include <immintrin.h>

#include <cstring>

#include "warp/warp_simd.h"

namespace zvc {
namespace {

constexpr int kEdgeRows = 8;  // at once

// Two columns of 8 rows from `source`, whose row 0 is `y` rows on: rows n and n + 4 in the lanes of vector n. Rows behind `last` repeat it.
template <class Load>
inline void each_two_rows(int y, int last, __m256i (&rows)[4], const Load& load) {
    const auto row = [&](int n) { return load(n < last ? n : last); };
    for (int n = 0; n < 4; ++n) rows[n] = _mm256_inserti128_si256(_mm256_castsi128_si256(row(y + n)), row(y + n + 4), 1);
}

template <class Sample>
inline __m128i load_samples(const Sample* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }

// First pass: `taps` are eight, the last ones zero where there are four, from column 0 of `source` on.
inline void filter_pairs(const std::uint8_t* source, std::ptrdiff_t stride, int rows, int last, const std::int8_t (&taps)[8], int,
                         std::uint32_t* to) {
    std::uint64_t all;
    std::memcpy(&all, taps, 8);
    const __m256i weights = _mm256_set1_epi64x(static_cast<long long>(all));
    const __m256i order = _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 1, 2, 3, 4, 5, 6, 7, 8));
    for (int y = 0; y < rows; y += kEdgeRows) {
        __m256i m[4];
        each_two_rows(y, last, m, [&](int n) { return load_samples(source + n * stride); });
        // Sums of parts may wrap, the sum of all fits int16 (warp.h).
        for (auto& v : m) v = _mm256_maddubs_epi16(_mm256_shuffle_epi8(v, order), weights);
        const __m256i sums = _mm256_hadd_epi16(_mm256_hadd_epi16(m[0], m[1]), _mm256_hadd_epi16(m[2], m[3]));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + y), sums);
    }
}

inline void filter_pairs(const std::uint16_t* source, std::ptrdiff_t stride, int rows, int last, const std::int8_t (&taps)[8], int shift,
                         std::uint32_t* to) {
    std::int64_t all;
    std::memcpy(&all, taps, 8);
    const __m256i weights = _mm256_broadcastsi128_si256(_mm_cvtepi8_epi16(_mm_cvtsi64_si128(all))), half = _mm256_set1_epi32(1 << shift >> 1);
    const __m128i by = _mm_cvtsi32_si128(shift);
    for (int y = 0; y < rows; y += kEdgeRows) {
        __m256i a[4], b[4];
        each_two_rows(y, last, a, [&](int n) { return load_samples(source + n * stride); });
        each_two_rows(y, last, b, [&](int n) { return load_samples(source + n * stride + 1); });
        for (int n = 0; n < 4; ++n) a[n] = _mm256_hadd_epi32(_mm256_madd_epi16(a[n], weights), _mm256_madd_epi16(b[n], weights));
        const auto two_rows = [&](int n) { return _mm256_sra_epi32(_mm256_add_epi32(_mm256_hadd_epi32(a[n], a[n + 1]), half), by); };
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + y), _mm256_packs_epi32(two_rows(0), two_rows(2)));
    }
}

inline __m256i load_pairs(const std::uint8_t* p, std::ptrdiff_t stride, int rows) {
    const auto pair = [&](int n) {
        std::uint16_t two;
        std::memcpy(&two, p + n * stride, 2);
        return static_cast<short>(two);
    };
    __m128i v = _mm_cvtsi32_si128(static_cast<std::uint16_t>(pair(0)));
    if (rows > 1) v = _mm_insert_epi16(v, pair(1), 1);
    if (rows > 2) v = _mm_insert_epi16(v, pair(2), 2);
    if (rows > 3) v = _mm_insert_epi16(v, pair(3), 3);
    if (rows > 4) v = _mm_insert_epi16(v, pair(4), 4);
    if (rows > 5) v = _mm_insert_epi16(v, pair(5), 5);
    if (rows > 6) v = _mm_insert_epi16(v, pair(6), 6);
    if (rows > 7) v = _mm_insert_epi16(v, pair(7), 7);
    return _mm256_cvtepu8_epi16(v);
}

inline __m256i load_pairs(const std::uint16_t* p, std::ptrdiff_t stride, int rows) {
    alignas(32) std::uint32_t pairs[kEdgeRows] = {};
    for (int n = 0; n < rows; ++n) std::memcpy(&pairs[n], p + n * stride, 4);
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(pairs));
}

inline void store_pairs(std::uint8_t* p, std::ptrdiff_t stride, int rows, __m256i v) {
    const __m256i bytes = _mm256_packus_epi16(v, v);
    const auto low = static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm256_castsi256_si128(bytes)));
    const auto high = static_cast<std::uint64_t>(_mm_cvtsi128_si64(_mm256_extracti128_si256(bytes, 1)));
    for (int n = 0; n < rows; ++n) {
        const auto pair = static_cast<std::uint16_t>((n < 4 ? low : high) >> (16 * (n & 3)));
        std::memcpy(p + n * stride, &pair, 2);
    }
}

inline void store_pairs(std::uint16_t* p, std::ptrdiff_t stride, int rows, __m256i v) {
    alignas(32) std::uint32_t pairs[kEdgeRows];
    _mm256_store_si256(reinterpret_cast<__m256i*>(pairs), v);
    for (int n = 0; n < rows; ++n) std::memcpy(p + n * stride, &pairs[n], 4);
}

template <int kPairs, class Sample>
void edge_simd(const Edge<Sample>& edge) noexcept {
    const int shift = edge.depth - 8, whole = (edge.h + kEdgeRows - 1) & -kEdgeRows;
    std::int8_t taps[8] = {};
    std::memcpy(taps, edge.tx, 2 * kPairs);
    alignas(32) std::uint32_t rows[kWarpRows + 2 * kEdgeRows];
    filter_pairs(edge.source - (kPairs - 1) * (edge.stride + 1), edge.stride, whole + 2 * kPairs - 1, edge.h + 2 * kPairs - 2, taps, shift, rows);
    __m256i pair[kPairs];
    for (int n = 0; n < kPairs; ++n) pair[n] = _mm256_set1_epi32(pair_of_taps(edge.ty[2 * n], edge.ty[2 * n + 1]));
    const __m256i half = _mm256_set1_epi32(1 << (11 - shift)), most = _mm256_set1_epi16(static_cast<short>((1 << edge.depth) - 1));
    const __m256i weights = _mm256_set1_epi32(pair_of_taps(edge.first, edge.second)), eight = _mm256_set1_epi16(8);
    const __m128i by = _mm_cvtsi32_si128(12 - shift);
    const auto load = [&](int row) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rows + row)); };
    for (int y = 0; y < edge.h; y += kEdgeRows) {
        __m256i low = half, high = half;
        for (int n = 0; n < kPairs; ++n) {
            const __m256i a = load(y + 2 * n), b = load(y + 2 * n + 1);
            low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), pair[n]));
            high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), pair[n]));
        }
        const __m256i sum = _mm256_packs_epi32(_mm256_sra_epi32(low, by), _mm256_sra_epi32(high, by));
        const __m256i predicted = _mm256_min_epi16(_mm256_max_epi16(sum, _mm256_setzero_si256()), most);
        const auto mix = [&](int count) {
            Sample* out = edge.out + y * edge.out_stride;
            const __m256i own = load_pairs(out, edge.out_stride, count);
            const __m256i change = _mm256_add_epi16(_mm256_mullo_epi16(_mm256_sub_epi16(predicted, own), weights), eight);
            store_pairs(out, edge.out_stride, count, _mm256_add_epi16(own, _mm256_srai_epi16(change, 4)));
        };
        // Known counts make straight code: whole blocks of luma, and of chroma.
        const int left = edge.h - y;
        if (left >= kEdgeRows)
            mix(kEdgeRows);
        else if (left == 4)
            mix(4);
        else
            mix(left);
    }
}

}  // namespace
}  // namespace zvc
