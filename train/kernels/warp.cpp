// Motion compensation of packed pictures with gradients to the reference: the float form of csrc/warp. A block's samples share
// a vector, so the taps are applied separably to a window that is 3 samples larger.
#include <algorithm>
#include <cmath>
#include <cstdint>

namespace {

constexpr int kChannels = 96;

struct Taps { float w[4]; };

// Catmull-Rom at fraction t
Taps cubic(float t) {
    const float t2 = t * t, t3 = t2 * t;
    return {{-0.5f * t + t2 - 0.5f * t3, 1 - 2.5f * t2 + 1.5f * t3, 0.5f * t + 2 * t2 - 1.5f * t3, -0.5f * t2 + 0.5f * t3}};
}

// A plane of B x B blocks inside packed channels: sample (row, column) of block (i, j) is channel `first + B * row + column`.
template <int B>
struct Plane {
    int h, w, channels, first;      // blocks
    int64_t at(int row, int column) const { return (int64_t(row / B) * w + column / B) * channels + first + row % B * B + column % B; }
};

template <int B, bool Back>
void warp_blocks(float* reference, const float* field, float* out, const Plane<B>& p, float per_sample) {
    constexpr int W = B + 3;
    const int height = p.h * B, width = p.w * B;
    int64_t rows[W], columns[W];
    for (int i = 0; i < p.h; i++)
        for (int j = 0; j < p.w; j++) {
            const float* v = field + (int64_t(i) * p.w + j) * 2;
            const float x = v[0] * per_sample, y = v[1] * per_sample;
            const int x0 = int(std::floor(x)), y0 = int(std::floor(y));
            const Taps tx = cubic(x - x0), ty = cubic(y - y0);
            for (int k = 0; k < W; k++) {
                const int row = std::clamp(i * B + y0 + k - 1, 0, height - 1), column = std::clamp(j * B + x0 + k - 1, 0, width - 1);
                rows[k] = p.at(row, 0);
                columns[k] = p.at(0, column) - p.first;
            }
            float* block = out + (int64_t(i) * p.w + j) * p.channels + p.first;
            float lines[W][B];
            if (!Back) {
                for (int r = 0; r < W; r++) {
                    float line[W];
                    for (int k = 0; k < W; k++) line[k] = reference[rows[r] + columns[k]];
                    for (int k = 0; k < B; k++) lines[r][k] = tx.w[0] * line[k] + tx.w[1] * line[k + 1] + tx.w[2] * line[k + 2] + tx.w[3] * line[k + 3];
                }
                for (int r = 0; r < B; r++)
                    for (int k = 0; k < B; k++)
                        block[r * B + k] = ty.w[0] * lines[r][k] + ty.w[1] * lines[r + 1][k] + ty.w[2] * lines[r + 2][k] + ty.w[3] * lines[r + 3][k];
                continue;
            }
            for (int r = 0; r < W; r++)
                for (int k = 0; k < B; k++) lines[r][k] = 0;
            for (int r = 0; r < B; r++)
                for (int t = 0; t < 4; t++)
                    for (int k = 0; k < B; k++) lines[r + t][k] += ty.w[t] * block[r * B + k];
            for (int r = 0; r < W; r++) {
                float line[W] = {};
                for (int t = 0; t < 4; t++)
                    for (int k = 0; k < B; k++) line[k + t] += tx.w[t] * lines[r][k];
                for (int k = 0; k < W; k++) reference[rows[r] + columns[k]] += line[k];
            }
        }
}

template <bool Back>
void warp_picture(float* reference, const float* field, float* out, int n, int h, int w) {
    const int64_t size = int64_t(h) * w * kChannels;
    for (int image = 0; image < n; image++) {
        const float* v = field + int64_t(image) * h * w * 2;
        warp_blocks<8, Back>(reference + image * size, v, out + image * size, {h, w, kChannels, 0}, 0.25f);
        for (int first : {64, 80}) warp_blocks<4, Back>(reference + image * size, v, out + image * size, {h, w, kChannels, first}, 0.125f);
    }
}

}  // namespace

extern "C" {

// reference, out (n, h, w, 96); field (n, h, w, 2) in quarter luma samples
void warp(const float* reference, const float* field, float* out, int64_t n, int64_t h, int64_t w) {
    warp_picture<false>(const_cast<float*>(reference), field, out, n, h, w);
}
// gradient of `warp`: greference is added to
void warp_back(float* greference, const float* field, const float* gout, int64_t n, int64_t h, int64_t w) {
    warp_picture<true>(greference, field, const_cast<float*>(gout), n, h, w);
}

}
