#include <immintrin.h>

#include "motion/filter.h"

namespace zvc {
namespace {

inline __m256i load(const std::uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }

// 32 samples of 16 bits, in the order that unpacking within 128-bit lanes gives: samples 0..7, 16..23 and 8..15, 24..31.
struct Row {
    __m256i first, second;
};

inline __m256i bytes(int a, int b) { return _mm256_set1_epi16(static_cast<short>((b & 0xFF) << 8 | (a & 0xFF))); }

inline __m256i words(int a, int b) { return _mm256_set1_epi32(static_cast<int>(static_cast<unsigned>(b & 0xFFFF) << 16 | (a & 0xFFFF))); }

// Taps in pairs: kPairs is 2 or 4.
template <int kPairs>
struct Pairs {
    __m256i x[kPairs], y[kPairs];

    explicit Pairs(const AreaTaps& taps) {
        for (int n = 0; n < kPairs; ++n) {
            x[n] = bytes(taps.x[2 * n], taps.x[2 * n + 1]);
            y[n] = words(taps.y[2 * n], taps.y[2 * n + 1]);
        }
    }
};

// vpmaddubsw does not saturate: two of the taps add up to 82 at most, times 255. Sums fit int16 (warp/warp.h), those of parts may wrap.
template <int kPairs>
inline Row across(const std::uint8_t* p, const Pairs<kPairs>& taps) {
    p -= kPairs - 1;
    Row sum{_mm256_setzero_si256(), _mm256_setzero_si256()};
    for (int n = 0; n < kPairs; ++n) {
        const __m256i a = load(p + 2 * n), b = load(p + 2 * n + 1);
        sum.first = _mm256_add_epi16(sum.first, _mm256_maddubs_epi16(_mm256_unpacklo_epi8(a, b), taps.x[n]));
        sum.second = _mm256_add_epi16(sum.second, _mm256_maddubs_epi16(_mm256_unpackhi_epi8(a, b), taps.x[n]));
    }
    return sum;
}

// rows: 2 kPairs of them.
template <int kPairs, __m256i Row::*half>
inline __m256i down(const Row* rows, const Pairs<kPairs>& taps) {
    __m256i low = _mm256_set1_epi32(1 << 11), high = low;
    for (int n = 0; n < kPairs; ++n) {
        const __m256i a = rows[2 * n].*half, b = rows[2 * n + 1].*half;
        low = _mm256_add_epi32(low, _mm256_madd_epi16(_mm256_unpacklo_epi16(a, b), taps.y[n]));
        high = _mm256_add_epi32(high, _mm256_madd_epi16(_mm256_unpackhi_epi16(a, b), taps.y[n]));
    }
    return _mm256_packs_epi32(_mm256_srai_epi32(low, 12), _mm256_srai_epi32(high, 12));
}

template <int kPairs>
void filter_strip(const std::uint8_t* source, std::ptrdiff_t stride, std::uint8_t* out, std::ptrdiff_t out_stride, int h, const AreaTaps& taps) {
    constexpr int kBefore = kPairs - 1, kRows = 32;
    const Pairs<kPairs> pairs(taps);
    Row rows[kRows + 2 * kPairs - 1];
    for (int begin = 0; begin < h; begin += kRows) {
        const int count = h - begin < kRows ? h - begin : kRows;
        for (int y = 0; y < count + 2 * kPairs - 1; ++y) rows[y] = across(source + (begin + y - kBefore) * stride, pairs);
        for (int y = 0; y < count; ++y) {
            const __m256i result = _mm256_packus_epi16(down<kPairs, &Row::first>(rows + y, pairs), down<kPairs, &Row::second>(rows + y, pairs));
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + (begin + y) * out_stride), result);
        }
    }
}

}  // namespace

void filter_strip_avx2(const std::uint8_t* source, std::ptrdiff_t stride, std::uint8_t* out, std::ptrdiff_t out_stride, int h,
                       const AreaTaps& taps) noexcept {
    if (taps.sharp) {
        filter_strip<4>(source, stride, out, out_stride, h, taps);
    } else {
        filter_strip<2>(source, stride, out, out_stride, h, taps);
    }
}

}  // namespace zvc
