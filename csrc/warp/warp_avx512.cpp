// GCC's own intrinsics pass an undefined register where a mask leaves nothing of it, and it warns of that.
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include "warp/warp_avx2_flow.h"
#include "warp/warp_edge.h"
#include "warp/warp_simd.h"

namespace zvc {
namespace {

struct Avx512 {
    static constexpr int kRows = 4;
    using T = __m512i;
    static T all16(int v) { return _mm512_set1_epi16(static_cast<short>(v)); }
    static T all32(int v) { return _mm512_set1_epi32(v); }
    static T every_lane(__m128i v) { return _mm512_broadcast_i32x4(v); }
    template <class Sample>
    static T load_rows(const Sample* p, std::ptrdiff_t stride, int y, int last) {
        const auto row = [&](int n) {
            return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + (n < last ? n : last) * stride));
        };
        const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(row(y)), row(y + 1), 1);
        const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(row(y + 2)), row(y + 3), 1);
        return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
    }
    static T load(const std::int16_t* p) { return _mm512_loadu_si512(p); }
    static void store(std::int16_t* p, T v) { _mm512_storeu_si512(p, v); }
    static T shuffle(T v, T order) { return _mm512_shuffle_epi8(v, order); }
    static T maddubs(T samples, T taps) { return _mm512_maddubs_epi16(samples, taps); }
    static T madd(T a, T b) { return _mm512_madd_epi16(a, b); }
    static T add16(T a, T b) { return _mm512_add_epi16(a, b); }
    static T add32(T a, T b) { return _mm512_add_epi32(a, b); }
    static T shift32(T a, __m128i by) { return _mm512_sra_epi32(a, by); }
    static T low16(T a, T b) { return _mm512_unpacklo_epi16(a, b); }
    static T high16(T a, T b) { return _mm512_unpackhi_epi16(a, b); }
    static T packs32(T a, T b) { return _mm512_packs_epi32(a, b); }
    static void split(T v, __m128i* rows) {
        const __m256i low = _mm512_castsi512_si256(v), high = _mm512_maskz_extracti64x4_epi64(15, v, 1);
        rows[0] = _mm256_castsi256_si128(low);
        rows[1] = _mm256_extracti128_si256(low, 1);
        rows[2] = _mm256_castsi256_si128(high);
        rows[3] = _mm256_extracti128_si256(high, 1);
    }
};

}  // namespace

// A flow is bound by its loads, sample by sample: wider registers than AVX2's gain nothing.
const WarpKernels kWarpAvx512 = {block8_simd<Avx512, 2>, block16_simd<Avx512, 2>, block8_simd<Avx512, 4>, block16_simd<Avx512, 4>,
                               mix_row<std::uint8_t>, mix_row<std::uint16_t>, edge_simd<2, std::uint8_t>, edge_simd<2, std::uint16_t>,
                               edge_simd<4, std::uint8_t>, edge_simd<4, std::uint16_t>,
                               flow_avx2<std::uint8_t>, flow_avx2<std::uint16_t>};

}  // namespace zvc
