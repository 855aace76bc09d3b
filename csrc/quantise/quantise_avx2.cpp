#include <immintrin.h>

#include "quantise/quantise_tile.h"

namespace zvc {
namespace {

struct Avx2 {
    static std::int32_t reached(float magnitude, const float* row) {
        const __m256 all = _mm256_set1_ps(magnitude);
        const int low = _mm256_movemask_ps(_mm256_cmp_ps(all, _mm256_loadu_ps(row), _CMP_GE_OQ));
        const int high = _mm256_movemask_ps(_mm256_cmp_ps(all, _mm256_loadu_ps(row + 8), _CMP_GE_OQ));
        return __builtin_popcount(static_cast<unsigned>(low & 0xFE) | static_cast<unsigned>(high) << 8);
    }
    static unsigned coded_of_8(const std::uint8_t* index, int skip_below) {
        const __m128i eight = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(index));
        const __m128i least = _mm_set1_epi8(static_cast<char>(skip_below));
        return static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_max_epu8(eight, least), eight))) & 255;
    }
};

void quantise_avx2(const QuantiseJob& job) noexcept { quantise_frame<Avx2>(job); }

}  // namespace

const QuantiseKernels kQuantiseAvx2 = {quantise_avx2};

}  // namespace zvc
