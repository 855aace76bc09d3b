// Sixteen floats at a time, by the compiler's vector extensions: AVX-512, AVX2 or plain code, as the CPU has it.
#pragma once
#include <cstdint>
#include <cstring>

constexpr int kLanes = 16;
typedef float Floats __attribute__((vector_size(64), aligned(4)));
typedef int32_t Ints __attribute__((vector_size(64), aligned(4)));
typedef uint32_t Words __attribute__((vector_size(64), aligned(4)));
typedef uint16_t Halves __attribute__((vector_size(32), aligned(2)));

using bf16 = uint16_t;

inline Floats load(const bf16* p) {
    return (Floats)(__builtin_convertvector(*(const Halves*)p, Words) << 16);
}
inline Floats load(const float* p) { return *(const Floats*)p; }

// Round to nearest, ties to even, as PyTorch does; finite values only.
inline void store(bf16* p, Floats x) {
    Words u = (Words)x;
    u = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
    *(Halves*)p = __builtin_convertvector(u, Halves);
}
inline void store(float* p, Floats x) { *(Floats*)p = x; }

inline Floats all(float x) { return Floats{} + x; }
inline Floats select(Ints mask, Floats yes, Floats no) { return (Floats)((mask & (Ints)yes) | (~mask & (Ints)no)); }
inline Floats maximum(Floats a, Floats b) { return select(a > b, a, b); }
inline Floats minimum(Floats a, Floats b) { return select(a < b, a, b); }
inline Floats absolute(Floats a) { return (Floats)((Ints)a & 0x7fffffff); }
inline Floats copy_sign(Floats magnitude, Floats sign) { return (Floats)((Ints)magnitude | ((Ints)sign & (int)0x80000000)); }

// |x| < 2^22.
inline Floats round_even(Floats x) { return (x + 12582912.0f) - 12582912.0f; }
inline Floats floor_of(Floats x) {
    const Floats r = round_even(x);
    return r - select(r > x, all(1.0f), all(0.0f));
}

// Relative error below 2e-7 (Cephes); 0 below e^-87.
inline Floats exponential(Floats x) {
    x = minimum(x, all(88.0f));
    const Ints tiny = x < -87.0f;
    x = maximum(x, all(-87.0f));
    const Floats n = round_even(x * 1.44269504f);
    const Floats f = x - n * 0.693359375f + n * 2.12194440e-4f;
    Floats p = f * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * f + 8.3334519073e-3f;
    p = p * f + 4.1665795894e-2f;
    p = p * f + 1.6666665459e-1f;
    p = p * f + 5.0000001201e-1f;
    p = p * f * f + f + 1.0f;
    const Floats power = (Floats)((__builtin_convertvector(n, Ints) + 127) << 23);
    return select(tiny, all(0.0f), p * power);
}

// x > 0 and normal.
inline Floats logarithm(Floats x) {
    const Ints bits = (Ints)x;
    Ints e = (bits >> 23) - 126;
    Floats m = (Floats)((bits & 0x007fffff) | 0x3f000000);      // [0.5, 1)
    const Ints low = m < 0.707106781f;
    e += low;                                                    // true is -1
    m = m + select(low, m, all(0.0f)) - 1.0f;
    const Floats z = m * m;
    Floats p = m * 7.0376836292e-2f - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    const Floats k = __builtin_convertvector(e, Floats);
    return m + (p * m * z - k * 2.12194440e-4f - z * 0.5f) + k * 0.693359375f;
}

// Complementary error function, relative error below 2e-7 for all x (Numerical Recipes, erfcc).
inline Floats erfc(Floats x) {
    const Floats z = absolute(x), t = 1.0f / (1.0f + 0.5f * z);
    Floats p = t * 0.17087277f - 0.82215223f;
    p = p * t + 1.48851587f;
    p = p * t - 1.13520398f;
    p = p * t + 0.27886807f;
    p = p * t - 0.18628806f;
    p = p * t + 0.09678418f;
    p = p * t + 0.37409196f;
    p = p * t + 1.00002368f;
    const Floats y = t * exponential(p * t - 1.26551223f - z * z);
    return select(x < 0.0f, 2.0f - y, y);
}
