// The gains of blocks side by side, a register's lane each: every sample of a block is in a channel of its own, so that both passes of the
// transform are plain sums of registers. Written once for registers of any width; local to the including file, since each is compiled for
// another instruction set. The order of operations is part of the definition (zvc69/core/reference/copying.py).
#pragma once

#include "copying/copying.h"

namespace zvc {
namespace {

// Forward transforms, scaled: output k of n must be multiplied by scale[k] to be that of the orthonormal DCT.
// 8 points: Arai, Agui and Nakajima, "A fast DCT-SQ scheme for images" (1988), as in the JPEG library's jfdctflt.c.
constexpr float kHalfRoot = 0.70710678118654752f;  // cos(pi/4)
constexpr float kScale8[8] = {0.35355339059327376f, 0.25489778955207957f, 0.27059805007309851f, 0.30067244346752264f,
                              0.35355339059327376f, 0.44998811156820783f, 0.65328148243818826f, 1.28145772387075309f};
// 4 points: rotation by pi/8 with the cosine left out.
constexpr float kTangent = 0.41421356237309505f;  // tan(pi/8)
constexpr float kScale4[4] = {0.5f, 0.65328148243818826f, 0.5f, 0.65328148243818826f};

template <class V>
inline void transform8(typename V::Reg (&d)[8]) {
    using R = typename V::Reg;
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
inline void transform4(typename V::Reg (&d)[4]) {
    using R = typename V::Reg;
    const R s0 = V::add(d[0], d[3]), s1 = V::add(d[1], d[2]), t0 = V::sub(d[0], d[3]), t1 = V::sub(d[1], d[2]);
    const R tangent = V::all(kTangent);
    d[0] = V::add(s0, s1);
    d[2] = V::sub(s0, s1);
    d[1] = V::add(t0, V::mul(t1, tangent));
    d[3] = V::sub(V::mul(t0, tangent), t1);
}

// log2 of a normal x >= 1, within 2e-5: exponent, and of the mantissa 1 + t the polynomial t + t (1 - t) q(t), which is exact at both ends.
template <class V>
inline typename V::Reg log2_of(typename V::Reg x) {
    using R = typename V::Reg;
    const R t = V::sub(V::mantissa(x), V::all(1.0f));
    R q = V::mul(t, V::all(-0.0451485529f));
    q = V::mul(t, V::add(q, V::all(0.1484258889f)));
    q = V::mul(t, V::add(q, V::all(-0.2671790631f)));
    q = V::add(q, V::all(0.4419169969f));
    const R bend = V::mul(V::mul(t, V::sub(V::all(1.0f), t)), q);
    return V::add(V::exponent(x), V::add(t, bend));
}

template <class V>
class Tile {
public:
    using R = typename V::Reg;

    Tile(const GainsJob& job, std::size_t row, std::size_t column)
        : job_(job), area_(job.rows * job.columns), at_(row * job.columns + column) {}

    // Sum over the 96 coefficients, added to `sum`.
    R gain(R sum) const {
        sum = plane<8>(0, sum);
        sum = plane<4>(64, sum);
        return plane<4>(80, sum);
    }

private:
    template <int kSize>
    R plane(std::size_t first, R sum) const {
        const float scale = kSize == 8 ? job_.luma_scale : job_.chroma_scale;
        R block[kSize][kSize];  // [column of coefficients][row]
        for (int y = 0; y < kSize; ++y) {
            R line[kSize];
            for (int x = 0; x < kSize; ++x) {
                const std::size_t at = (first + y * kSize + x) * area_ + at_;
                line[x] = V::sub(V::load(job_.picture + at), V::load(job_.prediction + at));
            }
            transform<kSize>(line);
            for (int x = 0; x < kSize; ++x) block[x][y] = line[x];
        }
        // Logarithms are taken of the product of eight coefficients: (1 + c)^8 is finite up to c = 2^15.
        constexpr int kTogether = 8 / kSize;
        for (int x = 0; x < kSize; x += kTogether) {
            R squares = V::all(0.0f), product = V::all(1.0f);
            for (int n = 0; n < kTogether; ++n) {
                transform<kSize>(block[x + n]);
                for (int y = 0; y < kSize; ++y) {
                    const float factor = scale_of<kSize>(x + n) * scale_of<kSize>(y) * scale;
                    const R c = V::magnitude(V::mul(block[x + n][y], V::all(factor)));
                    const R gain = V::sub(V::mul(V::mul(c, c), V::all(job_.distortion)), V::all(job_.constant));
                    const auto counts = V::above(c, V::all(job_.least));
                    squares = V::add(squares, V::where(counts, gain, V::all(0.0f)));
                    product = V::mul(product, V::where(counts, V::add(c, V::all(1.0f)), V::all(1.0f)));
                }
            }
            sum = V::add(sum, V::sub(squares, V::mul(log2_of<V>(product), V::all(2.0f))));
        }
        return sum;
    }

    template <int kSize>
    static void transform(R (&d)[kSize]) {
        if constexpr (kSize == 8) {
            transform8<V>(d);
        } else {
            transform4<V>(d);
        }
    }
    template <int kSize>
    static constexpr float scale_of(int k) {
        return kSize == 8 ? kScale8[k] : kScale4[k];
    }

    const GainsJob& job_;
    std::size_t area_, at_;
};

template <class V>
inline void gains_band(const GainsJob& job, std::size_t band, float* sums) {
    const auto tile = [&](std::size_t j) {
        typename V::Reg sum = V::all(0.0f);
        for (std::size_t i = 4 * band; i < 4 * band + 4; ++i) sum = Tile<V>(job, i, j).gain(sum);
        V::store(sums + j, sum);
    };
    for (std::size_t j = 0; j + V::kLanes <= job.columns; j += V::kLanes) tile(j);
    // The last tile overlaps the one before it: the same values are written again.
    if (job.columns % V::kLanes != 0) tile(job.columns - V::kLanes);
}

}  // namespace
}  // namespace zvc
