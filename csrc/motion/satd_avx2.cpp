#include <immintrin.h>

#include "motion/satd.h"

namespace zvc {
namespace {

// 16-bit lanes throughout: a coefficient is at most 64 * 255 in magnitude.
struct Two {
    using Vec = __m256i;  // two 8x8 side by side
    static Vec difference(const std::uint8_t* a, const std::uint8_t* b) {
        const auto wide = [](const std::uint8_t* p) { return _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); };
        return _mm256_sub_epi16(wide(a), wide(b));
    }
    static Vec add(Vec a, Vec b) { return _mm256_add_epi16(a, b); }
    static Vec sub(Vec a, Vec b) { return _mm256_sub_epi16(a, b); }
    static Vec larger(Vec a, Vec b) { return _mm256_max_epi16(_mm256_abs_epi16(a), _mm256_abs_epi16(b)); }
    static Vec low16(Vec a, Vec b) { return _mm256_unpacklo_epi16(a, b); }
    static Vec high16(Vec a, Vec b) { return _mm256_unpackhi_epi16(a, b); }
    static Vec low32(Vec a, Vec b) { return _mm256_unpacklo_epi32(a, b); }
    static Vec high32(Vec a, Vec b) { return _mm256_unpackhi_epi32(a, b); }
    static Vec low64(Vec a, Vec b) { return _mm256_unpacklo_epi64(a, b); }
    static Vec high64(Vec a, Vec b) { return _mm256_unpackhi_epi64(a, b); }
    static __m128i sum(Vec v) {
        const Vec pairs = _mm256_madd_epi16(v, _mm256_set1_epi16(1));
        return _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
    }
};

struct One {
    using Vec = __m128i;
    static Vec difference(const std::uint8_t* a, const std::uint8_t* b) {
        const auto wide = [](const std::uint8_t* p) { return _mm_cvtepu8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))); };
        return _mm_sub_epi16(wide(a), wide(b));
    }
    static Vec add(Vec a, Vec b) { return _mm_add_epi16(a, b); }
    static Vec sub(Vec a, Vec b) { return _mm_sub_epi16(a, b); }
    static Vec larger(Vec a, Vec b) { return _mm_max_epi16(_mm_abs_epi16(a), _mm_abs_epi16(b)); }
    static Vec low16(Vec a, Vec b) { return _mm_unpacklo_epi16(a, b); }
    static Vec high16(Vec a, Vec b) { return _mm_unpackhi_epi16(a, b); }
    static Vec low32(Vec a, Vec b) { return _mm_unpacklo_epi32(a, b); }
    static Vec high32(Vec a, Vec b) { return _mm_unpackhi_epi32(a, b); }
    static Vec low64(Vec a, Vec b) { return _mm_unpacklo_epi64(a, b); }
    static Vec high64(Vec a, Vec b) { return _mm_unpackhi_epi64(a, b); }
    static __m128i sum(Vec v) { return _mm_madd_epi16(v, _mm_set1_epi16(1)); }
};

template <class V, int kHalf, class Vec>
inline void stage(Vec (&v)[8]) {
    for (int start = 0; start < 8; start += 2 * kHalf)
        for (int k = start; k < start + kHalf; ++k) {
            const Vec a = v[k], b = v[k + kHalf];
            v[k] = V::add(a, b);
            v[k + kHalf] = V::sub(a, b);
        }
}

template <class V, class Vec>
inline void transpose(Vec (&v)[8]) {
    Vec a[8], b[8];
    for (int k = 0; k < 4; ++k) {
        a[2 * k] = V::low16(v[2 * k], v[2 * k + 1]);
        a[2 * k + 1] = V::high16(v[2 * k], v[2 * k + 1]);
    }
    for (int k = 0; k < 2; ++k)
        for (int n = 0; n < 2; ++n) {
            b[4 * k + 2 * n] = V::low32(a[4 * k + n], a[4 * k + 2 + n]);
            b[4 * k + 2 * n + 1] = V::high32(a[4 * k + n], a[4 * k + 2 + n]);
        }
    for (int n = 0; n < 4; ++n) {
        v[2 * n] = V::low64(b[n], b[4 + n]);
        v[2 * n + 1] = V::high64(b[n], b[4 + n]);
    }
}

// Magnitudes of eight rows' transforms, halved, in four sums of 32 bits.
template <class V>
inline __m128i magnitudes(const std::uint8_t* a, std::ptrdiff_t a_stride, const std::uint8_t* b, std::ptrdiff_t b_stride) {
    typename V::Vec v[8];
    for (int y = 0; y < 8; ++y) v[y] = V::difference(a + y * a_stride, b + y * b_stride);
    stage<V, 1>(v);
    stage<V, 2>(v);
    stage<V, 4>(v);
    transpose<V>(v);
    stage<V, 1>(v);
    stage<V, 2>(v);
    // |a + b| + |a - b| = 2 max(|a|, |b|); a and b are at most 32 * 255, so that four of them fit.
    const auto sum = V::add(V::add(V::larger(v[0], v[4]), V::larger(v[1], v[5])), V::add(V::larger(v[2], v[6]), V::larger(v[3], v[7])));
    return V::sum(sum);
}

inline std::uint32_t scaled(__m128i halves) {
    const __m128i two = _mm_add_epi32(halves, _mm_unpackhi_epi64(halves, halves));
    return (static_cast<std::uint32_t>(_mm_cvtsi128_si32(two)) + static_cast<std::uint32_t>(_mm_extract_epi32(two, 1))) / 4;
}

template <int kSize>
std::uint32_t satd_avx2(const std::uint8_t* a, std::ptrdiff_t a_stride, const std::uint8_t* b, std::ptrdiff_t b_stride) noexcept {
    __m128i sum = _mm_setzero_si128();
    for (int y = 0; y < kSize; y += 8)
        for (int x = 0; x < kSize; x += 16)
            sum = _mm_add_epi32(sum, magnitudes<Two>(a + y * a_stride + x, a_stride, b + y * b_stride + x, b_stride));
    return scaled(sum);
}

std::uint32_t satd8_avx2(const std::uint8_t* a, std::ptrdiff_t a_stride, const std::uint8_t* b, std::ptrdiff_t b_stride) noexcept {
    return scaled(magnitudes<One>(a, a_stride, b, b_stride));
}

}  // namespace

const SatdKernels kSatdAvx2 = {{satd_avx2<32>, satd_avx2<16>, satd8_avx2}};

}  // namespace zvc
