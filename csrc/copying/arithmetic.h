// What coding the difference of a block and its prediction would gain (copying.h), for host and device. V has the operations on registers of any width,
// none of them fused: the order of operations is part of the definition (zvc69/core/reference/copying.py).
#pragma once

#include "common/shared.h"

namespace zvc {

// Forward transforms, scaled: output k of n must be multiplied by scale_of<n>(k) to be that of the orthonormal DCT.
// 8 points: Arai, Agui and Nakajima, "A fast DCT-SQ scheme for images" (1988), as in the JPEG library's jfdctflt.c.
// 4 points: rotation by pi/8 with the cosine left out.
template <int kSize>
ZVC_SHARED constexpr float scale_of(int k) {
    constexpr float kScale8[8] = {0.35355339059327376f, 0.25489778955207957f, 0.27059805007309851f, 0.30067244346752264f,
                                  0.35355339059327376f, 0.44998811156820783f, 0.65328148243818826f, 1.28145772387075309f};
    constexpr float kScale4[4] = {0.5f, 0.65328148243818826f, 0.5f, 0.65328148243818826f};
    return kSize == 8 ? kScale8[k] : kScale4[k & 3];
}

template <class V>
ZVC_SHARED void transform_line(typename V::Reg (&d)[8]) {
    using R = typename V::Reg;
    constexpr float kHalfRoot = 0.70710678118654752f;  // cos(pi/4)
    const auto mul = [](R a, float b) { return V::mul(a, V::all(b)); };
    const R s0 = V::add(d[0], d[7]), s1 = V::add(d[1], d[6]), s2 = V::add(d[2], d[5]), s3 = V::add(d[3], d[4]);
    const R t0 = V::sub(d[0], d[7]), t1 = V::sub(d[1], d[6]), t2 = V::sub(d[2], d[5]), t3 = V::sub(d[3], d[4]);

    const R e0 = V::add(s0, s3), e1 = V::add(s1, s2), e2 = V::sub(s1, s2), e3 = V::sub(s0, s3);
    const R e4 = mul(V::add(e2, e3), kHalfRoot);
    d[0] = V::add(e0, e1);
    d[4] = V::sub(e0, e1);
    d[2] = V::add(e3, e4);
    d[6] = V::sub(e3, e4);

    const R o0 = V::add(t3, t2), o1 = V::add(t2, t1), o2 = V::add(t1, t0);
    const R turn = mul(V::sub(o0, o2), 0.38268343236508977f);            // cos(6 pi/16)
    const R low = V::add(mul(o0, 0.54119610014619698f), turn);           // cos(2 pi/16) - cos(6 pi/16)
    const R high = V::add(mul(o2, 1.30656296487637652f), turn);          // cos(2 pi/16) + cos(6 pi/16)
    const R half = mul(o1, kHalfRoot), sum = V::add(t0, half), rest = V::sub(t0, half);
    d[5] = V::add(rest, low);
    d[3] = V::sub(rest, low);
    d[1] = V::add(sum, high);
    d[7] = V::sub(sum, high);
}

template <class V>
ZVC_SHARED void transform_line(typename V::Reg (&d)[4]) {
    using R = typename V::Reg;
    const R s0 = V::add(d[0], d[3]), s1 = V::add(d[1], d[2]), t0 = V::sub(d[0], d[3]), t1 = V::sub(d[1], d[2]);
    const R tangent = V::all(0.41421356237309505f);  // tan(pi/8)
    d[0] = V::add(s0, s1);
    d[2] = V::sub(s0, s1);
    d[1] = V::add(t0, V::mul(t1, tangent));
    d[3] = V::sub(V::mul(t0, tangent), t1);
}

// log2 of a normal x >= 1, within 2e-5: exponent, and of the mantissa 1 + t the polynomial t + t (1 - t) q(t), which is exact at both ends.
template <class V>
ZVC_SHARED typename V::Reg log2_of(typename V::Reg x) {
    using R = typename V::Reg;
    const R t = V::sub(V::mantissa(x), V::all(1.0f));
    R q = V::mul(t, V::all(-0.0451485529f));
    q = V::mul(t, V::add(q, V::all(0.1484258889f)));
    q = V::mul(t, V::add(q, V::all(-0.2671790631f)));
    q = V::add(q, V::all(0.4419169969f));
    const R bend = V::mul(V::mul(t, V::sub(V::all(1.0f), t)), q);
    return V::add(V::exponent(x), V::add(t, bend));
}

struct GainScale {
    float scale;  // from levels to c
    float distortion, constant, least;
};

// Of a plane's part of an 8x8 block: row(y, line) reads a row of differences; term(value) takes the gains of eight coefficients, in order.
template <class V, int kSize, class Row, class Term>
ZVC_SHARED void gain_terms(const GainScale& of, const Row& row, const Term& term) {
    using R = typename V::Reg;
    R block[kSize][kSize];  // [column of coefficients][row]
    ZVC_UNROLL
    for (int y = 0; y < kSize; ++y) {
        R line[kSize];
        row(y, line);
        transform_line<V>(line);
        ZVC_UNROLL
        for (int x = 0; x < kSize; ++x) block[x][y] = line[x];
    }
    // Logarithms are taken of the product of eight coefficients: (1 + c)^8 is finite up to c = 2^15.
    constexpr int kTogether = 8 / kSize;
    ZVC_UNROLL
    for (int x = 0; x < kSize; x += kTogether) {
        R squares = V::all(0.0f), product = V::all(1.0f);
        ZVC_UNROLL
        for (int n = 0; n < kTogether; ++n) {
            transform_line<V>(block[x + n]);
            ZVC_UNROLL
            for (int y = 0; y < kSize; ++y) {
                const float factor = scale_of<kSize>(x + n) * scale_of<kSize>(y) * of.scale;
                const R c = V::magnitude(V::mul(block[x + n][y], V::all(factor)));
                const R gain = V::sub(V::mul(V::mul(c, c), V::all(of.distortion)), V::all(of.constant));
                const auto counts = V::above(c, V::all(of.least));
                squares = V::add(squares, V::where(counts, gain, V::all(0.0f)));
                product = V::mul(product, V::where(counts, V::add(c, V::all(1.0f)), V::all(1.0f)));
            }
        }
        term(V::sub(squares, V::mul(log2_of<V>(product), V::all(2.0f))));
    }
}

}  // namespace zvc
