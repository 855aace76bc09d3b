// Block kernels in strips of 8 columns, written once: a vector V holds as many rows of 8 int16 as it has 128-bit
// lanes. Local to the including file: each is compiled for another instruction set.
#pragma once

#include <immintrin.h>

#include <cstring>

#include "warp/warp_mix.h"

namespace zvc {
namespace {

constexpr int kStrip = 8;
// Whole vectors of rows are worked on: what comes behind the last row is computed from copies of it and not stored.
constexpr int kRowBuffer = kWarpRows + 8;

inline int pair_of_taps(int a, int b) { return static_cast<int>(static_cast<unsigned>(b) << 16 | (a & 0xFFFF)); }

inline void store_rows(const __m128i* rows, int count, std::uint8_t* out, std::ptrdiff_t stride, int columns) {
    for (int n = 0; n < count; ++n) {
        if (columns == kStrip) {
            _mm_storel_epi64(reinterpret_cast<__m128i*>(out + n * stride), rows[n]);
        } else {
            const int four = _mm_cvtsi128_si32(rows[n]);
            std::memcpy(out + n * stride, &four, 4);
        }
    }
}

inline void store_rows(const __m128i* rows, int count, std::uint16_t* out, std::ptrdiff_t stride, int columns) {
    for (int n = 0; n < count; ++n) {
        if (columns == kStrip) {
            _mm_storeu_si128(reinterpret_cast<__m128i*>(out + n * stride), rows[n]);
        } else {
            _mm_storel_epi64(reinterpret_cast<__m128i*>(out + n * stride), rows[n]);
        }
    }
}

// V: rows of source samples (16 bytes from each of kRows rows; rows behind `last` repeat it), and int16 and int32
// arithmetic within lanes. Taps come in pairs: kPairs is 2 or 4, the first sample is kPairs - 1 columns and rows before the block's.

// First pass, 8 bits: no shift, so that the sum is the result.
template <class V, int kPairs>
inline void filter_rows(const std::uint8_t* source, std::ptrdiff_t stride, int rows, int last,
                        const std::int8_t* taps, int, std::int16_t* to) {
    const auto near = _mm_setr_epi8(0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8);
    typename V::T pair[kPairs], order[kPairs];
    for (int n = 0; n < kPairs; ++n) {
        pair[n] = V::all16((taps[2 * n + 1] << 8) | (taps[2 * n] & 255));
        order[n] = V::every_lane(_mm_add_epi8(near, _mm_set1_epi8(static_cast<char>(2 * n))));
    }
    for (int y = 0; y < rows; y += V::kRows, to += 8 * V::kRows) {
        const auto samples = V::load_rows(source - (kPairs - 1), stride, y, last);
        // A pair of products is at most 80 * 255 in magnitude: no saturation. The sum of all fits int16 (warp.h), those of parts may wrap.
        auto sum = V::maddubs(V::shuffle(samples, order[0]), pair[0]);
        for (int n = 1; n < kPairs; ++n) sum = V::add16(sum, V::maddubs(V::shuffle(samples, order[n]), pair[n]));
        V::store(to, sum);
    }
}

template <class V, int kPairs>
inline void filter_rows(const std::uint16_t* source, std::ptrdiff_t stride, int rows, int last,
                        const std::int8_t* taps, int shift, std::int16_t* to) {
    typename V::T pair[kPairs];
    for (int n = 0; n < kPairs; ++n) pair[n] = V::all32(pair_of_taps(taps[2 * n], taps[2 * n + 1]));
    const auto half = V::all32(1 << shift >> 1);
    const __m128i by = _mm_cvtsi32_si128(shift);
    for (int y = 0; y < rows; y += V::kRows, to += 8 * V::kRows) {
        auto low = half, high = half;
        for (int n = 0; n < kPairs; ++n) {
            const std::uint16_t* at = source - (kPairs - 1) + 2 * n;
            const auto a = V::load_rows(at, stride, y, last), b = V::load_rows(at + 1, stride, y, last);
            low = V::add32(low, V::madd(V::low16(a, b), pair[n]));
            high = V::add32(high, V::madd(V::high16(a, b), pair[n]));
        }
        V::store(to, V::packs32(V::shift32(low, by), V::shift32(high, by)));
    }
}

// Second pass of kRows rows from `t`, 2 kPairs rows of which come into each result.
template <class V, int kPairs>
inline auto filter_columns(const std::int16_t* t, const typename V::T* pair, typename V::T half, __m128i by) {
    auto low = half, high = half;
    for (int n = 0; n < kPairs; ++n) {
        const auto a = V::load(t + 16 * n), b = V::load(t + 16 * n + 8);
        low = V::add32(low, V::madd(V::low16(a, b), pair[n]));
        high = V::add32(high, V::madd(V::high16(a, b), pair[n]));
    }
    return V::packs32(V::shift32(low, by), V::shift32(high, by));
}

template <class V, int kPairs, class Sample>
inline void block_simd(const Sample* source, std::ptrdiff_t stride, Sample* out, std::ptrdiff_t out_stride, int w,
                       int h, const std::int8_t* tx, const std::int8_t* ty, int depth) {
    stride /= static_cast<std::ptrdiff_t>(sizeof(Sample));
    out_stride /= static_cast<std::ptrdiff_t>(sizeof(Sample));
    const int shift = depth - 8;
    typename V::T pair[kPairs];
    for (int n = 0; n < kPairs; ++n) pair[n] = V::all32(pair_of_taps(ty[2 * n], ty[2 * n + 1]));
    const auto half = V::all32(1 << (11 - shift));
    const __m128i by = _mm_cvtsi32_si128(12 - shift), most = _mm_set1_epi16(static_cast<short>((1 << depth) - 1));
    const int whole = (h + V::kRows - 1) / V::kRows * V::kRows;
    alignas(64) std::int16_t rows[8 * kRowBuffer];
    for (int x = 0; x < w; x += kStrip) {
        filter_rows<V, kPairs>(source + x - (kPairs - 1) * stride, stride, whole + 2 * kPairs - 1, h + 2 * kPairs - 2, tx, shift, rows);
        for (int y = 0; y < h; y += V::kRows) {
            __m128i result[V::kRows];
            V::split(filter_columns<V, kPairs>(rows + 8 * y, pair, half, by), result);
            for (auto& row : result) {
                if constexpr (sizeof(Sample) == 1) {
                    row = _mm_packus_epi16(row, row);
                } else {
                    row = _mm_min_epi16(_mm_max_epi16(row, _mm_setzero_si128()), most);
                }
            }
            store_rows(result, h - y < V::kRows ? h - y : V::kRows, out + y * out_stride + x, out_stride,
                       w - x < kStrip ? 4 : kStrip);
        }
    }
}

template <class V, int kPairs>
void block8_simd(const std::uint8_t* source, std::ptrdiff_t stride, std::uint8_t* out, std::ptrdiff_t out_stride, int w, int h,
                 const std::int8_t* tx, const std::int8_t* ty) noexcept {
    block_simd<V, kPairs>(source, stride, out, out_stride, w, h, tx, ty, 8);
}

template <class V, int kPairs>
void block16_simd(const std::uint16_t* source, std::ptrdiff_t stride, std::uint16_t* out, std::ptrdiff_t out_stride, int w, int h,
                  const std::int8_t* tx, const std::int8_t* ty, int depth) noexcept {
    block_simd<V, kPairs>(source, stride, out, out_stride, w, h, tx, ty, depth);
}

}  // namespace
}  // namespace zvc
