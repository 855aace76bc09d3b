#include <immintrin.h>

#include "motion/filter.h"

namespace zvc {
namespace {

inline __m256i load(const std::uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }

// 32 samples of 16 bits, in the order that unpacking within 128-bit lanes gives: samples 0..7, 16..23 and 8..15, 24..31.
struct Row {
    __m256i first, second;
};

// vpmaddubsw does not saturate: two of the taps add up to 82 at most, times 255.
inline Row across(const std::uint8_t* p, __m256i t01, __m256i t23) {
    const __m256i a = load(p - 1), b = load(p), c = load(p + 1), d = load(p + 2);
    return {_mm256_add_epi16(_mm256_maddubs_epi16(_mm256_unpacklo_epi8(a, b), t01), _mm256_maddubs_epi16(_mm256_unpacklo_epi8(c, d), t23)),
            _mm256_add_epi16(_mm256_maddubs_epi16(_mm256_unpackhi_epi8(a, b), t01), _mm256_maddubs_epi16(_mm256_unpackhi_epi8(c, d), t23))};
}

inline __m256i down(__m256i a, __m256i b, __m256i c, __m256i d, __m256i t01, __m256i t23) {
    const __m256i half = _mm256_set1_epi32(1 << 11);
    const auto part = [&](__m256i ab, __m256i cd) {
        return _mm256_srai_epi32(_mm256_add_epi32(_mm256_add_epi32(_mm256_madd_epi16(ab, t01), _mm256_madd_epi16(cd, t23)), half), 12);
    };
    return _mm256_packs_epi32(part(_mm256_unpacklo_epi16(a, b), _mm256_unpacklo_epi16(c, d)),
                              part(_mm256_unpackhi_epi16(a, b), _mm256_unpackhi_epi16(c, d)));
}

inline __m256i bytes(int a, int b) { return _mm256_set1_epi16(static_cast<short>((b & 0xFF) << 8 | (a & 0xFF))); }

inline __m256i words(int a, int b) { return _mm256_set1_epi32(static_cast<int>(static_cast<unsigned>(b & 0xFFFF) << 16 | (a & 0xFFFF))); }

}  // namespace

void filter_strip_avx2(const std::uint8_t* source, std::ptrdiff_t stride, std::uint8_t* out, std::ptrdiff_t out_stride, int h,
                       const std::int8_t* tx, const std::int8_t* ty) noexcept {
    const __m256i x01 = bytes(tx[0], tx[1]), x23 = bytes(tx[2], tx[3]), y01 = words(ty[0], ty[1]), y23 = words(ty[2], ty[3]);
    Row a = across(source - stride, x01, x23), b = across(source, x01, x23), c = across(source + stride, x01, x23);
    for (int y = 0; y < h; ++y) {
        const Row d = across(source + (y + 2) * stride, x01, x23);
        const __m256i result = _mm256_packus_epi16(down(a.first, b.first, c.first, d.first, y01, y23),
                                                   down(a.second, b.second, c.second, d.second, y01, y23));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + y * out_stride), result);
        a = b, b = c, c = d;
    }
}

}  // namespace zvc
