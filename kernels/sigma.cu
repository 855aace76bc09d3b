// The integer sigma network (docs/INTERNALS.md; exact): uint8 activations, int8 weights, on integer tensor cores.
//
// 1x1: a warp takes a strip of 16 positions, 32 channels a time. In what order the products go through channels, and which outputs a tile of 8 has,
// is free: so chosen that a lane has eight neighbouring channels of two positions, on the left of a product as well as in what comes out of it.
// Activations are thus loaded and stored eight bytes at once, and a layer's outputs are the next one's operand without leaving the registers. Weights come
// straight from global memory (L1, L2), [group of tiles][input / 32][tile][lane][2], in the order of the tensor core's registers (zvc69/cuda/sigma.py).
// Biases have the rounding in them; those that depend on the QP are [64][outputs], the row chosen by *qp. Inputs and outputs of the layers are multiples of
// 32, filled up with zeros, but for what goes in and out of the network.
#include "device.h"
#include "scale/arithmetic.h"

namespace zvc {

constexpr int kHyper = 48, kLatent = 96, kSymbols = kLatent / kSteps;
constexpr int kStrip = 16;   // positions
constexpr int kChunk = 32;   // channels
constexpr int kEight = 8;    // channels of a lane
constexpr int kTiles = 4;    // of a group of 32 outputs
constexpr int kPadding = 32; // bytes behind a position in shared memory: the eights of four positions are then in different banks

// Positions lane / 4 and 8 further of a strip (`half` 0 and 1), channels 8 (lane % 4) to 8 (lane % 4) + 7 of 32.
struct Chunk {
    uint32_t of[4];

    __device__ __forceinline__ void put(int half, uint2 eight) {
        of[half] = eight.x;
        of[2 + half] = eight.y;
    }
};

// Eight biases or shifts, 32-byte aligned.
__device__ __forceinline__ void load_eight(const int32_t* from, int (&out)[kEight]) {
#pragma unroll
    for (int n = 0; n < 2; ++n) {
        const int4 four = reinterpret_cast<const int4*>(from)[n];
        out[4 * n] = four.x;
        out[4 * n + 1] = four.y;
        out[4 * n + 2] = four.z;
        out[4 * n + 3] = four.w;
    }
}

// Sums of a group of 8 * tiles outputs: this lane has 2 * tiles neighbours, of both positions.
template <int tiles>
__device__ __forceinline__ void begin(int (&sum)[tiles][4], const int32_t* bias) {
#pragma unroll
    for (int n = 0; n < tiles; ++n) {
        const int2 two = *reinterpret_cast<const int2*>(bias + 2 * n);
        sum[n][0] = sum[n][2] = two.x;
        sum[n][1] = sum[n][3] = two.y;
    }
}

// weights: those of the group, from this lane and this chunk on.
template <int tiles>
__device__ __forceinline__ void multiply(int (&sum)[tiles][4], const Chunk& x, const uint2* weights) {
#pragma unroll
    for (int n = 0; n < tiles; ++n) {
        const uint2 two = weights[n * static_cast<int>(kWarp)];
        const uint32_t b[2] = {two.x, two.y};
        device::multiply_add(sum[n], x.of, b);
    }
}

template <int tiles, int chunks>
__device__ __forceinline__ void multiply(int (&sum)[tiles][4], const Chunk (&x)[chunks], const uint2* weights) {
#pragma unroll
    for (int n = 0; n < chunks; ++n) multiply(sum, x[n], weights + n * tiles * static_cast<int>(kWarp));
}

// A group's weights at this lane, of layers of `chunks` chunks.
__device__ __forceinline__ const uint2* weights_of(const uint32_t* weights, int group, int chunks, int tiles = kTiles) {
    return reinterpret_cast<const uint2*>(weights) + group * chunks * tiles * static_cast<int>(kWarp) + lane_of();
}

// Requantised outputs. ceiling 255 is left to the instruction that saturates.
template <int ceiling = 255>
__device__ __forceinline__ Chunk finished(const int (&sum)[kTiles][4], const int32_t* shift) {
    int s[kEight];
    load_eight(shift, s);
    Chunk out;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        int v[kEight];
#pragma unroll
        for (int n = 0; n < kEight; ++n) {
            v[n] = sum[n / 2][2 * half + n % 2] >> s[n];
            if (ceiling != 255) v[n] = limited(v[n], 0, ceiling);
        }
        out.put(half, make_uint2(device::pack_bytes(v[0], v[1], v[2], v[3]), device::pack_bytes(v[4], v[5], v[6], v[7])));
    }
    return out;
}

__device__ __forceinline__ uint2 eight_of(const void* bytes, int at) { return *reinterpret_cast<const uint2*>(static_cast<const uint8_t*>(bytes) + at); }

// What finished gives, of one position.
__device__ __forceinline__ void store(uint8_t* to, const Chunk& x, int half) {
    *reinterpret_cast<uint2*>(to) = make_uint2(x.of[half], x.of[2 + half]);
}

// Depthwise 3x3 of channels c to c + 7 at `count` places. in (rows, columns, width); weights [3][3][width].
template <int count>
__device__ __forceinline__ void depthwise(const uint8_t* in, int width, const uint32_t* weights, const int32_t* bias, const int32_t* shift, int rows,
                                          int columns, int c, const int (&i)[count], const int (&j)[count], uint2 (&out)[count]) {
    int sum[count][kEight];
#pragma unroll
    for (int n = 0; n < count; ++n) load_eight(bias + c, sum[n]);
#pragma unroll
    for (int tap = 0; tap < 9; ++tap) {
        const uint2 weight = eight_of(weights, tap * width + c);
#pragma unroll
        for (int n = 0; n < count; ++n) {
            const int y = i[n] + tap / 3 - 1, x = j[n] + tap % 3 - 1;
            uint2 eight = make_uint2(0, 0);
            if (y >= 0 && y < rows && x >= 0 && x < columns) eight = eight_of(in + (y * columns + j[n]) * width + c, (tap % 3 - 1) * width);
#pragma unroll
            for (int e = 0; e < 4; ++e) {  // one of four weights is left: a multiplication that takes no byte out first
                sum[n][e] = device::dp4a(eight.x, weight.x & 255u << 8 * e, sum[n][e]);
                sum[n][4 + e] = device::dp4a(eight.y, weight.y & 255u << 8 * e, sum[n][4 + e]);
            }
        }
    }
    int s[kEight];
    load_eight(shift + c, s);
#pragma unroll
    for (int n = 0; n < count; ++n) {
        int v[kEight];
#pragma unroll
        for (int e = 0; e < kEight; ++e) v[e] = sum[n][e] >> s[e];
        out[n] = make_uint2(device::pack_bytes(v[0], v[1], v[2], v[3]), device::pack_bytes(v[4], v[5], v[6], v[7]));
    }
}

// A group of 32 outputs from a strip in shared memory; bias, shift: the group's.
template <int ceiling>
__device__ __forceinline__ Chunk group_of(const unsigned char* strip, int width, const uint2* weights, const int32_t* bias, const int32_t* shift) {
    const int lane = static_cast<int>(lane_of()), c = kEight * (lane % 4);
    int sum[kTiles][4];
    begin(sum, bias + c);
    for (int chunk = 0; chunk < width / kChunk; ++chunk) {
        Chunk x;
#pragma unroll
        for (int half = 0; half < 2; ++half) x.put(half, eight_of(strip, (lane / 4 + 8 * half) * (width + kPadding) + kChunk * chunk + c));
        multiply(sum, x, weights + chunk * kTiles * static_cast<int>(kWarp));
    }
    return finished<ceiling>(sum, shift + c);
}

// Codes of channels 32 chunk + 8 part to 7 further whose symbols the steps before know; the others are 0.
__device__ __forceinline__ uint2 known_codes(const int16_t* r, int step, int positions, int position, int columns, int chunk, int part) {
    const int i = position / columns, j = position % columns;
    uint2 out = make_uint2(0, 0);
#pragma unroll
    for (int k = 0; k < kSteps - 1; ++k) {
        if (k >= step) continue;
        const auto two = *reinterpret_cast<const uint32_t*>(r + (k * positions + position) * kSymbols + 8 * chunk + 2 * part);
        const int place = 8 * coded_channel(k, i, j);
        out.x |= static_cast<uint32_t>(magnitude_code(static_cast<int16_t>(two))) << place;
        out.y |= static_cast<uint32_t>(magnitude_code(static_cast<int16_t>(two >> 16))) << place;
    }
    return out;
}

// The rest of a step: depthwise, 1x1, and of the last 1x1 the outputs that the step codes. Which those are depends on whether row and column are odd: the
// four warps of a block take those of each kind of 4x16 positions. last [channel of four][mix / 32][tile][lane][2]; biases [64][channel of four][symbol].
// copy (rows / 4, columns / 4) or null: where it is set indices are 0.
template <int kGroups>
__device__ __forceinline__ void step_out(const uint8_t* in, const uint32_t* spatial, const int32_t* spatial_bias, const int32_t* spatial_shift,
                                         const uint32_t* mix, const int32_t* mix_bias, const int32_t* mix_shift, const uint32_t* last,
                                         const int32_t* last_bias, const int32_t* last_shift, int qp, const uint8_t* copy, int step, int rows,
                                         int columns, uint8_t* index) {
    constexpr int kWidth = kGroups * kChunk, kLastTiles = kSymbols / 8;
    const int lane = static_cast<int>(lane_of()), part = lane % 4, c = kEight * part;
    const int across = (columns + 15) / 16, tile = static_cast<int>(blockIdx.x), kind = static_cast<int>(threadIdx.x / kWarp);
    const int row = tile / across * 4, column = tile % across * 16 + kind % 2 + lane / 4 * 2, d = coded_channel(step, kind / 2, kind % 2);
    const int i[2] = {row + kind / 2, row + kind / 2 + 2}, j[2] = {column, column};
    Chunk x[kGroups], mixed[kGroups];
#pragma unroll
    for (int g = 0; g < kGroups; ++g) {
        uint2 eight[2];
        depthwise(in, kWidth, spatial, spatial_bias, spatial_shift, rows, columns, kChunk * g + c, i, j, eight);
        x[g].put(0, eight[0]);
        x[g].put(1, eight[1]);
    }
#pragma unroll
    for (int g = 0; g < kGroups; ++g) {
        int sum[kTiles][4];
        begin(sum, mix_bias + kChunk * g + c);
        multiply(sum, x, weights_of(mix, g, kGroups));
        mixed[g] = finished(sum, mix_shift + kChunk * g + c);
    }
    int sum[kLastTiles][4];
    begin(sum, last_bias + (qp * kSteps + d) * kSymbols + 2 * kLastTiles * part);
    multiply(sum, mixed, weights_of(last, d, kGroups, kLastTiles));
    const int32_t* shift = last_shift + d * kSymbols + 2 * kLastTiles * part;
    if (column >= columns) return;
    const bool copied = copy != nullptr && copy[row / 4 * (columns / 4) + column / 4] != 0;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        uint16_t* out = reinterpret_cast<uint16_t*>(index + (i[half] * columns + column) * kSymbols) + kLastTiles * part;
#pragma unroll
        for (int n = 0; n < kLastTiles; ++n) {
            const int low = requantised(sum[n][2 * half], shift[2 * n], kSigmaCeiling);
            const int high = requantised(sum[n][2 * half + 1], shift[2 * n + 1], kSigmaCeiling);
            out[n] = copied ? 0 : static_cast<uint16_t>(low | high << 8);
        }
    }
}

}  // namespace zvc

// z (positions, 48) to the first layer's output, (positions, 32 * groups). A warp makes 32 outputs of a strip: grid (strips, groups).
extern "C" __global__ void __launch_bounds__(32) sigma_hyper_in(const int16_t* z, const uint32_t* weights, const int32_t* bias, const int32_t* shift,
                                                               int positions, uint8_t* out) {
    using namespace zvc;
    const int lane = static_cast<int>(lane_of()), c = kEight * (lane % 4), groups = static_cast<int>(gridDim.y), group = static_cast<int>(blockIdx.y);
    const int first = static_cast<int>(blockIdx.x) * kStrip + lane / 4;
    int sum[kTiles][4];
    begin(sum, bias + kChunk * group + c);
#pragma unroll
    for (int chunk = 0; chunk < 2; ++chunk) {
        Chunk x;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int position = first + 8 * half;
            uint2 codes = make_uint2(0, 0);
            if (position < positions && kChunk * chunk + c < kHyper) {
                const uint4 eight = *reinterpret_cast<const uint4*>(z + position * kHyper + kChunk * chunk + c);
                const auto code = [](uint32_t two, int n) { return static_cast<int16_t>(two >> 16 * n) + 128; };
                codes = make_uint2(device::pack_bytes(code(eight.x, 0), code(eight.x, 1), code(eight.y, 0), code(eight.y, 1)),
                                   device::pack_bytes(code(eight.z, 0), code(eight.z, 1), code(eight.w, 0), code(eight.w, 1)));
            }
            x.put(half, codes);
        }
        multiply(sum, x, weights_of(weights, group, 2) + chunk * kTiles * static_cast<int>(kWarp));
    }
    const Chunk x = finished(sum, shift + kChunk * group + c);
#pragma unroll
    for (int half = 0; half < 2; ++half)
        if (first + 8 * half < positions) store(out + ((first + 8 * half) * groups + group) * kChunk + c, x, half);
}

// Depthwise, 1x1, and its 16 f + 4 p + q channels to feature f of block (4 i + p, 4 j + q): hs (16 * positions, 48). A block has a strip. Outputs come
// block by block of the 16 (the host has put the weights in that order): neighbours in memory. Shared: 16 * (width + 32) bytes.
extern "C" __global__ void __launch_bounds__(768) sigma_hyper_out(const uint8_t* in, int width, const uint32_t* spatial, const int32_t* spatial_bias,
                                                                 const int32_t* spatial_shift, const uint32_t* weights, const int32_t* bias,
                                                                 const int32_t* shift, int rows, int columns, uint8_t* hs) {
    using namespace zvc;
    constexpr int kGroups = kSubpositions * kHyper / kChunk;
    ZVC_DYNAMIC_SHARED(strip);
    const int first = static_cast<int>(blockIdx.x) * kStrip, eights = width / kEight;
    for (int item = static_cast<int>(threadIdx.x); item < kStrip * eights; item += static_cast<int>(blockDim.x)) {
        const int n = item / eights, c = item % eights * kEight, i[1] = {(first + n) / columns}, j[1] = {(first + n) % columns};
        uint2 out[1];
        depthwise(in, width, spatial, spatial_bias, spatial_shift, rows, columns, c, i, j, out);
        *reinterpret_cast<uint2*>(strip + n * (width + kPadding) + c) = out[0];
    }
    __syncthreads();
    const int lane = static_cast<int>(lane_of());
    for (int group = static_cast<int>(threadIdx.x / kWarp); group < kGroups; group += static_cast<int>(blockDim.x / kWarp)) {
        const Chunk x = group_of<255>(strip, width, weights_of(weights, group, width / kChunk), bias + kChunk * group, shift + kChunk * group);
        const int output = kChunk * group + kEight * (lane % 4), block = output / kHyper;   // 48 is a multiple of 8: all eight are of one block
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int position = first + lane / 4 + 8 * half;
            if (position >= rows * columns) continue;
            const int i = position / columns * 4 + block / 4, j = position % columns * 4 + block % 4;
            store(hs + (i * 4 * columns + j) * kHyper + output % kHyper, x, half);
        }
    }
}

// Sigma indices of z, (positions, 48), from the state's codes (16 * positions, 96) twice. A block has a strip. Shared: 16 * (192 + 32) bytes.
extern "C" __global__ void __launch_bounds__(384) sigma_z_index(const uint32_t* magnitude, const uint32_t* index, const uint32_t* weights,
                                                               const int32_t* bias, const int32_t* shift, const int32_t* qp, int positions, int columns,
                                                               uint8_t* out) {
    using namespace zvc;
    constexpr int kWidth = 2 * kLatent, kEights = kWidth / kEight, kGroups = (kHyper + kChunk - 1) / kChunk;
    ZVC_DYNAMIC_SHARED(strip);
    const int first = static_cast<int>(blockIdx.x) * kStrip;
    for (int item = static_cast<int>(threadIdx.x); item < kStrip * kEights; item += static_cast<int>(blockDim.x)) {
        const int position = first + item / kEights, c = item % kEights * kEight;
        uint2 mean = make_uint2(0, 0);
        if (position < positions) {
            const uint32_t* codes = c < kLatent ? magnitude : index;
            const int corner = position / columns * 4 * 4 * columns + position % columns * 4;
            uint2 even = make_uint2(0x00080008, 0x00080008), odd = even;  // sums of bytes 0 and 2, 1 and 3; at most 16 * 255 + 8
#pragma unroll
            for (int n = 0; n < kSubpositions; ++n) {
                const uint2 eight = eight_of(codes, (corner + n / 4 * 4 * columns + n % 4) * kLatent + c % kLatent);
                even.x += eight.x & 0x00FF00FF;
                even.y += eight.y & 0x00FF00FF;
                odd.x += eight.x >> 8 & 0x00FF00FF;
                odd.y += eight.y >> 8 & 0x00FF00FF;
            }
            mean = make_uint2((even.x >> 4 & 0x00FF00FF) | (odd.x >> 4 & 0x00FF00FF) << 8, (even.y >> 4 & 0x00FF00FF) | (odd.y >> 4 & 0x00FF00FF) << 8);
        }
        *reinterpret_cast<uint2*>(strip + item / kEights * (kWidth + kPadding) + c) = mean;
    }
    __syncthreads();
    const int group = static_cast<int>(threadIdx.x / kWarp), lane = static_cast<int>(lane_of()), output = kChunk * group + kEight * (lane % 4);
    if (group >= kGroups) return;
    const Chunk x = group_of<kSigmaCeiling>(strip, kWidth, weights_of(weights, group, kWidth / kChunk), bias + (*qp * kGroups + group) * kChunk,
                                            shift + kChunk * group);
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const int position = first + lane / 4 + 8 * half;
        if (position < positions && output < kHyper) store(out + position * kHyper + output, x, half);
    }
}

// A step's first layer: hs, the state (null: blank; it adds nothing) and the symbols of the steps before. Each warp has its strip, all of its inputs in
// registers, and makes its outputs 32 a time. positions: a multiple of 16. out (positions, 32 * groups).
extern "C" __global__ void __launch_bounds__(128, 4) sigma_step_in(const uint32_t* hs, const uint32_t* magnitude, const uint32_t* index, const int16_t* r,
                                                                  int step, const uint32_t* weights, const int32_t* bias, const int32_t* shift,
                                                                  const int32_t* qp, int positions, int columns, int groups, uint8_t* out) {
    using namespace zvc;
    constexpr int kFeatureChunks = (kHyper + kChunk - 1) / kChunk, kLatentChunks = kLatent / kChunk, kStateChunks = 2 * kLatentChunks;
    const int lane = static_cast<int>(lane_of()), part = lane % 4, c = kEight * part;
    const int first = static_cast<int>((blockIdx.x * blockDim.x + threadIdx.x) / kWarp) * kStrip;
    if (first >= positions) return;
    const int at[2] = {first + lane / 4, first + lane / 4 + 8};
    const bool stated = magnitude != nullptr;
    Chunk features[kFeatureChunks], state[kStateChunks], known[kLatentChunks];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
        for (int n = 0; n < kFeatureChunks; ++n)
            features[n].put(half, kChunk * n + c < kHyper ? eight_of(hs, at[half] * kHyper + kChunk * n + c) : make_uint2(0, 0));
        if (stated) {
#pragma unroll
            for (int n = 0; n < kStateChunks; ++n)
                state[n].put(half, eight_of(n < kLatentChunks ? magnitude : index, at[half] * kLatent + n % kLatentChunks * kChunk + c));
        }
        if (step > 0) {
#pragma unroll
            for (int n = 0; n < kLatentChunks; ++n) known[n].put(half, known_codes(r, step, positions, at[half], columns, n, part));
        }
    }
    const int chunks = kFeatureChunks + kStateChunks + (step > 0 ? kLatentChunks : 0);
    for (int g = 0; g < groups; ++g) {
        const uint2* w = weights_of(weights, g, chunks);
        int sum[kTiles][4];
        begin(sum, bias + (*qp * groups + g) * kChunk + c);
        multiply(sum, features, w);
        w += kFeatureChunks * kTiles * static_cast<int>(kWarp);
        if (stated) multiply(sum, state, w);
        w += kStateChunks * kTiles * static_cast<int>(kWarp);
        if (step > 0) multiply(sum, known, w);
        const Chunk x = finished(sum, shift + kChunk * g + c);
#pragma unroll
        for (int half = 0; half < 2; ++half) store(out + (at[half] * groups + g) * kChunk + c, x, half);
    }
}

// What follows it, in networks whose layers are filled up to 64 or 96.
extern "C" __global__ void __launch_bounds__(128, 4) sigma_step_out_64(const uint8_t* in, const uint32_t* spatial, const int32_t* spatial_bias,
                                                                      const int32_t* spatial_shift, const uint32_t* mix, const int32_t* mix_bias,
                                                                      const int32_t* mix_shift, const uint32_t* last, const int32_t* last_bias,
                                                                      const int32_t* last_shift, const int32_t* qp, const uint8_t* copy, int step,
                                                                      int rows, int columns, uint8_t* index) {
    zvc::step_out<2>(in, spatial, spatial_bias, spatial_shift, mix, mix_bias, mix_shift, last, last_bias, last_shift, *qp, copy, step, rows, columns,
                     index);
}

extern "C" __global__ void __launch_bounds__(128, 4) sigma_step_out_96(const uint8_t* in, const uint32_t* spatial, const int32_t* spatial_bias,
                                                                      const int32_t* spatial_shift, const uint32_t* mix, const int32_t* mix_bias,
                                                                      const int32_t* mix_shift, const uint32_t* last, const int32_t* last_bias,
                                                                      const int32_t* last_shift, const int32_t* qp, const uint8_t* copy, int step,
                                                                      int rows, int columns, uint8_t* index) {
    zvc::step_out<3>(in, spatial, spatial_bias, spatial_shift, mix, mix_bias, mix_shift, last, last_bias, last_shift, *qp, copy, step, rows, columns,
                     index);
}
