// Motion compensation of packed pictures with gradients to the reference: the float form of csrc/warp. A block's samples share
// a vector, so the taps are applied separably to a window that is larger by the taps. Overlapped: near a block's sides the
// predictions of the neighbours' vectors are mixed in.
#include <algorithm>
#include <cmath>
#include <cstdint>

namespace {

constexpr int kChannels = 96;
constexpr int kSharp = 1, kOverlap = 2;      // bits of a mode

// Taps applied to the samples from -before on.
template <int T>
struct Taps {
    static constexpr int before = T / 2 - 1;
    float w[T];
};

// Catmull-Rom at fraction t
Taps<4> taps_at(float t, Taps<4>) {
    const float t2 = t * t, t3 = t2 * t;
    return {{-0.5f * t + t2 - 0.5f * t3, 1 - 2.5f * t2 + 1.5f * t3, 0.5f * t + 2 * t2 - 1.5f * t3, -0.5f * t2 + 0.5f * t3}};
}

// HEVC's luma filters, of quarter samples
Taps<8> taps_at(float t, Taps<8>) {
    static constexpr float taps[4][8] = {{0, 0, 0, 64, 0, 0, 0, 0}, {-1, 4, -10, 58, 17, -5, 1, 0}, {-1, 4, -11, 40, 40, -11, 4, -1}, {0, 1, -5, 17, 58, -10, 4, -1}};
    Taps<8> out;
    for (int k = 0; k < 8; k++) out.w[k] = taps[int(t * 4)][k] / 64;
    return out;
}

// A plane of B x B blocks inside packed channels: sample (row, column) of block (i, j) is channel `first + B * row + column`.
template <int B>
struct Plane {
    int h, w, first;      // blocks
    int64_t at(int row, int column) const { return (int64_t(row / B) * w + column / B) * kChannels + first + row % B * B + column % B; }
};

// The prediction of R x C samples from (row, column) of the plane on by vector v, times `weight` (row-major, C a row), is added to `out`, a
// block's samples of B a row; Back: the gradient `out`, times `weight`, is added to the reference.
template <int B, int R, int C, int T, bool Back>
void add_prediction(float* reference, const float* v, float* out, const Plane<B>& p, int row, int column, float per_sample, const float* weight) {
    constexpr int H = R + T - 1, W = C + T - 1;
    const float x = v[0] * per_sample, y = v[1] * per_sample;
    const int x0 = int(std::floor(x)), y0 = int(std::floor(y));
    const Taps<T> tx = taps_at(x - x0, Taps<T>{}), ty = taps_at(y - y0, Taps<T>{});
    const int height = p.h * B, width = p.w * B;
    int64_t rows[H], columns[W];
    for (int k = 0; k < H; k++) rows[k] = p.at(std::clamp(row + y0 + k - Taps<T>::before, 0, height - 1), 0);
    for (int k = 0; k < W; k++) columns[k] = p.at(0, std::clamp(column + x0 + k - Taps<T>::before, 0, width - 1)) - p.first;
    float lines[H][C];
    if (!Back) {
        for (int r = 0; r < H; r++) {
            float line[W];
            for (int k = 0; k < W; k++) line[k] = reference[rows[r] + columns[k]];
            for (int k = 0; k < C; k++) {
                float sum = 0;
                for (int t = 0; t < T; t++) sum += tx.w[t] * line[k + t];
                lines[r][k] = sum;
            }
        }
        for (int r = 0; r < R; r++)
            for (int k = 0; k < C; k++) {
                float sum = 0;
                for (int t = 0; t < T; t++) sum += ty.w[t] * lines[r + t][k];
                out[r * B + k] += weight[r * C + k] * sum;
            }
        return;
    }
    for (int r = 0; r < H; r++)
        for (int k = 0; k < C; k++) lines[r][k] = 0;
    for (int r = 0; r < R; r++)
        for (int t = 0; t < T; t++)
            for (int k = 0; k < C; k++) lines[r + t][k] += ty.w[t] * weight[r * C + k] * out[r * B + k];
    for (int r = 0; r < H; r++) {
        float line[W] = {};
        for (int t = 0; t < T; t++)
            for (int k = 0; k < C; k++) line[k + t] += tx.w[t] * lines[r][k];
        for (int k = 0; k < W; k++) reference[rows[r] + columns[k]] += line[k];
    }
}

// Shares of the neighbour's prediction, from its side on: luma 6/16 and 2/16, chroma 4/16.
template <int B>
struct Overlap {
    static constexpr int S = B / 4;
    float upper[S * B], lower[S * B], left[B * S], right[B * S];
    Overlap() {
        constexpr float shares[2][2] = {{4 / 16.f, 0}, {6 / 16.f, 2 / 16.f}};
        for (int s = 0; s < S; s++)
            for (int k = 0; k < B; k++) {
                upper[s * B + k] = lower[(S - 1 - s) * B + k] = shares[S - 1][s];
                left[k * S + s] = right[k * S + S - 1 - s] = shares[S - 1][s];
            }
    }
};

template <int B, int T, bool Back>
void warp_blocks(float* reference, const float* field, float* out, const Plane<B>& p, float per_sample, bool overlapped) {
    static const Overlap<B> overlap;
    constexpr int S = Overlap<B>::S;
    for (int i = 0; i < p.h; i++)
        for (int j = 0; j < p.w; j++) {
            const int64_t at = int64_t(i) * p.w + j;
            const float* v = field + at * 2;
            float* block = out + at * kChannels + p.first;
            float own[B * B];
            std::fill(own, own + B * B, 1.0f);
            const auto other = [&](int di, int dj) -> const float* {
                if (!overlapped || i + di < 0 || i + di >= p.h || j + dj < 0 || j + dj >= p.w) return nullptr;
                const float* n = v + 2 * (di * p.w + dj);
                return n[0] == v[0] && n[1] == v[1] ? nullptr : n;
            };
            if (const float* n = other(-1, 0)) {
                for (int k = 0; k < S * B; k++) own[k] -= overlap.upper[k];
                add_prediction<B, S, B, T, Back>(reference, n, block, p, i * B, j * B, per_sample, overlap.upper);
            }
            if (const float* n = other(1, 0)) {
                for (int k = 0; k < S * B; k++) own[(B - S) * B + k] -= overlap.lower[k];
                add_prediction<B, S, B, T, Back>(reference, n, block + (B - S) * B, p, i * B + B - S, j * B, per_sample, overlap.lower);
            }
            if (const float* n = other(0, -1)) {
                for (int k = 0; k < B * S; k++) own[k / S * B + k % S] -= overlap.left[k];
                add_prediction<B, B, S, T, Back>(reference, n, block, p, i * B, j * B, per_sample, overlap.left);
            }
            if (const float* n = other(0, 1)) {
                for (int k = 0; k < B * S; k++) own[k / S * B + B - S + k % S] -= overlap.right[k];
                add_prediction<B, B, S, T, Back>(reference, n, block + B - S, p, i * B, j * B + B - S, per_sample, overlap.right);
            }
            add_prediction<B, B, B, T, Back>(reference, v, block, p, i * B, j * B, per_sample, own);
        }
}

template <bool Back>
void warp_picture(float* reference, const float* field, float* out, const uint8_t* modes, int n, int h, int w) {
    const int64_t size = int64_t(h) * w * kChannels;
    for (int image = 0; image < n; image++) {
        const float* v = field + int64_t(image) * h * w * 2;
        float *from = reference + image * size, *to = out + image * size;
        const bool overlapped = modes[image] & kOverlap;
        if (modes[image] & kSharp) warp_blocks<8, 8, Back>(from, v, to, {h, w, 0}, 0.25f, overlapped);
        else warp_blocks<8, 4, Back>(from, v, to, {h, w, 0}, 0.25f, overlapped);
        for (int first : {64, 80}) warp_blocks<4, 4, Back>(from, v, to, {h, w, first}, 0.125f, overlapped);
    }
}

}  // namespace

extern "C" {

// reference, out (n, h, w, 96), out zero before; field (n, h, w, 2) in quarter luma samples; modes (n)
void warp(const float* reference, const float* field, float* out, const uint8_t* modes, int64_t n, int64_t h, int64_t w) {
    warp_picture<false>(const_cast<float*>(reference), field, out, modes, n, h, w);
}
// gradient of `warp`: greference is added to
void warp_back(float* greference, const float* field, const float* gout, const uint8_t* modes, int64_t n, int64_t h, int64_t w) {
    warp_picture<true>(greference, field, const_cast<float*>(gout), modes, n, h, w);
}

}
