// GCC 12 takes its own _mm512_undefined_epi32() for a mistake (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#include <immintrin.h>

#include "copying/gains_tile.h"

namespace zvc {
namespace {

struct Avx512 {
    using Reg = __m512;
    static constexpr std::size_t kLanes = 16;
    static Reg load(const float* p) { return _mm512_loadu_ps(p); }
    static void store(float* p, Reg v) { _mm512_storeu_ps(p, v); }
    static Reg all(float v) { return _mm512_set1_ps(v); }
    static Reg add(Reg a, Reg b) { return _mm512_add_ps(a, b); }
    static Reg sub(Reg a, Reg b) { return _mm512_sub_ps(a, b); }
    static Reg mul(Reg a, Reg b) { return _mm512_mul_ps(a, b); }
    static Reg magnitude(Reg v) { return _mm512_andnot_ps(all(-0.0f), v); }
    static __mmask16 above(Reg a, Reg b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
    static Reg where(__mmask16 which, Reg yes, Reg no) { return _mm512_mask_blend_ps(which, no, yes); }
    static Reg exponent(Reg v) {
        return _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_srli_epi32(_mm512_castps_si512(v), 23), _mm512_set1_epi32(127)));
    }
    static Reg mantissa(Reg v) {
        const __m512i bits = _mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32(0x7FFFFF));
        return _mm512_castsi512_ps(_mm512_or_si512(bits, _mm512_set1_epi32(0x3F800000)));
    }
};

void band_avx512(const GainsJob& job, std::size_t band, float* sums) noexcept {
    if (job.columns < Avx512::kLanes) return kCopyingAvx2.band(job, band, sums);
    gains_band<Avx512>(job, band, sums);
}

}  // namespace

const CopyingKernels kCopyingAvx512 = {band_avx512};

}  // namespace zvc
