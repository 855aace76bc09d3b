// The networks: programs of stages that a block of threads runs on a tile of positions, in shared memory from one stage to the next.
//
// All layers are pointwise but the depthwise ones, which read their neighbours from global memory: a program ends where one follows. So a
// network block is one launch (depthwise, 1x1, residual, gated 1x1, 1x1, residual, and the next block's first 1x1), and a tile's features
// do not leave the processor in between. Activations are halves, (positions, channels); sums are floats, or halves where the stage allows
// and the kernel's name says so. A tile is 8 columns of 8, 4 or 2 rows.
//
// 1x1: rows of the tile are the product's rows; a warp takes 16 outputs of all of them. Weights come from global memory (L2) some steps ahead,
// in the order of the tensor core's registers, [output / 16][input / 16][lane][4], those of a warp's turns together. What follows the products
// is compiled for each combination of flags that there is (FINISHES of zvc69/cuda/program.py).
#pragma once

#include "network_inputs.h"

namespace zvc {

// What follows a 1x1 for outputs n and n + 1 of a position, which are `channels` of it.
template <int kFlags>
__device__ __forceinline__ void finish(const Stage& s, uint16_t* memory, int row, int position, bool inside, int n, int channels, float v0, float v1,
                                       const float2& gain, float blend) {
    if (kFlags & kLeaky) {
        v0 = fmaxf(v0, kSlope * v0);
        v1 = fmaxf(v1, kSlope * v1);
    }
    if (kFlags & kPerQp) {
        v0 *= gain.x;
        v1 *= gain.y;
    }
    if (kFlags & kResidual) {
        const uint32_t x = *reinterpret_cast<const uint32_t*>(memory + s.residual + row * s.residual_stride + n);
        v0 += low_half(x);
        v1 += high_half(x);
    }
    const int to = position * channels + n;
    if ((kFlags & kBase) && inside) {
        const uint32_t a = *reinterpret_cast<const uint32_t*>(pointer<const uint16_t>(s.in) + to);
        const uint32_t b = *reinterpret_cast<const uint32_t*>(pointer<const uint16_t>(s.in_b) + to);
        v0 += low_half(a) + blend * (low_half(b) - low_half(a)) + kCentre;
        v1 += high_half(a) + blend * (high_half(b) - high_half(a)) + kCentre;
    }
    if (kFlags & kRound) {
        v0 = limited(rintf(v0), -kLargestZ, kLargestZ);
        v1 = limited(rintf(v1), -kLargestZ, kLargestZ);
    }
    if ((kFlags & kKeep) && inside) {
        const bool copied = s.copy != 0 && pointer<const uint8_t>(s.copy)[position] != 0;
        const uint8_t* index = s.index != 0 ? pointer<const uint8_t>(s.index) + to : nullptr;
        if (copied || (index != nullptr && index[0] < s.skip_below)) v0 = 0.0f;
        if (copied || (index != nullptr && index[1] < s.skip_below)) v1 = 0.0f;
    }
    if (kFlags & kShared) {
        const bool clipped = kFlags & kClipped;
        *reinterpret_cast<uint32_t*>(memory + s.to + row * s.to_stride + n) =
            clipped ? pack_halves(limited(v0, -kClip, kClip), limited(v1, -kClip, kClip)) : pack_halves(v0, v1);
    }
    if (!(kFlags & (kOutHalf | kOutFloat | kOutInteger)) || !inside) return;
    if (kFlags & kOutFloat) *reinterpret_cast<float2*>(pointer<float>(s.out) + to) = float2{v0, v1};
    if (kFlags & kOutInteger)
        *reinterpret_cast<uint32_t*>(pointer<int16_t>(s.out) + to) = static_cast<uint16_t>(static_cast<int>(v0)) |
                                                                     static_cast<uint32_t>(static_cast<uint16_t>(static_cast<int>(v1))) << 16;
    if (kFlags & kOutHalf) *reinterpret_cast<uint32_t*>(pointer<uint16_t>(s.out) + to) = pack_halves(v0, v1);
}

// Sums begin as the outputs' biases; in halves those come on top at the end, where they lose nothing.
__device__ __forceinline__ void begin(float (&sum)[4], const float* bias) {
    const float2 v = *reinterpret_cast<const float2*>(bias);
    sum[0] = sum[2] = v.x;
    sum[1] = sum[3] = v.y;
}
__device__ __forceinline__ void begin(uint32_t (&sum)[2], const float*) { sum[0] = sum[1] = 0; }
__device__ __forceinline__ float2 last_bias(const float (&)[4], const Stage&, int) { return {0.0f, 0.0f}; }
__device__ __forceinline__ float2 last_bias(const uint32_t (&)[2], const Stage& s, int n) {
    return *reinterpret_cast<const float2*>(pointer<const float>(s.bias) + n);
}
// Sums of row group + 8 * half, two columns.
__device__ __forceinline__ float2 pair_of(const float (&sum)[4], int half, const float2&) {
    return half ? float2{sum[2], sum[3]} : float2{sum[0], sum[1]};
}
__device__ __forceinline__ float2 pair_of(const uint32_t (&sum)[2], int half, const float2& bias) {
    return float2{low_half(sum[half]) + bias.x, high_half(sum[half]) + bias.y};
}

// The products of a chunk of 16 outputs, those of `group` and `pair`: outputs n, n + 1 and, `second` on, two more.
template <int kFlags, int kStrips, class Sums>
__device__ __forceinline__ void finish_all(const Stage& stage, uint16_t* memory, const Tile& tile, const Sums& sum, int strip, int group, int n, int second,
                                           int channels, int qp, float blend) {
    const Stage s = stage;      // what is used of it, in registers; not before, where sums need those
    const float2 bias0 = last_bias(sum[0][0], s, n), bias1 = last_bias(sum[0][0], s, n + second);
    const int lines = tile.j + group < tile.columns ? tile.rows - tile.i : 0, first = tile.i * tile.columns + tile.j + group;
    float2 gain0{1.0f, 1.0f}, gain1{1.0f, 1.0f};
    if (kFlags & kPerQp) {
        const float* gains = pointer<const float>(s.table) + qp * channels + n;
        gain0 = *reinterpret_cast<const float2*>(gains);
        if (!(kFlags & kGate)) gain1 = *reinterpret_cast<const float2*>(gains + second);
    }
#pragma unroll
    for (int m = 0; m < kStrips; ++m) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int down = 2 * (strip + m) + half, row = 8 * down + group, position = first + down * tile.columns;
            const bool inside = down < lines;
            const float2 u = pair_of(sum[m][0], half, bias0), v = pair_of(sum[m][1], half, bias1);
            if (kFlags & kGate) {
                finish<kFlags>(s, memory, row, position, inside, n, channels, u.x * __saturatef(v.x), u.y * __saturatef(v.y), gain0, blend);
            } else {
                finish<kFlags>(s, memory, row, position, inside, n, channels, u.x, u.y, gain0, blend);
                finish<kFlags>(s, memory, row, position, inside, n + second, channels, v.x, v.y, gain1, blend);
            }
        }
    }
}

// The same for kShuffle: adjacent outputs are adjacent features of one of a position's 4x4.
template <int kStrips, class Sums>
__device__ __forceinline__ void shuffle_all(const Stage& s, const Tile& tile, const Sums& sum, int strip, int group, int n, int channels) {
    const int features = channels / kSubpositions, columns = 4 * tile.columns;
#pragma unroll
    for (int t = 0; t < 2; ++t) {
        const float2 bias = last_bias(sum[0][0], s, n + 8 * t);
        const int block = (n + 8 * t) / features, feature = n + 8 * t - block * features;
#pragma unroll
        for (int m = 0; m < kStrips; ++m) {
#pragma unroll
            for (int half = 0; half < 2; ++half) {
                const Place at = place_at(tile, 2 * (strip + m) + half, group);
                if (!at.inside) continue;
                const float2 v = pair_of(sum[m][t], half, bias);
                uint16_t* out = pointer<uint16_t>(s.out) + ((4 * at.i + block / 4) * columns + 4 * at.j + block % 4) * features + feature;
                *reinterpret_cast<uint32_t*>(out) = pack_halves(v.x, v.y);
            }
        }
    }
}

// A warp's weights, step after step: those of the next one in registers, of the steps after that on their way in a ring of shared memory. Every
// lane copies what it will read itself. Behind a layer's weights there is room for what is copied in vain.
class Weights {
  public:
    __device__ __forceinline__ Weights(const uint4* weights, uint4* ring) : next_(weights), ring_(ring), slot_(0) {
#pragma unroll
        for (int n = 0; n < kAhead; ++n) request(n);
        device::await_groups<kAhead - 1>();
        now_ = ring_[0];
    }

    // This step's; the next one's are fetched from the ring.
    __device__ __forceinline__ uint4 take() {
        const uint4 taken = now_;
        device::await_groups<kAhead - 2>();
        now_ = ring_[after(slot_) * static_cast<int>(kWarp)];
        return taken;
    }

    // When the step's are not needed any more.
    __device__ __forceinline__ void proceed() {
        request(slot_);
        slot_ = after(slot_);
    }

  private:
    static __device__ __forceinline__ int after(int slot) { return slot + 1 == kAhead ? 0 : slot + 1; }

    __device__ __forceinline__ void request(int slot) {
        device::copy_cached(ring_ + slot * static_cast<int>(kWarp), next_);
        device::end_group();
        next_ += kWarp;
    }

    const uint4* next_;
    uint4* ring_;
    int slot_;
    uint4 now_;
};

// What a warp needs of a 1x1 all the time.
struct Product {
    int steps, chunks, flags, stride, wrap, group, pair;
    device::Shared row;      // of the tile's first strip, where this lane's part begins
};

// Sixteen outputs of kStrips strips of 16 positions, from `strip` on.
template <int kStrips, class Element, int kElements>
__device__ __forceinline__ void multiply(const Stage& s, const Product& p, uint16_t* memory, const Tile& tile, Weights& weights, int chunk, int strip, int qp,
                                         float blend) {
    const bool gated = p.flags & kGate;
    const int channels = gated ? 8 * p.chunks : 16 * p.chunks, second = gated ? channels : 8, n = (gated ? 8 : 16) * chunk + 2 * p.pair;
    const float* bias = pointer<const float>(s.bias) + n;
    Element sum[kStrips][2][kElements];
#pragma unroll
    for (int m = 0; m < kStrips; ++m) {
        begin(sum[m][0], bias);
        begin(sum[m][1], bias + second);
    }
    device::Shared row = p.row + 32 * strip * p.stride;
    int left = p.wrap;
#pragma unroll 1
    for (int k = 0; k < p.steps; ++k) {
        const uint4 w = weights.take();
        const uint32_t b0[2] = {w.x, w.y}, b1[2] = {w.z, w.w};
        device::Shared at = row;
#pragma unroll
        for (int m = 0; m < kStrips; ++m, at += 32 * p.stride) {
            uint32_t a[4];
            device::load_matrices(a, at);
            device::multiply_add(sum[m][0], a, b0);
            device::multiply_add(sum[m][1], a, b1);
        }
        weights.proceed();
        row += 32;
        left -= 16;
        if (left == 0) {
            row -= 2 * p.wrap;
            left = p.wrap;
        }
    }
#define ZVC_FINISH(kind) \
    case kind: finish_all<kind, kStrips>(s, memory, tile, sum, strip, p.group, n, second, channels, qp, blend); break
    switch (p.flags) {
        ZVC_FINISH(kResidual | kShared);
        ZVC_FINISH(kResidual | kShared | kOutHalf);
        ZVC_FINISH(kGate | kShared);
        ZVC_FINISH(kLeaky | kOutHalf);
        ZVC_FINISH(kShared | kOutHalf);
        ZVC_FINISH(kPerQp | kShared | kOutHalf);
        ZVC_FINISH(kPerQp | kShared | kClipped | kOutFloat);
        ZVC_FINISH(kRound | kKeep | kShared | kOutInteger);
        ZVC_FINISH(kOutFloat);
        ZVC_FINISH(kOutFloat | kBase);
        case kShuffle: shuffle_all<kStrips>(s, tile, sum, strip, p.group, n, channels); break;
    }
#undef ZVC_FINISH
}

// Chunks first to first + count, fewer than warps: kEach strips of one for each warp.
template <int kStrips, int kEach, class Element, int kElements>
__device__ __forceinline__ void multiply_rest(const Stage& s, const Product& p, uint16_t* memory, uint4* ring, const Tile& tile, int first, int count, int qp,
                                              float blend) {
    constexpr int kShares = kStrips / kEach;
    const int warp = static_cast<int>(threadIdx.x / kWarp), chunk = first + warp / kShares;
    if (warp >= count * kShares) return;
    device::await_copies();      // the ring begins anew
    Weights weights(pointer<const uint4>(s.weights) + chunk * p.steps * static_cast<int>(kWarp) + lane_of(), ring);
    multiply<kEach, Element, kElements>(s, p, memory, tile, weights, chunk, warp % kShares * kEach, qp, blend);
}

// Warps take a chunk of all strips each, by turns. Of those that are left in the end, fewer than warps, four are shared by two warps each, two and
// one by four.
template <int kRows, class Element, int kElements>
__device__ __forceinline__ void pointwise(const Stage& s, uint16_t* memory, uint4* rings, const Tile& tile, int qp, float blend) {
    constexpr int kStrips = kRows / 16;
    const int lane = static_cast<int>(lane_of()), warp = static_cast<int>(threadIdx.x / kWarp);
    const Product p{s.inputs / 16, s.outputs / 16, s.flags & ~kExact, s.from_stride, s.wrap, lane / 4, lane % 4,
                    device::shared_address(memory + s.from + lane % 16 * s.from_stride + lane / 16 * 8)};
    uint4* ring = rings + warp * kAhead * static_cast<int>(kWarp) + lane;
    const int rounds = p.chunks / kWarps, whole = rounds * kWarps, rest = p.chunks - whole;
    if (rounds != 0) {
        Weights weights(pointer<const uint4>(s.weights) + warp * rounds * p.steps * static_cast<int>(kWarp) + lane, ring);
        for (int chunk = warp; chunk < whole; chunk += kWarps) multiply<kStrips, Element, kElements>(s, p, memory, tile, weights, chunk, 0, qp, blend);
    }
    if constexpr (kStrips == 1) {
        if (rest != 0) multiply_rest<1, 1, Element, kElements>(s, p, memory, ring, tile, whole, rest, qp, blend);
    } else {
        if (rest & 4) multiply_rest<kStrips, kStrips / 2, Element, kElements>(s, p, memory, ring, tile, whole, 4, qp, blend);
#pragma unroll 1
        for (int first = whole + (rest & 4); first < p.chunks; first += 2)
            multiply_rest<kStrips, 1, Element, kElements>(s, p, memory, ring, tile, first, first + 2 <= p.chunks ? 2 : 1, qp, blend);
    }
}

template <int kRows, bool kHalfSums>
__device__ __forceinline__ void run_program(const Stage* stages, int count, int rows, int columns, int qp, float blend) {
    ZVC_DYNAMIC_SHARED(shared);
    uint4* rings = reinterpret_cast<uint4*>(shared);
    uint16_t* memory = reinterpret_cast<uint16_t*>(rings + kWarps * kAhead * static_cast<int>(kWarp));
    const Tile tile = tile_of<kRows>(rows, columns);
    bool multiplied = true;
    for (int n = 0; n < count; ++n) {
        const Stage& s = stages[n];
        const bool multiplies = s.operation == kPointwise;
        // Loads write to places of their own, and may follow each other without waiting.
        if (n != 0 && (multiplies || multiplied)) {
            device::await_copies();
            __syncthreads();
        }
        multiplied = multiplies;
        if (multiplies) {
            if constexpr (kHalfSums) {
                if (s.flags & kExact)
                    pointwise<kRows, float, 4>(s, memory, rings, tile, qp, blend);
                else
                    pointwise<kRows, uint32_t, 2>(s, memory, rings, tile, qp, blend);
            } else {
                pointwise<kRows, float, 4>(s, memory, rings, tile, qp, blend);
            }
        } else if (s.operation != kDepthwise) {
            load<kRows>(s, memory, tile, qp, blend);
        } else if (s.kernel == 3 && s.stride == 1) {
            depthwise_3x3<kRows>(s, memory, tile);
        } else {
            depthwise<kRows>(s, memory, tile);
        }
    }
}

}  // namespace zvc

// Blocks of 64 positions that a processor is to have at once: Turing's have shared memory for one, the GeForce 50's for one of most programs.
#if defined(__CUDA_ARCH__) && (__CUDA_ARCH__ < 800 || __CUDA_ARCH__ >= 1200)
#define ZVC_LARGE_BLOCKS 1
#else
#define ZVC_LARGE_BLOCKS 2
#endif
