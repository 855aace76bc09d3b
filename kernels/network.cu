// The networks: programs of stages that a block of threads runs on a tile of positions, in shared memory from one stage to the next.
//
// All layers are pointwise but the depthwise ones, which read their neighbours from global memory: a program ends where one follows. So a
// network block is one launch (depthwise, 1x1, residual, gated 1x1, 1x1, residual, and the next block's first 1x1), and a tile's features
// do not leave the processor in between. Activations are halves, (positions, channels); sums are floats, or halves where the stage allows
// and the kernel's name says so. A tile is 8 columns of 8 or 4 rows.
//
// 1x1: rows of the tile are the product's rows; a warp takes 16 outputs of all of them. Weights come straight from global memory (L2), in
// the order of the tensor core's registers: [output / 8][input / 16][lane][2].
#include "device.h"
#include "scale/arithmetic.h"

namespace zvc {

constexpr int kTileColumns = 8, kWarps = 8, kThreads = kWarps * kWarp;
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
    kShuffle = 2048,    // channel 16 f + 4 p + q of (i, j) to feature f of (4 i + p, 4 j + q), with kOutHalf
    kExact = 4096,      // sums in floats, whatever the kernel
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

// Two adjacent channels of a position.
struct Place {
    int i, j, position;
    bool inside;
};

template <int kRows>
__device__ __forceinline__ Place place_of(int row, int rows, int columns) {
    const int across = (columns + kTileColumns - 1) / kTileColumns, tile = static_cast<int>(blockIdx.x);
    const int i = tile / across * (kRows / kTileColumns) + row / kTileColumns, j = tile % across * kTileColumns + row % kTileColumns;
    return {i, j, i * columns + j, i < rows && j < columns};
}

template <class T>
__device__ __forceinline__ T* pointer(uint64_t address) {
    return reinterpret_cast<T*>(address);
}

__device__ __forceinline__ uint4 four(const float (&v)[8]) {
    return make_uint4(pack_halves(v[0], v[1]), pack_halves(v[2], v[3]), pack_halves(v[4], v[5]), pack_halves(v[6], v[7]));
}

// Symbol of channel c of a position, from step arrays (4, positions, channels / 4).
__device__ __forceinline__ float symbol_at(const int16_t* r, int c, const Place& at, int positions, int channels) {
    return r[(step_of(c, at.i, at.j) * positions + at.position) * (channels / 4) + c / 4];
}

// Eight channels from c on of one position. kLoadLatents writes what halves leave of a value `outputs` columns behind it.
__device__ __forceinline__ void load_eight(const Stage& s, const Place& at, int c, int positions, int qp, float blend, uint16_t* to) {
    uint4* out = reinterpret_cast<uint4*>(to);
    const int n = at.position * s.outputs + c;
    if (!at.inside) {
        *out = make_uint4(0, 0, 0, 0);
        if (s.operation == kLoadLatents) *reinterpret_cast<uint4*>(to + s.outputs) = make_uint4(0, 0, 0, 0);
        return;
    }
    if (s.operation == kLoad) {
        *out = *reinterpret_cast<const uint4*>(pointer<const uint16_t>(s.in) + n);
        return;
    }
    float v[8], rest[8];
#pragma unroll
    for (int e = 0; e < 8; ++e) {
        rest[e] = 0.0f;
        if (s.operation == kLoadBase) {
            const float a = device::to_float(pointer<const uint16_t>(s.in)[n + e]);
            v[e] = a + blend * (device::to_float(pointer<const uint16_t>(s.in_b)[n + e]) - a);
        } else if (s.operation == kLoadZ) {
            v[e] = pointer<const int16_t>(s.in)[n + e];
        } else {
            const bool first = ((c + e + at.i + at.j) & 1) == 0;
            const float r = symbol_at(pointer<const int16_t>(s.in), c + e, at, positions, s.outputs);
            if (s.operation == kLoadKnown) {
                v[e] = first ? r + pointer<const float>(s.in_b)[n + e] : 0.0f;
            } else {
                const float y = (r + (first ? pointer<const float>(s.in_b) : pointer<const float>(s.in_c))[n + e]) *
                                pointer<const float>(s.table)[qp * s.outputs + c + e];
                v[e] = device::to_float(device::to_half(y));
                rest[e] = y - v[e];
            }
        }
    }
    *out = four(v);
    if (s.operation == kLoadLatents) *reinterpret_cast<uint4*>(to + s.outputs) = four(rest);
}

// Weights [kernel * kernel][outputs] halves.
__device__ __forceinline__ void depthwise_eight(const Stage& s, const Place& at, int c, uint16_t* to) {
    float sum[8];
#pragma unroll
    for (int e = 0; e < 8; ++e) sum[e] = pointer<const float>(s.bias)[c + e];
    const uint16_t *in = pointer<const uint16_t>(s.in), *weights = pointer<const uint16_t>(s.weights);
    if (at.inside) {
        for (int tap = 0; tap < s.kernel * s.kernel; ++tap) {
            const int i = at.i * s.stride + tap / s.kernel - s.pad, j = at.j * s.stride + tap % s.kernel - s.pad;
            if (i < 0 || i >= s.rows || j < 0 || j >= s.columns) continue;
            const uint4 x = *reinterpret_cast<const uint4*>(in + (i * s.columns + j) * s.outputs + c);
            const uint4 w = *reinterpret_cast<const uint4*>(weights + tap * s.outputs + c);
            sum[0] += low_half(x.x) * low_half(w.x);
            sum[1] += high_half(x.x) * high_half(w.x);
            sum[2] += low_half(x.y) * low_half(w.y);
            sum[3] += high_half(x.y) * high_half(w.y);
            sum[4] += low_half(x.z) * low_half(w.z);
            sum[5] += high_half(x.z) * high_half(w.z);
            sum[6] += low_half(x.w) * low_half(w.w);
            sum[7] += high_half(x.w) * high_half(w.w);
        }
    }
    *reinterpret_cast<uint4*>(to) = four(sum);
}

// What follows a 1x1 for outputs n and n + 1 of a row.
__device__ __forceinline__ void finish(const Stage& s, uint16_t* memory, int row, const Place& at, int n, int channels, float v0, float v1, int qp,
                                       float blend) {
    if (s.flags & kLeaky) {
        v0 = v0 > 0 ? v0 : kSlope * v0;
        v1 = v1 > 0 ? v1 : kSlope * v1;
    }
    if (s.flags & kPerQp) {
        const float2 gain = *reinterpret_cast<const float2*>(pointer<const float>(s.table) + qp * channels + n);
        v0 *= gain.x;
        v1 *= gain.y;
    }
    if (s.flags & kResidual) {
        const uint32_t x = *reinterpret_cast<const uint32_t*>(memory + s.residual + row * s.residual_stride + n);
        v0 += low_half(x);
        v1 += high_half(x);
    }
    const int to = at.position * channels + n;
    if ((s.flags & kBase) && at.inside) {
        const uint32_t a = *reinterpret_cast<const uint32_t*>(pointer<const uint16_t>(s.in) + to);
        const uint32_t b = *reinterpret_cast<const uint32_t*>(pointer<const uint16_t>(s.in_b) + to);
        v0 += low_half(a) + blend * (low_half(b) - low_half(a)) + kCentre;
        v1 += high_half(a) + blend * (high_half(b) - high_half(a)) + kCentre;
    }
    if (s.flags & kRound) {
        v0 = limited(rintf(v0), -kLargestZ, kLargestZ);
        v1 = limited(rintf(v1), -kLargestZ, kLargestZ);
    }
    if ((s.flags & kKeep) && at.inside) {
        const bool copied = s.copy != 0 && pointer<const uint8_t>(s.copy)[at.position] != 0;
        const uint8_t* index = s.index != 0 ? pointer<const uint8_t>(s.index) + to : nullptr;
        if (copied || (index != nullptr && index[0] < s.skip_below)) v0 = 0.0f;
        if (copied || (index != nullptr && index[1] < s.skip_below)) v1 = 0.0f;
    }
    if (s.to >= 0) {
        const bool clipped = s.flags & kClipped;
        *reinterpret_cast<uint32_t*>(memory + s.to + row * s.to_stride + n) =
            clipped ? pack_halves(limited(v0, -kClip, kClip), limited(v1, -kClip, kClip)) : pack_halves(v0, v1);
    }
    if (!at.inside) return;
    if (s.flags & kOutFloat) *reinterpret_cast<float2*>(pointer<float>(s.out) + to) = float2{v0, v1};
    if (s.flags & kOutInteger)
        *reinterpret_cast<uint32_t*>(pointer<int16_t>(s.out) + to) = static_cast<uint16_t>(static_cast<int>(v0)) |
                                                                     static_cast<uint32_t>(static_cast<uint16_t>(static_cast<int>(v1))) << 16;
    if (s.flags & kShuffle) {
        // n is even: both channels are in the same row of four.
        const int features = channels / kSubpositions, block = n % kSubpositions, columns = 4 * s.columns;
        uint16_t* out = pointer<uint16_t>(s.out) + ((4 * at.i + block / 4) * columns + 4 * at.j + block % 4) * features + n / kSubpositions;
        out[0] = device::to_half(v0);
        out[features] = device::to_half(v1);
    } else if (s.flags & kOutHalf) {
        *reinterpret_cast<uint32_t*>(pointer<uint16_t>(s.out) + to) = pack_halves(v0, v1);
    }
}

__device__ __forceinline__ void clear(float (&sum)[4]) { sum[0] = sum[1] = sum[2] = sum[3] = 0.0f; }
__device__ __forceinline__ void clear(uint32_t (&sum)[2]) { sum[0] = sum[1] = 0; }
// Sums of row g + 8 * half, two columns.
__device__ __forceinline__ float2 pair_of(const float (&sum)[4], int half) { return half ? float2{sum[2], sum[3]} : float2{sum[0], sum[1]}; }
__device__ __forceinline__ float2 pair_of(const uint32_t (&sum)[2], int half) {
    return half ? float2{low_half(sum[1]), high_half(sum[1])} : float2{low_half(sum[0]), high_half(sum[0])};
}

template <int kRows, class Element, int kElements>
__device__ __forceinline__ void pointwise(const Stage& s, uint16_t* memory, int rows, int columns, int qp, float blend) {
    constexpr int kStrips = kRows / 16;
    const unsigned lane = lane_of();
    const int steps = s.inputs / 16, warp = static_cast<int>(threadIdx.x / kWarp), group = static_cast<int>(lane / 4), pair = static_cast<int>(lane % 4);
    const uint16_t* row = memory + s.from + static_cast<int>(lane % 16) * s.from_stride + static_cast<int>(lane / 16) * 8;
    for (int chunk = warp; chunk < s.outputs / 16; chunk += kWarps) {
        Element sum[kStrips][2][kElements];
#pragma unroll
        for (int m = 0; m < kStrips; ++m) {
            clear(sum[m][0]);
            clear(sum[m][1]);
        }
        const uint2* weights = pointer<const uint2>(s.weights) + 2 * chunk * steps * static_cast<int>(kWarp) + lane;
        int column = 0;
        for (int k = 0; k < steps; ++k) {
            const uint2 w0 = weights[k * static_cast<int>(kWarp)], w1 = weights[(steps + k) * static_cast<int>(kWarp)];
            const uint32_t b0[2] = {w0.x, w0.y}, b1[2] = {w1.x, w1.y};
#pragma unroll
            for (int m = 0; m < kStrips; ++m) {
                uint32_t a[4];
                device::load_matrices(a, row + 16 * m * s.from_stride + column);
                device::multiply_add(sum[m][0], a, b0);
                device::multiply_add(sum[m][1], a, b1);
            }
            column += 16;
            if (column == s.wrap) column = 0;
        }
        const float* bias = pointer<const float>(s.bias);
        const bool gated = s.flags & kGate;
        const int channels = gated ? s.outputs / 2 : s.outputs, n = (gated ? 8 : 16) * chunk + 2 * pair, second = gated ? channels : 8;
        const float2 bias0 = *reinterpret_cast<const float2*>(bias + n), bias1 = *reinterpret_cast<const float2*>(bias + n + second);
#pragma unroll
        for (int m = 0; m < kStrips; ++m) {
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                const int at = 16 * m + 8 * half + group;
                const Place place = place_of<kRows>(at, rows, columns);
                float2 u = pair_of(sum[m][0], half), v = pair_of(sum[m][1], half);
                u.x += bias0.x;
                u.y += bias0.y;
                v.x += bias1.x;
                v.y += bias1.y;
                if (gated) {
                    finish(s, memory, at, place, n, channels, u.x * __saturatef(v.x), u.y * __saturatef(v.y), qp, blend);
                } else {
                    finish(s, memory, at, place, n, channels, u.x, u.y, qp, blend);
                    finish(s, memory, at, place, n + 8, channels, v.x, v.y, qp, blend);
                }
            }
        }
    }
}

template <int kRows, bool kHalfSums>
__device__ __forceinline__ void run_program(const Stage* stages, int count, int rows, int columns, int qp, float blend) {
    ZVC_DYNAMIC_SHARED(shared);
    uint16_t* memory = reinterpret_cast<uint16_t*>(shared);
    for (int n = 0; n < count; ++n) {
        const Stage& s = stages[n];
        if (s.operation == kPointwise) {
            if constexpr (kHalfSums) {
                if (s.flags & kExact)
                    pointwise<kRows, float, 4>(s, memory, rows, columns, qp, blend);
                else
                    pointwise<kRows, uint32_t, 2>(s, memory, rows, columns, qp, blend);
            } else {
                pointwise<kRows, float, 4>(s, memory, rows, columns, qp, blend);
            }
        } else {
            const int groups = s.outputs / 8;
            for (int item = static_cast<int>(threadIdx.x); item < kRows * groups; item += kThreads) {
                const int row = item / groups, c = item % groups * 8;
                const Place at = place_of<kRows>(row, rows, columns);
                uint16_t* to = memory + s.to + row * s.to_stride + c;
                if (s.operation == kDepthwise)
                    depthwise_eight(s, at, c, to);
                else
                    load_eight(s, at, c, rows * columns, qp, blend, to);
            }
        }
        __syncthreads();
    }
}

}  // namespace zvc

// A block of threads for each tile of `rows` x `columns` positions.
extern "C" __global__ void __launch_bounds__(256, 2) tile_program_64(const void* stages, int count, int rows, int columns, const int* qp, const float* blend) {
    zvc::run_program<64, false>(static_cast<const zvc::Stage*>(stages), count, rows, columns, *qp, *blend);
}

extern "C" __global__ void __launch_bounds__(256, 2) tile_program_32(const void* stages, int count, int rows, int columns, const int* qp, const float* blend) {
    zvc::run_program<32, false>(static_cast<const zvc::Stage*>(stages), count, rows, columns, *qp, *blend);
}

extern "C" __global__ void __launch_bounds__(256, 2) tile_program_half_64(const void* stages, int count, int rows, int columns, const int* qp,
                                                                       const float* blend) {
    zvc::run_program<64, true>(static_cast<const zvc::Stage*>(stages), count, rows, columns, *qp, *blend);
}

extern "C" __global__ void __launch_bounds__(256, 2) tile_program_half_32(const void* stages, int count, int rows, int columns, const int* qp,
                                                                       const float* blend) {
    zvc::run_program<32, true>(static_cast<const zvc::Stage*>(stages), count, rows, columns, *qp, *blend);
}
