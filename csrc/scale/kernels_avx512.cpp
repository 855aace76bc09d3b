// GCC 12 takes its own _mm512_undefined_epi32() for a mistake (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#endif

#include "scale/kernels_simd.h"

namespace zvc {
namespace {

struct Avx512 {
    using Reg = __m512i;
    static constexpr int kLanes = 4;
    static constexpr int kTile = 6, kSumVectors = 4;  // 24 sums of the 32 registers

    static Reg load(const void* p) { return _mm512_loadu_si512(p); }
    static void store(void* p, Reg r) { _mm512_storeu_si512(p, r); }
    static Reg zero() { return _mm512_setzero_si512(); }
    static Reg set8(std::uint8_t byte) { return _mm512_set1_epi8(static_cast<char>(byte)); }
    static Reg broadcast(const std::uint8_t* p) {
        int word;
        __builtin_memcpy(&word, p, 4);
        return _mm512_set1_epi32(word);
    }
    static Reg dot(Reg sums, Reg u8, Reg s8) { return _mm512_dpbusd_epi32(sums, u8, s8); }
    static Reg shift_right(Reg sums, Reg counts) { return _mm512_srav_epi32(sums, counts); }
    static Reg pack32(Reg a, Reg b) { return _mm512_packs_epi32(a, b); }
    static Reg pack16(Reg a, Reg b) { return _mm512_packus_epi16(a, b); }
    static Reg min8(Reg a, Reg b) { return _mm512_min_epu8(a, b); }
    static Reg low8(Reg a, Reg b) { return _mm512_unpacklo_epi8(a, b); }
    static Reg high8(Reg a, Reg b) { return _mm512_unpackhi_epi8(a, b); }
    static Reg low16(Reg a, Reg b) { return _mm512_unpacklo_epi16(a, b); }
    static Reg high16(Reg a, Reg b) { return _mm512_unpackhi_epi16(a, b); }
    template <int kLane>
    static __m128i lane(Reg r) {
        return _mm512_extracti32x4_epi32(r, kLane);
    }
};

}  // namespace

const ScaleKernels kScaleAvx512 = {Avx512::kLanes, pointwise_simd<Avx512>, depthwise_simd<Avx512>};

}  // namespace zvc
