#include <immintrin.h>

#include "quantise/quantise_tile.h"

namespace zvc {
namespace {

struct Avx512 {
    static std::int32_t reached(float magnitude, const float* row) {
        const __mmask16 mask = _mm512_cmp_ps_mask(_mm512_set1_ps(magnitude), _mm512_loadu_ps(row), _CMP_GE_OQ);
        return __builtin_popcount(mask & 0xFFFEu);
    }
    static unsigned coded_of_8(const std::uint8_t* index, int skip_below) {
        const __m128i eight = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(index));
        return _mm_cmpge_epu8_mask(eight, _mm_set1_epi8(static_cast<char>(skip_below))) & 255u;
    }
};

void quantise_avx512(const QuantiseJob& job) noexcept { quantise_frame<Avx512>(job); }

}  // namespace

const QuantiseKernels kQuantiseAvx512 = {quantise_avx512};

}  // namespace zvc
