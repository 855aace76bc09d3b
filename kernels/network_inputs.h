// What brings inputs of the networks' programs into shared memory (network.h): tensors as they are or made of several, depthwise layers.
#pragma once

#include "device.h"
#include "scale/arithmetic.h"

namespace zvc {

constexpr int kTileColumns = 8, kWarps = 8, kThreads = kWarps * kWarp;
constexpr int kAhead = 3;  // steps of a product whose weights are on their way
constexpr float kSlope = 0.1f, kCentre = 128.0f, kClip = 64.0f, kLargestZ = 127.0f;

enum Operation : int { kLoad, kLoadBase, kLoadZ, kLoadKnown, kLoadLatents, kDepthwise, kPointwise };

enum Flag : int {
    kLeaky = 1,
    kGate = 2,          // outputs come in pairs of 8: u and v of u * clip(v, 0, 1)
    kPerQp = 4,         // times table[*qp][output]
    kResidual = 8,      // plus what is in shared memory at `residual`
    kRound = 16,        // to integers within +-127: z
    kKeep = 32,         // zero where `index` is below `skip_below` or `copy` is set
    kBase = 64,         // plus the prediction, in levels
    kClipped = 128,     // in shared memory within +-64
    kOutHalf = 256,
    kOutFloat = 512,
    kOutInteger = 1024,
    kShuffle = 2048,    // channel features (4 p + q) + f of (i, j) to feature f of (4 i + p, 4 j + q), as halves
    kExact = 4096,      // sums in floats, whatever the kernel
    kShared = 8192,     // to shared memory
};

// One stage; numbers that a stage does not use are zero. Places in shared memory are in halves, `from` and `to` of the tile's first row.
struct Stage {
    int operation, flags;
    int from, from_stride, to, to_stride, residual, residual_stride;  // to < 0: not to shared memory
    int inputs, outputs;      // 1x1: columns that are multiplied, outputs before a gate halves them; else channels in `outputs`
    int wrap;                 // 1x1: columns after which they begin again
    int kernel, stride, pad;  // depthwise
    int rows, columns;        // of what a depthwise stage reads
    int skip_below, unused;
    uint64_t weights, bias, table, in, in_b, in_c, out, index, copy;
};

// The block's tile in a grid of rows x columns positions: its first row and column.
struct Tile {
    int i, j, rows, columns;
};

template <int kRows>
__device__ __forceinline__ Tile tile_of(int rows, int columns) {
    const int across = (columns + kTileColumns - 1) / kTileColumns, tile = static_cast<int>(blockIdx.x), down = tile / across;
    return {down * (kRows / kTileColumns), (tile - down * across) * kTileColumns, rows, columns};
}

// A position of the tile; its row in shared memory counts positions line by line.
struct Place {
    int i, j, position;
    bool inside;
};

__device__ __forceinline__ Place place_at(const Tile& tile, int down, int across) {
    const int i = tile.i + down, j = tile.j + across;
    return {i, j, i * tile.columns + j, i < tile.rows && j < tile.columns};
}

template <class T>
__device__ __forceinline__ T* pointer(uint64_t address) {
    return reinterpret_cast<T*>(address);
}

__device__ __forceinline__ uint4 four(const float (&v)[8]) {
    return make_uint4(pack_halves(v[0], v[1]), pack_halves(v[2], v[3]), pack_halves(v[4], v[5]), pack_halves(v[6], v[7]));
}

__device__ __forceinline__ void eight(float (&v)[8], const uint4& halves) {
    v[0] = low_half(halves.x);
    v[1] = high_half(halves.x);
    v[2] = low_half(halves.y);
    v[3] = high_half(halves.y);
    v[4] = low_half(halves.z);
    v[5] = high_half(halves.z);
    v[6] = low_half(halves.w);
    v[7] = high_half(halves.w);
}

__device__ __forceinline__ void eight(float (&v)[8], const float* from) {
    const float4 a = *reinterpret_cast<const float4*>(from), b = *reinterpret_cast<const float4*>(from + 4);
    v[0] = a.x;
    v[1] = a.y;
    v[2] = a.z;
    v[3] = a.w;
    v[4] = b.x;
    v[5] = b.y;
    v[6] = b.z;
    v[7] = b.w;
}

// Symbols of channels c to c + 7, c a multiple of 8, from step arrays (4, positions, channels / 4).
__device__ __forceinline__ void symbols_at(float (&v)[8], const int16_t* r, int c, const Place& at, int positions, int channels) {
    uint32_t pairs[kSteps];
#pragma unroll
    for (int step = 0; step < kSteps; ++step)
        pairs[step] = *reinterpret_cast<const uint32_t*>(r + (step * positions + at.position) * (channels / 4) + c / 4);
#pragma unroll
    for (unsigned e = 0; e < 8; ++e) {
        const int step = step_of(e, at.i, at.j);
        const uint32_t pair = step & 2 ? (step & 1 ? pairs[3] : pairs[2]) : (step & 1 ? pairs[1] : pairs[0]);
        v[e] = static_cast<int16_t>(e < 4 ? pair : pair >> 16);
    }
}

// Eight channels from c on of a position inside. kLoadLatents writes what halves leave of a value `outputs` columns behind it.
__device__ __forceinline__ void load_eight(const Stage& s, const Place& at, int c, int positions, int qp, float blend, uint16_t* to) {
    const int n = at.position * s.outputs + c;
    float v[8];
    if (s.operation == kLoadBase) {
        float b[8];
        eight(v, *reinterpret_cast<const uint4*>(pointer<const uint16_t>(s.in) + n));
        eight(b, *reinterpret_cast<const uint4*>(pointer<const uint16_t>(s.in_b) + n));
#pragma unroll
        for (int e = 0; e < 8; ++e) v[e] += blend * (b[e] - v[e]);
    } else if (s.operation == kLoadZ) {
        const uint4 z = *reinterpret_cast<const uint4*>(pointer<const int16_t>(s.in) + n);
        const uint32_t pairs[4] = {z.x, z.y, z.z, z.w};
#pragma unroll
        for (int e = 0; e < 8; ++e) v[e] = static_cast<int16_t>(e & 1 ? pairs[e / 2] >> 16 : pairs[e / 2]);
    } else {
        const bool odd = (at.i + at.j) & 1;     // channels of the first two steps are those of the same parity
        float mean[8];
        symbols_at(v, pointer<const int16_t>(s.in), c, at, positions, s.outputs);
        eight(mean, pointer<const float>(s.in_b) + n);
        if (s.operation == kLoadKnown) {
#pragma unroll
            for (int e = 0; e < 8; ++e) v[e] = ((e & 1) != 0) == odd ? v[e] + mean[e] : 0.0f;
        } else {
            float second[8], gain[8], rest[8];
            eight(second, pointer<const float>(s.in_c) + n);
            eight(gain, pointer<const float>(s.table) + qp * s.outputs + c);
#pragma unroll
            for (int e = 0; e < 8; ++e) {
                const float y = (v[e] + (((e & 1) != 0) == odd ? mean[e] : second[e])) * gain[e];
                v[e] = device::to_float(device::to_half(y));
                rest[e] = y - v[e];
            }
            *reinterpret_cast<uint4*>(to + s.outputs) = four(rest);
        }
    }
    *reinterpret_cast<uint4*>(to) = four(v);
}

template <int kRows>
__device__ __forceinline__ void load(const Stage s, uint16_t* memory, const Tile& tile, int qp, float blend) {
    const int groups = s.outputs / 8, positions = tile.rows * tile.columns;
    for (int item = static_cast<int>(threadIdx.x); item < kRows * groups; item += kThreads) {
        const int row = item / groups, c = (item - row * groups) * 8;
        const Place at = place_at(tile, row / kTileColumns, row % kTileColumns);
        uint16_t* to = memory + s.to + row * s.to_stride + c;
        if (!at.inside) {
            *reinterpret_cast<uint4*>(to) = make_uint4(0, 0, 0, 0);
            if (s.operation == kLoadLatents) *reinterpret_cast<uint4*>(to + s.outputs) = make_uint4(0, 0, 0, 0);
        } else if (s.operation == kLoad) {
            device::copy_sixteen(to, pointer<const uint16_t>(s.in) + at.position * s.outputs + c);
        } else {
            load_eight(s, at, c, positions, qp, blend, to);
        }
    }
}

// Any kernel and stride. Weights [kernel * kernel][outputs] halves.
template <int kRows>
__device__ __forceinline__ void depthwise(const Stage s, uint16_t* memory, const Tile& tile) {
    const uint16_t *in = pointer<const uint16_t>(s.in), *weights = pointer<const uint16_t>(s.weights);
    const int groups = s.outputs / 8;
    for (int item = static_cast<int>(threadIdx.x); item < kRows * groups; item += kThreads) {
        const int row = item / groups, c = (item - row * groups) * 8;
        const Place at = place_at(tile, row / kTileColumns, row % kTileColumns);
        float sum[8];
        eight(sum, pointer<const float>(s.bias) + c);
        for (int tap = 0; at.inside && tap < s.kernel * s.kernel; ++tap) {
            const int i = at.i * s.stride + tap / s.kernel - s.pad, j = at.j * s.stride + tap % s.kernel - s.pad;
            if (i < 0 || i >= s.rows || j < 0 || j >= s.columns) continue;
            float x[8], w[8];
            eight(x, *reinterpret_cast<const uint4*>(in + (i * s.columns + j) * s.outputs + c));
            eight(w, *reinterpret_cast<const uint4*>(weights + tap * s.outputs + c));
#pragma unroll
            for (int e = 0; e < 8; ++e) sum[e] += x[e] * w[e];
        }
        *reinterpret_cast<uint4*>(memory + s.to + row * s.to_stride + c) = four(sum);
    }
}

// 3x3 of stride 1: a thread takes eight channels of some rows of a column, so that it reads and converts each input once for three of them.
template <int kRows>
__device__ __forceinline__ void depthwise_3x3(const Stage s, uint16_t* memory, const Tile& tile) {
    constexpr int kDown = kRows / kTileColumns < 4 ? kRows / kTileColumns : 4;
    const uint16_t *in = pointer<const uint16_t>(s.in), *weights = pointer<const uint16_t>(s.weights);
    const int groups = s.outputs / 8;
    for (int item = static_cast<int>(threadIdx.x); item < kRows / kDown * groups; item += kThreads) {
        const int strip = item / groups, c = (item - strip * groups) * 8, across = strip % kTileColumns, down = strip / kTileColumns * kDown;
        float sum[kDown][8];
#pragma unroll
        for (int y = 0; y < kDown; ++y) eight(sum[y], pointer<const float>(s.bias) + c);
#pragma unroll
        for (int side = 0; side < 3; ++side) {
            const int j = tile.j + across + side - 1;
            if (j < 0 || j >= tile.columns) continue;
            float w[3][8];
#pragma unroll
            for (int tap = 0; tap < 3; ++tap) eight(w[tap], *reinterpret_cast<const uint4*>(weights + (3 * tap + side) * s.outputs + c));
            const int first = tile.i + down - 1;
#pragma unroll
            for (int y = 0; y < kDown + 2; ++y) {
                if (first + y < 0 || first + y >= tile.rows) continue;
                float v[8];
                eight(v, *reinterpret_cast<const uint4*>(in + ((first + y) * tile.columns + j) * s.outputs + c));
#pragma unroll
                for (int tap = 0; tap < 3; ++tap) {
                    if (y - tap < 0 || y - tap >= kDown) continue;
#pragma unroll
                    for (int e = 0; e < 8; ++e) sum[y - tap][e] += v[e] * w[tap][e];
                }
            }
        }
#pragma unroll
        for (int y = 0; y < kDown; ++y)
            *reinterpret_cast<uint4*>(memory + s.to + ((down + y) * kTileColumns + across) * s.to_stride + c) = four(sum[y]);
    }
}

}  // namespace zvc
