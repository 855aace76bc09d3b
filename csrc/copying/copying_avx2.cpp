#include <immintrin.h>

#include "copying/gains_tile.h"

namespace zvc {
namespace {

struct Avx2 {
    using Reg = __m256;
    static constexpr std::size_t kLanes = 8;
    static Reg load(const float* p) { return _mm256_loadu_ps(p); }
    static void store(float* p, Reg v) { _mm256_storeu_ps(p, v); }
    static Reg all(float v) { return _mm256_set1_ps(v); }
    static Reg add(Reg a, Reg b) { return _mm256_add_ps(a, b); }
    static Reg sub(Reg a, Reg b) { return _mm256_sub_ps(a, b); }
    static Reg mul(Reg a, Reg b) { return _mm256_mul_ps(a, b); }
    static Reg magnitude(Reg v) { return _mm256_andnot_ps(all(-0.0f), v); }
    static Reg above(Reg a, Reg b) { return _mm256_cmp_ps(a, b, _CMP_GT_OQ); }
    static Reg where(Reg which, Reg yes, Reg no) { return _mm256_blendv_ps(no, yes, which); }
    static Reg exponent(Reg v) {
        return _mm256_cvtepi32_ps(_mm256_sub_epi32(_mm256_srli_epi32(_mm256_castps_si256(v), 23), _mm256_set1_epi32(127)));
    }
    static Reg mantissa(Reg v) {
        const __m256i bits = _mm256_and_si256(_mm256_castps_si256(v), _mm256_set1_epi32(0x7FFFFF));
        return _mm256_castsi256_ps(_mm256_or_si256(bits, _mm256_set1_epi32(0x3F800000)));
    }
};

void band_avx2(const GainsJob& job, std::size_t band, float* sums) noexcept {
    if (job.columns < Avx2::kLanes) return kCopyingScalar.band(job, band, sums);
    gains_band<Avx2>(job, band, sums);
}

}  // namespace

const CopyingKernels kCopyingAvx2 = {band_avx2};

}  // namespace zvc
