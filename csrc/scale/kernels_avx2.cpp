#include "scale/kernels_simd.h"

namespace zvc {
namespace {

struct Avx2 {
    using Reg = __m256i;
    static constexpr int kLanes = 2;
    static constexpr int kTile = 4, kSumVectors = 2;  // 8 sums of the 16 registers: dot() needs two more and the ones

    static Reg load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
    static void store(void* p, Reg r) { _mm256_storeu_si256(static_cast<__m256i*>(p), r); }
    static Reg zero() { return _mm256_setzero_si256(); }
    static Reg set8(std::uint8_t byte) { return _mm256_set1_epi8(static_cast<char>(byte)); }
    static Reg broadcast(const std::uint8_t* p) {
        int word;
        __builtin_memcpy(&word, p, 4);
        return _mm256_set1_epi32(word);
    }
    static Reg dot(Reg sums, Reg u8, Reg s8) {
        // Sums of two products are at most 2 * 255 * 64 = 32640: no saturation.
        const Reg pairs = _mm256_maddubs_epi16(u8, s8);
        return _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
    }
    static Reg shift_right(Reg sums, Reg counts) { return _mm256_srav_epi32(sums, counts); }
    static Reg pack32(Reg a, Reg b) { return _mm256_packs_epi32(a, b); }
    static Reg pack16(Reg a, Reg b) { return _mm256_packus_epi16(a, b); }
    static Reg min8(Reg a, Reg b) { return _mm256_min_epu8(a, b); }
    static Reg low8(Reg a, Reg b) { return _mm256_unpacklo_epi8(a, b); }
    static Reg high8(Reg a, Reg b) { return _mm256_unpackhi_epi8(a, b); }
    static Reg low16(Reg a, Reg b) { return _mm256_unpacklo_epi16(a, b); }
    static Reg high16(Reg a, Reg b) { return _mm256_unpackhi_epi16(a, b); }
    template <int kLane>
    static __m128i lane(Reg r) {
        return _mm256_extracti128_si256(r, kLane);
    }
};

}  // namespace

const ScaleKernels kScaleAvx2 = {Avx2::kLanes, pointwise_simd<Avx2>, depthwise_simd<Avx2>};

}  // namespace zvc
