#include <immintrin.h>

#include "mctf/mctf_row.h"

namespace zvc {
namespace {

constexpr std::size_t kLanes = 8;

inline __m256i load(const std::uint8_t* p) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))); }
inline __m256i load(const std::uint16_t* p) { return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))); }

// Eight values, each a sample.
inline __m128i packed(__m256i values) { return _mm_packus_epi32(_mm256_castsi256_si128(values), _mm256_extracti128_si256(values, 1)); }
inline void store(std::uint8_t* p, __m256i values) {
    const __m128i words = packed(values);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(p), _mm_packus_epi16(words, words));
}
inline void store(std::uint16_t* p, __m256i values) { _mm_storeu_si128(reinterpret_cast<__m128i*>(p), packed(values)); }

template <class Sample>
void blend_avx2(const BlendRow& row) noexcept {
    const auto* now = static_cast<const Sample*>(row.now);
    std::size_t x = 0;
    for (; x + kLanes <= row.width; x += kLanes) {
        const __m256i here = load(now + x);
        __m256 sum = _mm256_cvtepi32_ps(here), total = _mm256_set1_ps(1.0F);
        for (int n = 0; n < row.count; ++n) {
            const __m256i there = load(static_cast<const Sample*>(row.neighbour[n]) + x);
            const __m256 falloff = _mm256_i32gather_ps(row.falloff, _mm256_abs_epi32(_mm256_sub_epi32(there, here)), 4);
            const __m256 weight = _mm256_mul_ps(_mm256_loadu_ps(row.weight[n] + x), falloff);
            sum = _mm256_add_ps(sum, _mm256_mul_ps(weight, _mm256_cvtepi32_ps(there)));
            total = _mm256_add_ps(total, weight);
        }
        const __m256 mean = _mm256_add_ps(_mm256_div_ps(sum, total), _mm256_set1_ps(0.5F));
        store(static_cast<Sample*>(row.out) + x, _mm256_cvttps_epi32(mean));
    }
    blend_from<Sample>(row, x);
}

template <class Sample>
void differences_avx2(const DifferenceRow& row) noexcept {
    differences_of<Sample>(row);
}

}  // namespace

const MctfKernels kMctfAvx2 = {{blend_avx2<std::uint8_t>, blend_avx2<std::uint16_t>},
                               {differences_avx2<std::uint8_t>, differences_avx2<std::uint16_t>}};

}  // namespace zvc
