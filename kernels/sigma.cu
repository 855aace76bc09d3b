// The integer sigma network (docs/INTERNALS.md; exact): uint8 activations, int8 weights, by dp4a.
//
// A layer's weights are [inputs / 4][outputs] words of four inputs, so that neighbouring threads, which have neighbouring outputs, load
// neighbouring words. Biases have the rounding in them; those that depend on the QP are [64][outputs], the row chosen by *qp.
#include "device.h"
#include "scale/arithmetic.h"

namespace zvc {

constexpr int kTile = 32;   // positions of a block
constexpr int kAtOnce = 8;  // positions of a thread: each weight is loaded once for all of them

// 1x1 from shared memory, `words` of four inputs a position; store(position in the tile, output, value).
template <class Store>
__device__ __forceinline__ void pointwise(const uint32_t* in, int words, const uint32_t* weights, const int32_t* bias, const int32_t* shift,
                                          int outputs, int ceiling, const Store& store) {
    for (int item = static_cast<int>(threadIdx.x); item < outputs * (kTile / kAtOnce); item += static_cast<int>(blockDim.x)) {
        const int o = item % outputs, first = item / outputs * kAtOnce;
        int sum[kAtOnce];
        const int start = bias[o];
#pragma unroll
        for (int n = 0; n < kAtOnce; ++n) sum[n] = start;
        const uint32_t* x = in + first * words;
        for (int w = 0; w < words; ++w) {
            const uint32_t weight = weights[w * outputs + o];
#pragma unroll
            for (int n = 0; n < kAtOnce; ++n) sum[n] = device::dp4a(x[n * words + w], weight, sum[n]);
        }
        const int s = shift[o];
#pragma unroll
        for (int n = 0; n < kAtOnce; ++n) store(first + n, o, requantised(sum[n], s, ceiling));
    }
}

// Depthwise 3x3 of a tile into shared memory, four channels a thread. in: (rows * columns, 4 * words); weights [3][3][4 * words].
__device__ __forceinline__ void depthwise(const uint32_t* in, int words, const uint32_t* weights, const int32_t* bias, const int32_t* shift,
                                          int first, int rows, int columns, uint32_t* out) {
    for (int item = static_cast<int>(threadIdx.x); item < kTile * words; item += static_cast<int>(blockDim.x)) {
        const int p = first + item / words, w = item % words, i = p / columns, j = p % columns;
        if (p >= rows * columns) {
            out[item] = 0;
            continue;
        }
        int sum[4] = {bias[4 * w], bias[4 * w + 1], bias[4 * w + 2], bias[4 * w + 3]};
        for (int tap = 0; tap < 9; ++tap) {
            const int y = i + tap / 3 - 1, x = j + tap % 3 - 1;
            if (y < 0 || y >= rows || x < 0 || x >= columns) continue;
            const uint32_t four = in[(y * columns + x) * words + w], weight = weights[tap * words + w];
#pragma unroll
            for (int c = 0; c < 4; ++c) sum[c] += static_cast<int>(four >> 8 * c & 255) * static_cast<int8_t>(weight >> 8 * c);
        }
        uint32_t packed = 0;
#pragma unroll
        for (int c = 0; c < 4; ++c) packed |= static_cast<uint32_t>(requantised(sum[c], shift[4 * w + c], 255)) << 8 * c;
        out[item] = packed;
    }
}

}  // namespace zvc

// z (positions, 4 * words) to the first layer's output. Shared: kTile * words words.
extern "C" __global__ void __launch_bounds__(256, 4) sigma_hyper_in(const int16_t* z, int words, const uint32_t* weights, const int32_t* bias,
                                                                 const int32_t* shift, int positions, int outputs, uint8_t* out) {
    using namespace zvc;
    ZVC_DYNAMIC_SHARED(memory);
    uint32_t* x = reinterpret_cast<uint32_t*>(memory);
    const int first = static_cast<int>(blockIdx.x) * kTile;
    for (int item = static_cast<int>(threadIdx.x); item < kTile * words; item += static_cast<int>(blockDim.x)) {
        uint32_t packed = 0;
        for (int c = 0; c < 4 && first + item / words < positions; ++c)
            packed |= static_cast<uint32_t>(limited(z[4 * (first * words + item) + c] + 128, 0, 255)) << 8 * c;
        x[item] = packed;
    }
    __syncthreads();
    pointwise(x, words, weights, bias, shift, outputs, 255, [&](int n, int o, int value) {
        if (first + n < positions) out[(first + n) * outputs + o] = static_cast<uint8_t>(value);
    });
}

// Depthwise, 1x1, and its 16 f + 4 p + q channels to feature f of block (4 i + p, 4 j + q): hs (16 * positions, outputs / 16).
extern "C" __global__ void __launch_bounds__(256, 4) sigma_hyper_out(const uint8_t* in, int words, const uint32_t* spatial, const int32_t* spatial_bias,
                                                                  const int32_t* spatial_shift, const uint32_t* weights, const int32_t* bias,
                                                                  const int32_t* shift, int rows, int columns, int outputs, uint8_t* hs) {
    using namespace zvc;
    ZVC_DYNAMIC_SHARED(memory);
    uint32_t* x = reinterpret_cast<uint32_t*>(memory);
    const int first = static_cast<int>(blockIdx.x) * kTile, features = outputs / kSubpositions;
    depthwise(reinterpret_cast<const uint32_t*>(in), words, spatial, spatial_bias, spatial_shift, first, rows, columns, x);
    __syncthreads();
    // Outputs come block by block of the 16 (the host has put the weights in that order): neighbours in memory.
    pointwise(x, words, weights, bias, shift, outputs, 255, [&](int n, int o, int value) {
        const int position = first + n, block = o / features;
        if (position >= rows * columns) return;
        const int i = position / columns * 4 + block / 4, j = position % columns * 4 + block % 4;
        hs[(i * 4 * columns + j) * features + o % features] = static_cast<uint8_t>(value);
    });
}

// Sigma indices of z from the state's codes (16 * positions, latent) twice. Shared: kTile * latent / 2 words.
extern "C" __global__ void __launch_bounds__(256, 4) sigma_z_index(const uint32_t* magnitude, const uint32_t* index, int words, const uint32_t* weights,
                                                                const int32_t* bias, const int32_t* shift, const int32_t* qp, int positions,
                                                                int columns, int outputs, uint8_t* out) {
    using namespace zvc;
    ZVC_DYNAMIC_SHARED(memory);
    uint32_t* x = reinterpret_cast<uint32_t*>(memory);
    const int first = static_cast<int>(blockIdx.x) * kTile;
    for (int item = static_cast<int>(threadIdx.x); item < kTile * 2 * words; item += static_cast<int>(blockDim.x)) {
        const int position = first + item / (2 * words), w = item % (2 * words);
        uint32_t packed = 0;
        if (position < positions) {
            const uint32_t* codes = (w < words ? magnitude : index) + w % words;
            const int corner = position / columns * 4 * 4 * columns + position % columns * 4;
            uint32_t even = 0x00080008, odd = 0x00080008;  // sums of bytes 0 and 2, 1 and 3; at most 16 * 255 + 8
            for (int n = 0; n < kSubpositions; ++n) {
                const uint32_t four = codes[(corner + n / 4 * 4 * columns + n % 4) * words];
                even += four & 0x00FF00FF;
                odd += four >> 8 & 0x00FF00FF;
            }
            packed = (even >> 4 & 0x00FF00FF) | (odd >> 4 & 0x00FF00FF) << 8;
        }
        x[item] = packed;
    }
    __syncthreads();
    pointwise(x, 2 * words, weights, bias + *qp * outputs, shift, outputs, kSigmaCeiling, [&](int n, int o, int value) {
        if (first + n < positions) out[(first + n) * outputs + o] = static_cast<uint8_t>(value);
    });
}

// A step's first layer: hs, the state (null: blank; the weights behind those of hs are then left out) and the symbols of the steps before.
// Shared: kTile * (hyper + 3 * latent) / 4 words.
extern "C" __global__ void __launch_bounds__(256, 4) sigma_step_in(const uint32_t* hs, int hyper_words, const uint32_t* magnitude, const uint32_t* index,
                                                                const int16_t* r, int step, int latent_words, const uint32_t* weights,
                                                                const int32_t* bias, const int32_t* shift, const int32_t* qp, int positions,
                                                                int columns, int outputs, uint8_t* out) {
    using namespace zvc;
    ZVC_DYNAMIC_SHARED(memory);
    uint32_t* x = reinterpret_cast<uint32_t*>(memory);
    const int first = static_cast<int>(blockIdx.x) * kTile, words = hyper_words + (step > 0 ? 3 : 2) * latent_words;
    for (int item = static_cast<int>(threadIdx.x); item < kTile * words; item += static_cast<int>(blockDim.x)) {
        const int position = first + item / words, w = item % words, n = w - hyper_words;
        uint32_t packed = 0;
        if (position >= positions) {
        } else if (n < 0) {
            packed = hs[position * hyper_words + w];
        } else if (n < 2 * latent_words) {
            if (magnitude != nullptr) packed = (n < latent_words ? magnitude : index)[position * latent_words + n % latent_words];
        } else {
            const int symbol = n - 2 * latent_words;
            for (int k = 0; k < step; ++k)
                packed |= static_cast<uint32_t>(magnitude_code(r[(k * positions + position) * latent_words + symbol]))
                          << 8 * coded_channel(k, position / columns, position % columns);
        }
        x[item] = packed;
    }
    __syncthreads();
    pointwise(x, words, weights, bias + *qp * outputs, shift, outputs, 255, [&](int n, int o, int value) {
        if (first + n < positions) out[(first + n) * outputs + o] = static_cast<uint8_t>(value);
    });
}

// The rest of a step: depthwise, 1x1, and of the last 1x1 the outputs that the step codes. copy (rows / 4, columns / 4) or null: where it is set
// indices are 0. Shared: kTile * (words + mix_words) words.
extern "C" __global__ void __launch_bounds__(256, 4) sigma_step_out(const uint8_t* in, int words, const uint32_t* spatial, const int32_t* spatial_bias,
                                                                 const int32_t* spatial_shift, const uint32_t* mix, const int32_t* mix_bias,
                                                                 const int32_t* mix_shift, int mix_words, const uint32_t* last, const int32_t* last_bias,
                                                                 const int32_t* last_shift, const int32_t* qp, const uint8_t* copy, int step, int rows,
                                                                 int columns, int symbols, uint8_t* index) {
    using namespace zvc;
    ZVC_DYNAMIC_SHARED(memory);
    uint32_t* x = reinterpret_cast<uint32_t*>(memory);
    uint32_t* mixed = x + kTile * words;
    const int first = static_cast<int>(blockIdx.x) * kTile, positions = rows * columns, latent = 4 * symbols;
    depthwise(reinterpret_cast<const uint32_t*>(in), words, spatial, spatial_bias, spatial_shift, first, rows, columns, x);
    __syncthreads();
    pointwise(x, words, mix, mix_bias, mix_shift, 4 * mix_words, 255, [&](int n, int o, int value) {
        reinterpret_cast<uint8_t*>(mixed)[4 * n * mix_words + o] = static_cast<uint8_t>(value);
    });
    __syncthreads();
    for (int item = static_cast<int>(threadIdx.x); item < kTile * symbols; item += static_cast<int>(blockDim.x)) {
        const int n = item / symbols, symbol = item % symbols, position = first + n;
        if (position >= positions) continue;
        const int i = position / columns, j = position % columns, o = 4 * symbol + coded_channel(step, i, j);
        int sum = last_bias[*qp * latent + o];
        for (int w = 0; w < mix_words; ++w) sum = device::dp4a(mixed[n * mix_words + w], last[w * latent + o], sum);
        const bool copied = copy != nullptr && copy[i / 4 * (columns / 4) + j / 4] != 0;
        index[position * symbols + symbol] = copied ? 0 : static_cast<uint8_t>(requantised(sum, last_shift[o], kSigmaCeiling));
    }
}
