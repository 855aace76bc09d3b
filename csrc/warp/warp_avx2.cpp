#include "warp/warp_avx2_flow.h"
#include "warp/warp_edge.h"
#include "warp/warp_simd.h"

namespace zvc {
namespace {

struct Avx2 {
    static constexpr int kRows = 2;
    using T = __m256i;
    static T all16(int v) { return _mm256_set1_epi16(static_cast<short>(v)); }
    static T all32(int v) { return _mm256_set1_epi32(v); }
    static T every_lane(__m128i v) { return _mm256_broadcastsi128_si256(v); }
    template <class Sample>
    static T load_rows(const Sample* p, std::ptrdiff_t stride, int y, int last) {
        const auto row = [&](int n) {
            return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + (n < last ? n : last) * stride));
        };
        return _mm256_inserti128_si256(_mm256_castsi128_si256(row(y)), row(y + 1), 1);
    }
    static T load(const std::int16_t* p) { return _mm256_loadu_si256(reinterpret_cast<const T*>(p)); }
    static void store(std::int16_t* p, T v) { _mm256_storeu_si256(reinterpret_cast<T*>(p), v); }
    static T shuffle(T v, T order) { return _mm256_shuffle_epi8(v, order); }
    static T maddubs(T samples, T taps) { return _mm256_maddubs_epi16(samples, taps); }
    static T madd(T a, T b) { return _mm256_madd_epi16(a, b); }
    static T add16(T a, T b) { return _mm256_add_epi16(a, b); }
    static T add32(T a, T b) { return _mm256_add_epi32(a, b); }
    static T shift32(T a, __m128i by) { return _mm256_sra_epi32(a, by); }
    static T low16(T a, T b) { return _mm256_unpacklo_epi16(a, b); }
    static T high16(T a, T b) { return _mm256_unpackhi_epi16(a, b); }
    static T packs32(T a, T b) { return _mm256_packs_epi32(a, b); }
    static void split(T v, __m128i* rows) {
        rows[0] = _mm256_castsi256_si128(v);
        rows[1] = _mm256_extracti128_si256(v, 1);
    }
};

}  // namespace

const WarpKernels kWarpAvx2 = {block8_simd<Avx2, 2>, block16_simd<Avx2, 2>, block8_simd<Avx2, 4>, block16_simd<Avx2, 4>,
                               mix_row<std::uint8_t>, mix_row<std::uint16_t>, edge_simd<2, std::uint8_t>, edge_simd<2, std::uint16_t>,
                               edge_simd<4, std::uint8_t>, edge_simd<4, std::uint16_t>,
                               flow_avx2<std::uint8_t>, flow_avx2<std::uint16_t>};

}  // namespace zvc
