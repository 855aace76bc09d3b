#include <immintrin.h>

#include "motion/sad.h"

namespace zvc {
namespace {

inline std::uint32_t sum_of_lanes(__m256i v) {
    const __m128i two = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    return static_cast<std::uint32_t>(_mm_cvtsi128_si32(two) + _mm_extract_epi32(two, 2));
}

inline __m256i load32(const std::uint8_t* p) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)); }

inline __m256i load_2x16(const std::uint8_t* p, std::ptrdiff_t stride) {
    return _mm256_inserti128_si256(
        _mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + stride)), 1);
}

inline __m128i load_2x8(const std::uint8_t* p, std::ptrdiff_t stride) {
    const __m128i first = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
    return _mm_castpd_si128(_mm_loadh_pd(_mm_castsi128_pd(first), reinterpret_cast<const double*>(p + stride)));
}

inline __m256i load_4x8(const std::uint8_t* p, std::ptrdiff_t stride) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(load_2x8(p, stride)), load_2x8(p + 2 * stride, stride), 1);
}

std::uint32_t sad32_avx2(const std::uint8_t* a, std::ptrdiff_t a_stride, const std::uint8_t* b,
                         std::ptrdiff_t b_stride) noexcept {
    __m256i even = _mm256_setzero_si256(), odd = even;
    for (int y = 0; y < 32; y += 2, a += 2 * a_stride, b += 2 * b_stride) {
        even = _mm256_add_epi32(even, _mm256_sad_epu8(load32(a), load32(b)));
        odd = _mm256_add_epi32(odd, _mm256_sad_epu8(load32(a + a_stride), load32(b + b_stride)));
    }
    return sum_of_lanes(_mm256_add_epi32(even, odd));
}

std::uint32_t sad16_avx2(const std::uint8_t* a, std::ptrdiff_t a_stride, const std::uint8_t* b,
                         std::ptrdiff_t b_stride) noexcept {
    __m256i sum = _mm256_setzero_si256();
    for (int y = 0; y < 16; y += 2, a += 2 * a_stride, b += 2 * b_stride)
        sum = _mm256_add_epi32(sum, _mm256_sad_epu8(load_2x16(a, a_stride), load_2x16(b, b_stride)));
    return sum_of_lanes(sum);
}

std::uint32_t sad8_avx2(const std::uint8_t* a, std::ptrdiff_t a_stride, const std::uint8_t* b,
                        std::ptrdiff_t b_stride) noexcept {
    const __m256i top = _mm256_sad_epu8(load_4x8(a, a_stride), load_4x8(b, b_stride));
    const __m256i bottom = _mm256_sad_epu8(load_4x8(a + 4 * a_stride, a_stride), load_4x8(b + 4 * b_stride, b_stride));
    return sum_of_lanes(_mm256_add_epi32(top, bottom));
}

inline __m256i load_2x16(const std::uint8_t* first, const std::uint8_t* second) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(first))),
                                   _mm_loadu_si128(reinterpret_cast<const __m128i*>(second)), 1);
}

// vmpsadbw: four samples of a against those of b at eight neighbouring places, in each lane; a lane has a row of the block.
void row_avx2(const std::uint8_t* a, std::ptrdiff_t a_stride, const std::uint8_t* b, std::ptrdiff_t b_stride, int count, int,
              std::uint16_t* sums) noexcept {
    __m256i block[4];
    for (int y = 0; y < 4; ++y) {
        const __m128i two = load_2x8(a + 2 * y * a_stride, a_stride);
        block[y] = _mm256_inserti128_si256(_mm256_castsi128_si256(two), _mm_srli_si128(two, 8), 1);
    }
    for (int n = 0; n < count; n += 8) {
        __m256i sum = _mm256_setzero_si256();
        for (int y = 0; y < 4; ++y) {
            const std::uint8_t* row = b + 2 * y * b_stride + n;
            const __m256i places = load_2x16(row, row + b_stride);
            sum = _mm256_add_epi16(sum, _mm256_mpsadbw_epu8(places, block[y], 0b000000));
            sum = _mm256_add_epi16(sum, _mm256_mpsadbw_epu8(places, block[y], 0b101101));  // samples 4..7, places 4 further
        }
        _mm_storeu_si128(reinterpret_cast<__m128i*>(sums + n),
                         _mm_add_epi16(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1)));
    }
}

}  // namespace

const SadKernels kSadAvx2 = {{sad32_avx2, sad16_avx2, sad8_avx2}, row_avx2};

}  // namespace zvc
