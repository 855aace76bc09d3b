// What rANS encoder and decoder share: which symbols of a call are coded, and sums over a block's threads. Blocks of 256 threads look at
// kPart symbols, 8 in a row each.
#pragma once

#include "device.h"
#include "rans/arithmetic.h"

namespace zvc {

constexpr unsigned kMaxLanes = 32;
constexpr unsigned kPartThreads = 256, kPerThread = 8, kPart = kPartThreads * kPerThread;

// Which warp of its block this is; the compiler knows of a shuffle that all lanes have the same, and that no branch on it divides them.
__device__ __forceinline__ unsigned warp_of_block() { return __shfl_sync(kWholeWarp, threadIdx.x / kWarp, 0); }

// The value is made here, neither later nor in a branch nor again.
__device__ __forceinline__ void make_now(uint32_t& value) { asm volatile("" : "+r"(value)); }

__device__ __forceinline__ uint32_t byte_of(uint2 eight, unsigned n) { return (n < 4 ? eight.x : eight.y) >> 8 * (n & 3) & 255; }

// Bit n: whether symbol `at` + n is coded, whose index is byte n. left_out: null, or per `run` symbols whether none of them is.
__device__ __forceinline__ uint32_t coded_of(uint2 indices, uint32_t at, int skip_below, const uint8_t* left_out, int run) {
    uint32_t coded = 0;
#pragma unroll
    for (unsigned n = 0; n < kPerThread; ++n) coded |= static_cast<uint32_t>(byte_of(indices, n) >= static_cast<uint32_t>(skip_below)) << n;
    if (left_out == nullptr || coded == 0) return coded;
#pragma unroll
    for (unsigned n = 0; n < kPerThread; ++n)
        if (left_out[(at + n) / static_cast<unsigned>(run)] != 0) coded &= ~(1u << n);
    return coded;
}

// Sum over the block's threads before this one; `total` is that of all. sums: shared memory, a word for each warp.
__device__ __forceinline__ uint32_t block_sum_before(uint32_t value, uint32_t* sums, uint32_t& total) {
    const unsigned lane = lane_of(), warp = threadIdx.x / kWarp;
    unsigned of_warp = 0;
    uint32_t before = sum_before(value, lane, of_warp);
    if (lane == 0) sums[warp] = of_warp;
    __syncthreads();
    total = 0;
#pragma unroll
    for (unsigned n = 0; n < kPartThreads / kWarp; ++n) {
        if (n < warp) before += sums[n];
        total += sums[n];
    }
    __syncthreads();
    return before;
}

}  // namespace zvc
