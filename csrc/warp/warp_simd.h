// Block kernels in strips of 8 columns, written once: a vector V holds as many rows of 8 int16 as it has 128-bit
// lanes. Local to the including file: each is compiled for another instruction set.
#pragma once

#include <immintrin.h>

#include <cstring>

#include "warp/warp.h"

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
// arithmetic within lanes.

// First pass, 8 bits: no shift, so that the sum is the result.
template <class V>
inline void filter_rows(const std::uint8_t* source, std::ptrdiff_t stride, int rows, int last,
                        const std::int8_t* taps, int, std::int16_t* to) {
    const auto t01 = V::all16((taps[1] << 8) | (taps[0] & 255)), t23 = V::all16((taps[3] << 8) | (taps[2] & 255));
    const auto near = V::every_lane(_mm_setr_epi8(0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8));
    const auto far = V::every_lane(_mm_setr_epi8(2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10));
    for (int y = 0; y < rows; y += V::kRows, to += 8 * V::kRows) {
        const auto samples = V::load_rows(source - 1, stride, y, last);
        // A pair of products is at most 72 * 255 in magnitude: no saturation.
        V::store(to, V::add16(V::maddubs(V::shuffle(samples, near), t01), V::maddubs(V::shuffle(samples, far), t23)));
    }
}

template <class V>
inline void filter_rows(const std::uint16_t* source, std::ptrdiff_t stride, int rows, int last,
                        const std::int8_t* taps, int shift, std::int16_t* to) {
    const auto t01 = V::all32(pair_of_taps(taps[0], taps[1])), t23 = V::all32(pair_of_taps(taps[2], taps[3]));
    const auto half = V::all32(1 << shift >> 1);
    const __m128i by = _mm_cvtsi32_si128(shift);
    for (int y = 0; y < rows; y += V::kRows, to += 8 * V::kRows) {
        const auto a = V::load_rows(source - 1, stride, y, last), b = V::load_rows(source, stride, y, last);
        const auto c = V::load_rows(source + 1, stride, y, last), d = V::load_rows(source + 2, stride, y, last);
        const auto low = V::add32(V::madd(V::low16(a, b), t01), V::madd(V::low16(c, d), t23));
        const auto high = V::add32(V::madd(V::high16(a, b), t01), V::madd(V::high16(c, d), t23));
        V::store(to, V::packs32(V::shift32(V::add32(low, half), by), V::shift32(V::add32(high, half), by)));
    }
}

// Second pass of kRows rows from `t`, four rows of which come into each result.
template <class V>
inline auto filter_columns(const std::int16_t* t, decltype(V::all16(0)) t01, decltype(V::all16(0)) t23,
                           decltype(V::all16(0)) half, __m128i by) {
    const auto a = V::load(t), b = V::load(t + 8), c = V::load(t + 16), d = V::load(t + 24);
    const auto low = V::add32(V::madd(V::low16(a, b), t01), V::madd(V::low16(c, d), t23));
    const auto high = V::add32(V::madd(V::high16(a, b), t01), V::madd(V::high16(c, d), t23));
    return V::packs32(V::shift32(V::add32(low, half), by), V::shift32(V::add32(high, half), by));
}

template <class V, class Sample>
inline void block_simd(const Sample* source, std::ptrdiff_t stride, Sample* out, std::ptrdiff_t out_stride, int w,
                       int h, const std::int8_t* tx, const std::int8_t* ty, int depth) {
    stride /= static_cast<std::ptrdiff_t>(sizeof(Sample));
    out_stride /= static_cast<std::ptrdiff_t>(sizeof(Sample));
    const int shift = depth - 8;
    const auto t01 = V::all32(pair_of_taps(ty[0], ty[1])), t23 = V::all32(pair_of_taps(ty[2], ty[3]));
    const auto half = V::all32(1 << (11 - shift));
    const __m128i by = _mm_cvtsi32_si128(12 - shift), most = _mm_set1_epi16(static_cast<short>((1 << depth) - 1));
    const int whole = (h + V::kRows - 1) / V::kRows * V::kRows;
    alignas(64) std::int16_t rows[8 * kRowBuffer];
    for (int x = 0; x < w; x += kStrip) {
        filter_rows<V>(source + x - stride, stride, whole + 3, h + 2, tx, shift, rows);
        for (int y = 0; y < h; y += V::kRows) {
            __m128i result[V::kRows];
            V::split(filter_columns<V>(rows + 8 * y, t01, t23, half, by), result);
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

}  // namespace
}  // namespace zvc
