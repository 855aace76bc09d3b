// What a training step does between its matrix products, on channels-last arrays: (images, rows, columns, channels),
// channels a multiple of 16. Each function passes over its arrays once; the plain form of each is PyTorch code (see __init__.py).
#include "vectors.h"

namespace {

constexpr float kSlope = 0.1f;       // of leaky ReLU

template <bool Leaky>
inline Floats activated(Floats x) { return Leaky ? maximum(x, x * kSlope) : x; }

// Depthwise K x K, stride S, P zeros around: y = conv(act(x)) + bias. weight (K * K, c).
template <int K, int S, int P, bool Leaky, class T>
void depthwise(const T* x, const float* weight, const float* bias, T* y, int n, int h, int w, int c) {
    const int oh = (h + 2 * P - K) / S + 1, ow = (w + 2 * P - K) / S + 1;
    for (int image = 0; image < n; image++)
        for (int i = 0; i < oh; i++)
            for (int j = 0; j < ow; j++) {
                T* out = y + ((int64_t(image) * oh + i) * ow + j) * c;
                for (int at = 0; at < c; at += kLanes) {
                    Floats sum = load(bias + at);
                    for (int ky = 0; ky < K; ky++) {
                        const int row = i * S + ky - P;
                        if (row < 0 || row >= h) continue;
                        for (int kx = 0; kx < K; kx++) {
                            const int column = j * S + kx - P;
                            if (column < 0 || column >= w) continue;
                            sum += load(weight + (ky * K + kx) * c + at)
                                * activated<Leaky>(load(x + ((int64_t(image) * h + row) * w + column) * c + at));
                        }
                    }
                    store(out + at, sum);
                }
            }
}

// gx (as x), gweight (K * K, c) and gbias (c), both added to.
template <int K, int S, int P, bool Leaky, class T>
void depthwise_back(const T* x, const T* gy, const float* weight, T* gx, float* gweight, float* gbias, int n, int h, int w, int c) {
    const int oh = (h + 2 * P - K) / S + 1, ow = (w + 2 * P - K) / S + 1;
    for (int image = 0; image < n; image++) {
        const T* source = x + int64_t(image) * h * w * c;
        const T* gradient = gy + int64_t(image) * oh * ow * c;
        for (int at = 0; at < c; at += kLanes) {
            Floats taps[K * K] = {}, bias{};
            for (int i = 0; i < oh; i++)
                for (int j = 0; j < ow; j++) {
                    const Floats g = load(gradient + (int64_t(i) * ow + j) * c + at);
                    bias += g;
                    const int top = i * S - P, left = j * S - P;
                    if (top >= 0 && left >= 0 && top + K <= h && left + K <= w) {
                        const T* corner = source + (int64_t(top) * w + left) * c + at;
                        for (int ky = 0; ky < K; ky++)
                            for (int kx = 0; kx < K; kx++)
                                taps[ky * K + kx] += g * activated<Leaky>(load(corner + (int64_t(ky) * w + kx) * c));
                        continue;
                    }
                    for (int ky = 0; ky < K; ky++)
                        for (int kx = 0; kx < K; kx++)
                            if (top + ky >= 0 && top + ky < h && left + kx >= 0 && left + kx < w)
                                taps[ky * K + kx] += g * activated<Leaky>(load(source + (int64_t(top + ky) * w + left + kx) * c + at));
                }
            for (int k = 0; k < K * K; k++) store(gweight + k * c + at, load(gweight + k * c + at) + taps[k]);
            store(gbias + at, load(gbias + at) + bias);
        }
        for (int row = 0; row < h; row++)
            for (int column = 0; column < w; column++) {
                const int64_t place = (int64_t(row) * w + column) * c;
                for (int at = 0; at < c; at += kLanes) {
                    Floats sum{};
                    for (int ky = 0; ky < K; ky++) {
                        const int i = row + P - ky;
                        if (i < 0 || i % S || i / S >= oh) continue;
                        for (int kx = 0; kx < K; kx++) {
                            const int j = column + P - kx;
                            if (j < 0 || j % S || j / S >= ow) continue;
                            sum += load(weight + (ky * K + kx) * c + at) * load(gradient + (int64_t(i / S) * ow + j / S) * c + at);
                        }
                    }
                    if (Leaky) sum = select(load(source + place + at) > 0.0f, sum, sum * kSlope);
                    store(gx + int64_t(image) * h * w * c + place + at, sum);
                }
            }
    }
}

}  // namespace

extern "C" {

void depthwise3_leaky(const bf16* x, const float* weight, const float* bias, bf16* y, int64_t n, int64_t h, int64_t w, int64_t c) {
    depthwise<3, 1, 1, true>(x, weight, bias, y, n, h, w, c);
}
void depthwise3_leaky_back(const bf16* x, const bf16* gy, const float* weight, bf16* gx, float* gweight, float* gbias, int64_t n, int64_t h, int64_t w, int64_t c) {
    depthwise_back<3, 1, 1, true>(x, gy, weight, gx, gweight, gbias, n, h, w, c);
}
void depthwise3(const bf16* x, const float* weight, const float* bias, bf16* y, int64_t n, int64_t h, int64_t w, int64_t c) {
    depthwise<3, 1, 1, false>(x, weight, bias, y, n, h, w, c);
}
void depthwise3_back(const bf16* x, const bf16* gy, const float* weight, bf16* gx, float* gweight, float* gbias, int64_t n, int64_t h, int64_t w, int64_t c) {
    depthwise_back<3, 1, 1, false>(x, gy, weight, gx, gweight, gbias, n, h, w, c);
}
void depthwise4_half(const bf16* x, const float* weight, const float* bias, bf16* y, int64_t n, int64_t h, int64_t w, int64_t c) {
    depthwise<4, 2, 1, false>(x, weight, bias, y, n, h, w, c);
}
void depthwise4_half_back(const bf16* x, const bf16* gy, const float* weight, bf16* gx, float* gweight, float* gbias, int64_t n, int64_t h, int64_t w, int64_t c) {
    depthwise_back<4, 2, 1, false>(x, gy, weight, gx, gweight, gbias, n, h, w, c);
}

// y = x + t + bias
void add_biased(const bf16* x, const bf16* t, const float* bias, bf16* y, int64_t rows, int64_t c) {
    for (int64_t i = 0; i < rows; i++)
        for (int at = 0; at < c; at += kLanes) store(y + i * c + at, load(x + i * c + at) + load(t + i * c + at) + load(bias + at));
}

// m = (u + bu) * clamp((v + bv) / 4 + 1/2, 0, 1) of uv (rows, 2 c); bias (2 c)
void gate(const bf16* uv, const float* bias, bf16* m, int64_t rows, int64_t c) {
    for (int64_t i = 0; i < rows; i++)
        for (int at = 0; at < c; at += kLanes) {
            const Floats u = load(uv + 2 * i * c + at) + load(bias + at), v = load(uv + (2 * i + 1) * c + at) + load(bias + c + at);
            store(m + i * c + at, u * minimum(maximum(v * 0.25f + 0.5f, all(0.0f)), all(1.0f)));
        }
}
// guv (rows, 2 c), gbias (2 c) added to
void gate_back(const bf16* uv, const float* bias, const bf16* gm, bf16* guv, float* gbias, int64_t rows, int64_t c) {
    for (int at = 0; at < c; at += kLanes) {
        Floats su{}, sv{};
        for (int64_t i = 0; i < rows; i++) {
            const Floats u = load(uv + 2 * i * c + at) + load(bias + at), v = load(uv + (2 * i + 1) * c + at) + load(bias + c + at);
            const Floats g = load(gm + i * c + at), s = v * 0.25f + 0.5f;
            const Floats gu = g * minimum(maximum(s, all(0.0f)), all(1.0f));
            const Floats gv = select((s > 0.0f) & (s < 1.0f), g * u * 0.25f, all(0.0f));
            store(guv + 2 * i * c + at, gu);
            store(guv + (2 * i + 1) * c + at, gv);
            su += gu;
            sv += gv;
        }
        store(gbias + at, load(gbias + at) + su);
        store(gbias + c + at, load(gbias + c + at) + sv);
    }
}

// sums (c) added to: of each column of g (rows, c)
void column_sums(const bf16* g, float* sums, int64_t rows, int64_t c) {
    for (int at = 0; at < c; at += kLanes) {
        Floats s{};
        for (int64_t i = 0; i < rows; i++) s += load(g + i * c + at);
        store(sums + at, load(sums + at) + s);
    }
}

// Requantisation of the integer sigma network: y = clamp(floor(x + bias + 1/2), 0, high), bias (n, c) for `rows` rows each.
// mask: 1 above the range, 2 below it.
static inline void code_row(const Floats v, float high, bf16* y, uint8_t* mask) {
    store(y, minimum(maximum(floor_of(v + 0.5f), all(0.0f)), all(high)));
    const Ints outside = ((v > high) & 1) | ((v < 0.0f) & 2);
    for (int k = 0; k < kLanes; k++) mask[k] = uint8_t(outside[k]);
}
void code_half(const bf16* x, const float* bias, float high, bf16* y, uint8_t* mask, int64_t n, int64_t rows, int64_t c) {
    for (int image = 0; image < n; image++)
        for (int64_t i = image * rows; i < (image + 1) * rows; i++)
            for (int at = 0; at < c; at += kLanes) code_row(load(x + i * c + at) + load(bias + image * c + at), high, y + i * c + at, mask + i * c + at);
}
void code_single(const float* x, const float* bias, float high, bf16* y, uint8_t* mask, int64_t n, int64_t rows, int64_t c) {
    for (int image = 0; image < n; image++)
        for (int64_t i = image * rows; i < (image + 1) * rows; i++)
            for (int at = 0; at < c; at += kLanes) code_row(load(x + i * c + at) + load(bias + image * c + at), high, y + i * c + at, mask + i * c + at);
}
// gx = gy where it passes: above the range if it leads back (gy > 0), below it never, or with `leak` if it leads back (gy <= 0).
// gbias (n, c).
void code_back(const bf16* gy, const uint8_t* mask, int64_t leak, bf16* gx, float* gbias, int64_t n, int64_t rows, int64_t c) {
    for (int image = 0; image < n; image++)
        for (int at = 0; at < c; at += kLanes) {
            Floats s{};
            for (int64_t i = image * rows; i < (image + 1) * rows; i++) {
                const Floats g = load(gy + i * c + at);
                Ints m;
                for (int k = 0; k < kLanes; k++) m[k] = mask[i * c + at + k];
                Ints stop = ((m & 1) != 0) & (g < 0.0f);
                stop |= leak ? ((m & 2) != 0) & (g > 0.0f) : ((m & 2) != 0);
                const Floats passed = select(stop, all(0.0f), g);
                store(gx + i * c + at, passed);
                s += passed;
            }
            store(gbias + image * c + at, s);
        }
}

// Depthwise 3x3 of codes with requantisation, exact: codes and weight * 2^shift are integers below 2^8.
void depthwise3_code(const bf16* x, const float* weight, const float* bias, float high, bf16* y, uint8_t* mask, int64_t n, int64_t h, int64_t w, int64_t c) {
    for (int image = 0; image < n; image++)
        for (int i = 0; i < h; i++)
            for (int j = 0; j < w; j++) {
                const int64_t place = ((int64_t(image) * h + i) * w + j) * c;
                for (int at = 0; at < c; at += kLanes) {
                    Floats sum{};
                    for (int ky = -1; ky <= 1; ky++)
                        for (int kx = -1; kx <= 1; kx++)
                            if (i + ky >= 0 && i + ky < h && j + kx >= 0 && j + kx < w)
                                sum += load(weight + (3 * ky + kx + 4) * c + at) * load(x + place + (int64_t(ky) * w + kx) * c + at);
                    code_row(sum + load(bias + at), high, y + place + at, mask + place + at);
                }
            }
}

// y = round(32 log(1 + min(|r|, 15))): codes of magnitudes
void magnitude_code(const float* r, bf16* y, int64_t count) {
    for (int64_t i = 0; i < count; i += kLanes) store(y + i, round_even(logarithm(1.0f + minimum(absolute(load(r + i)), all(15.0f))) * 32.0f));
}
void magnitude_code_back(const float* r, const bf16* gy, float* gr, int64_t count) {
    for (int64_t i = 0; i < count; i += kLanes) {
        const Floats x = load(r + i), a = absolute(x), sign = select(x == 0.0f, all(0.0f), copy_sign(all(1.0f), x));
        store(gr + i, select(a <= 15.0f, sign * load(gy + i) * 32.0f / (1.0f + a), all(0.0f)));
    }
}

// -log2 of a Gaussian's mass on [r - 1/2, r + 1/2], log sigma = low + step * index, mass at least `least`.
// Magnitudes up to 15 by thresholds (64, 15) of the index; |v| cannot pass a threshold far above its own rounding: two candidates below, one above.
void rd_round(const float* v, const float* index, const float* thresholds, float skip_below, float* r, int64_t count) {
    const Floats one = all(1.0f);
    for (int64_t i = 0; i < count; i += kLanes) {
        const Floats x = load(v + i), a = absolute(x), at = load(index + i);
        const Floats low = minimum(maximum(floor_of(minimum(a, all(64.0f)) + 0.5f) - one, all(0.0f)), all(14.0f));
        const Ints first = __builtin_convertvector(at, Ints) * 15 + __builtin_convertvector(low, Ints);
        Floats one_of_two, other;
        for (int n = 0; n < kLanes; ++n) {
            one_of_two[n] = thresholds[first[n]];
            other[n] = thresholds[first[n] + (low[n] < 14.0f)];
        }
        Floats m = select(a >= one_of_two, low + one, low);
        m = select(a >= other, minimum(low + 2.0f, all(15.0f)), m);
        m = select(a >= 15.0f, round_even(a), m);
        store(r + i, copy_sign(select(at < skip_below, all(0.0f), m), x));
    }
}
void gaussian_bits(const float* r, const float* index, float low, float step, float least, float* bits, int64_t count) {
    for (int64_t i = 0; i < count; i += kLanes) {
        const Floats a = absolute(load(r + i)), scale = exponential(-(low + step * load(index + i))) * 0.70710678f;
        const Floats p = 0.5f * (erfc((a - 0.5f) * scale) - erfc((a + 0.5f) * scale));
        store(bits + i, logarithm(maximum(p, all(least))) * -1.44269504f);
    }
}
void gaussian_bits_back(const float* r, const float* index, float low, float step, float least, const float* g, float* gr, float* gindex, int64_t count) {
    for (int64_t i = 0; i < count; i += kLanes) {
        const Floats x = load(r + i), a = absolute(x), inverse = exponential(-(low + step * load(index + i)));
        const Floats upper = (a + 0.5f) * inverse, lower = (a - 0.5f) * inverse;
        const Floats p = 0.5f * (erfc(lower * 0.70710678f) - erfc(upper * 0.70710678f));
        const Floats du = exponential(upper * upper * -0.5f) * 0.39894228f, dl = exponential(lower * lower * -0.5f) * 0.39894228f;
        const Floats per = select(p > least, load(g + i) * -1.44269504f / maximum(p, all(least)), all(0.0f));
        store(gr + i, copy_sign(all(1.0f), x) * per * (du - dl) * inverse);
        store(gindex + i, per * (lower * dl - upper * du) * step);
    }
}

}  // extern "C"
