// Dense flow, eight samples at a time. Local to the including file: each is compiled for another instruction set.
#pragma once

#include <immintrin.h>

#include <cstring>

#include "warp/warp_flow.h"

namespace zvc {
namespace {

// Filters of all phases, 32 bits each, in one register: looked up by a permutation.
struct FlowTaps {
    __m256i rows;                        // 4 int8
    __m256i columns_near, columns_far;   // 2 int16: taps 0 and 1, 2 and 3

    explicit FlowTaps(const Taps& taps) {
        std::int16_t near[kPhases][2], far[kPhases][2];
        for (int phase = 0; phase < kPhases; ++phase)
            for (int n = 0; n < 2; ++n) {
                near[phase][n] = taps.weight[phase][n];
                far[phase][n] = taps.weight[phase][2 + n];
            }
        rows = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(taps.weight));
        columns_near = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(near));
        columns_far = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(far));
    }
};

inline __m256i flow_vectors(const std::int16_t* vector, int step) {
    const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(vector));
    if (step == 2) return a;
    const __m256i b = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(vector + 16));
    const __m256 even = _mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), 0x88);
    return _mm256_permute4x64_epi64(_mm256_castps_si256(even), 0xD8);
}

// First pass of eight samples: sums over four neighbours in the row at `line`, each from its own byte offset.
inline __m256i filter_row(const std::uint8_t* line, __m256i offset, __m256i taps, __m256i, __m128i, std::uint8_t) {
    const __m256i samples = _mm256_i32gather_epi32(reinterpret_cast<const int*>(line), offset, 1);
    // Pairs are at most 72 * 255 in magnitude: no saturation. Nothing is shifted at 8 bits.
    return _mm256_madd_epi16(_mm256_maddubs_epi16(samples, taps), _mm256_set1_epi16(1));
}

inline __m256i filter_row(const std::uint8_t* line, __m256i offset, __m256i taps, __m256i half, __m128i shift,
                          std::uint16_t) {
    const auto* words = reinterpret_cast<const long long*>(line);
    const __m256i a = _mm256_i32gather_epi64(words, _mm256_castsi256_si128(offset), 1);
    const __m256i b = _mm256_i32gather_epi64(words, _mm256_extracti128_si256(offset, 1), 1);
    const __m256i taps_a = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(taps));
    const __m256i taps_b = _mm256_cvtepi8_epi16(_mm256_extracti128_si256(taps, 1));
    const __m256i sums = _mm256_hadd_epi32(_mm256_madd_epi16(a, taps_a), _mm256_madd_epi16(b, taps_b));
    return _mm256_sra_epi32(_mm256_add_epi32(_mm256_permute4x64_epi64(sums, 0xD8), half), shift);
}

inline void store_eight(__m128i result, std::uint8_t* out, __m128i) {
    _mm_storel_epi64(reinterpret_cast<__m128i*>(out), _mm_packus_epi16(result, result));
}

inline void store_eight(__m128i result, std::uint16_t* out, __m128i most) {
    result = _mm_min_epi16(_mm_max_epi16(result, _mm_setzero_si128()), most);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), result);
}

template <class Sample>
void flow_avx2(const FlowRow& row) noexcept {
    const int shift = row.depth - 8, to_eighth = 3 - row.shift;
    const FlowTaps taps(*row.taps);
    const __m256i first_half = _mm256_set1_epi32(1 << shift >> 1), last_half = _mm256_set1_epi32(1 << (11 - shift));
    const __m128i first_shift = _mm_cvtsi32_si128(shift), last_shift = _mm_cvtsi32_si128(12 - shift);
    const __m128i most = _mm_set1_epi16(static_cast<short>((1 << row.depth) - 1));
    const __m256i largest_left = _mm256_set1_epi32(row.width - 4), largest_top = _mm256_set1_epi32(row.height - 4);
    // The caller keeps height * stride below 2^31.
    const __m256i stride = _mm256_set1_epi32(static_cast<int>(row.stride));
    const __m128i vector_shift = _mm_cvtsi32_si128(row.shift), phase_shift = _mm_cvtsi32_si128(to_eighth);
    const auto* reference = static_cast<const std::uint8_t*>(row.reference);
    auto* out = static_cast<Sample*>(row.out);
    int x = 0;
    // Eight chroma samples load 16 luma vectors, and the last of a row may have one alone.
    for (const int end = row.width - (row.step == 4); x + 8 <= end; x += 8) {
        const __m256i v = flow_vectors(row.vector + x * row.step, row.step);
        const __m256i dx = _mm256_srai_epi32(_mm256_slli_epi32(v, 16), 16), dy = _mm256_srai_epi32(v, 16);
        const __m256i column = _mm256_add_epi32(_mm256_set1_epi32(x - 1), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
        const __m256i left = _mm256_add_epi32(column, _mm256_sra_epi32(dx, vector_shift));
        const __m256i top = _mm256_add_epi32(_mm256_set1_epi32(row.y - 1), _mm256_sra_epi32(dy, vector_shift));
        const __m256i beyond = _mm256_or_si256(
            _mm256_or_si256(_mm256_cmpgt_epi32(left, largest_left), _mm256_cmpgt_epi32(top, largest_top)),
            _mm256_or_si256(left, top));  // negative: the sign bit
        if (_mm256_movemask_ps(_mm256_castsi256_ps(beyond))) {
            for (int n = 0; n < 8; ++n) flow_sample<Sample>(row, x + n);
            continue;
        }
        // The permutation takes the phase's low three bits.
        const __m256i tx = _mm256_permutevar8x32_epi32(taps.rows, _mm256_sll_epi32(dx, phase_shift));
        const __m256i py = _mm256_sll_epi32(dy, phase_shift);
        const __m256i offset = _mm256_add_epi32(_mm256_mullo_epi32(top, stride), _mm256_slli_epi32(left, sizeof(Sample) - 1));
        __m256i t[4];
        for (int m = 0; m < 4; ++m)
            t[m] = filter_row(reference + m * row.stride, offset, tx, first_half, first_shift, Sample{});
        // Results fit int16: two of them side by side for the products.
        const __m256i t01 = _mm256_blend_epi16(t[0], _mm256_slli_epi32(t[1], 16), 0xAA);
        const __m256i t23 = _mm256_blend_epi16(t[2], _mm256_slli_epi32(t[3], 16), 0xAA);
        const __m256i near = _mm256_madd_epi16(t01, _mm256_permutevar8x32_epi32(taps.columns_near, py));
        const __m256i far = _mm256_madd_epi16(t23, _mm256_permutevar8x32_epi32(taps.columns_far, py));
        const __m256i sum = _mm256_sra_epi32(_mm256_add_epi32(_mm256_add_epi32(near, far), last_half), last_shift);
        store_eight(_mm_packs_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1)), out + x, most);
    }
    for (; x < row.width; ++x) flow_sample<Sample>(row, x);
}

}  // namespace
}  // namespace zvc
