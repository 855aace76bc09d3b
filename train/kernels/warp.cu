// Motion compensation of packed pictures on a GPU, with gradients to the reference: the float form of csrc/warp, as warp.cpp has it.
// A thread for each sample: pictures are (pictures, h, w, 96), fields (pictures, 2, h, w) in quarter luma samples.

namespace zvc {

constexpr int kChannels = 96, kLuma = 64, kSharp = 1, kOverlap = 2;

// What a sample is predicted from: a plane of blocks of B x B samples.
struct Sample {
    int picture, i, j, row, column, first, size;   // block, place in it, the plane's first channel, B
};

__device__ __forceinline__ Sample sample_of(unsigned n, int h, int w) {
    const int channel = static_cast<int>(n % kChannels), block = static_cast<int>(n / kChannels);
    const int size = channel < kLuma ? 8 : 4, first = channel < kLuma ? 0 : channel < 80 ? 64 : 80, place = channel - first;
    return {block / (h * w), block / w % h, block % w, place / size, place % size, first, size};
}

__device__ __forceinline__ void cubic(float t, float (&taps)[8]) {
    const float t2 = t * t, t3 = t2 * t;
    taps[0] = taps[1] = taps[6] = taps[7] = 0.0f;
    taps[2] = -0.5f * t + t2 - 0.5f * t3;
    taps[3] = 1.0f - 2.5f * t2 + 1.5f * t3;
    taps[4] = 0.5f * t + 2.0f * t2 - 1.5f * t3;
    taps[5] = -0.5f * t2 + 0.5f * t3;
}

// HEVC's, of quarter samples; of three quarters they are those of one, reversed.
__device__ __forceinline__ void sharp(float t, float (&taps)[8]) {
    const bool half = t == 0.5f, whole = t == 0.0f, back = t == 0.75f;
    const float quarter[8] = {-1, 4, -10, 58, 17, -5, 1, 0}, middle[8] = {-1, 4, -11, 40, 40, -11, 4, -1};
#pragma unroll
    for (int k = 0; k < 8; ++k) taps[k] = (whole ? (k == 3 ? 64.0f : 0.0f) : half ? middle[k] : back ? (k == 0 ? 0.0f : quarter[7 - k]) : quarter[k]) / 64.0f;
}

// The prediction of a sample by a vector; kBack: `weight` goes to what it is made of.
template <bool kBack>
__device__ __forceinline__ float predict(const float* reference, float* gradient, const Sample& s, int h, int w, float dx, float dy, bool is_sharp,
                                         float weight) {
    const float scale = s.size == 8 ? 0.25f : 0.125f, x = dx * scale, y = dy * scale, x0 = floorf(x), y0 = floorf(y);
    float across[8], down[8];
    if (is_sharp) {
        sharp(x - x0, across);
        sharp(y - y0, down);
    } else {
        cubic(x - x0, across);
        cubic(y - y0, down);
    }
    const int height = h * s.size, width = w * s.size, row = s.i * s.size + s.row + static_cast<int>(y0) - 3;
    const int column = s.j * s.size + s.column + static_cast<int>(x0) - 3;
    float sum = 0.0f;
#pragma unroll
    for (int a = 0; a < 8; ++a) {
        if (down[a] == 0.0f) continue;
        const int r = row + a < 0 ? 0 : row + a >= height ? height - 1 : row + a;
        const long long line = static_cast<long long>(s.picture * h + r / s.size) * w;
        const int inside = s.first + r % s.size * s.size;
        float part = 0.0f;
#pragma unroll
        for (int b = 0; b < 8; ++b) {
            if (across[b] == 0.0f) continue;
            const int c = column + b < 0 ? 0 : column + b >= width ? width - 1 : column + b;
            const long long at = (line + c / s.size) * kChannels + inside + c % s.size;
            if (kBack)
                atomicAdd(gradient + at, weight * down[a] * across[b]);
            else
                part += across[b] * reference[at];
        }
        sum += down[a] * part;
    }
    return sum;
}

// Share of the neighbour at `distance` samples from the side that is shared.
__device__ __forceinline__ float share_of(int distance, int size) {
    return size == 4 ? (distance == 0 ? 0.25f : 0.0f) : distance == 0 ? 0.375f : distance == 1 ? 0.125f : 0.0f;
}

template <bool kBack>
__device__ __forceinline__ float compensate(const float* reference, float* gradient, const float* field, int mode, const Sample& s, int h, int w,
                                            float weight) {
    const float *across = field + static_cast<long long>(2 * s.picture) * h * w, *down = across + h * w;
    const bool is_sharp = (mode & kSharp) != 0 && s.size == 8;
    float own = 1.0f, sum = 0.0f;
    if (mode & kOverlap) {
#pragma unroll
        for (int side = 0; side < 4; ++side) {
            const int distance = side == 0 ? s.row : side == 1 ? s.size - 1 - s.row : side == 2 ? s.column : s.size - 1 - s.column;
            const float share = share_of(distance, s.size);
            if (share == 0.0f) continue;
            const int i = side == 0 ? s.i - 1 : side == 1 ? s.i + 1 : s.i, j = side == 2 ? s.j - 1 : side == 3 ? s.j + 1 : s.j;
            const int at = (i < 0 ? 0 : i >= h ? h - 1 : i) * w + (j < 0 ? 0 : j >= w ? w - 1 : j);
            sum += share * predict<kBack>(reference, gradient, s, h, w, across[at], down[at], is_sharp, share * weight);
            own -= share;
        }
    }
    return sum + own * predict<kBack>(reference, gradient, s, h, w, across[s.i * w + s.j], down[s.i * w + s.j], is_sharp, own * weight);
}

}  // namespace zvc

// out, like the picture: each compensated by its mode.
extern "C" __global__ void __launch_bounds__(256) warp_pictures(const float* picture, const float* field, const unsigned char* modes, unsigned samples,
                                                                int h, int w, float* out) {
    const unsigned n = blockIdx.x * 256u + threadIdx.x;
    if (n >= samples) return;
    const zvc::Sample s = zvc::sample_of(n, h, w);
    out[n] = zvc::compensate<false>(picture, nullptr, field, modes[s.picture], s, h, w, 0.0f);
}

// Adds to `back`, like the picture, what `gradient` of the compensated one means for it.
extern "C" __global__ void __launch_bounds__(256) warp_back(const float* gradient, const float* field, const unsigned char* modes, unsigned samples,
                                                            int h, int w, float* back) {
    const unsigned n = blockIdx.x * 256u + threadIdx.x;
    if (n >= samples) return;
    const zvc::Sample s = zvc::sample_of(n, h, w);
    zvc::compensate<true>(nullptr, back, field, modes[s.picture], s, h, w, gradient[n]);
}
