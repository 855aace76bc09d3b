// Motion search (zvc69/core/reference/motion_search.py; integers alone, exact): what its kernels share.
//
// Vectors of wide areas come from windows at 1/16, 1/4 and 1/2 size (motion_windows.cu). At full size a block of threads has a tree (32x32 samples): it
// refines one vector for each of its blocks of 32, 16 and 8. Then trees of a colour of a chequerboard at a time choose their splits and vectors, knowing
// what their neighbours have (motion_trees.cu).
//
// Costs are 256 SAD (32 magnitudes of a Hadamard transform of 8x8, which are 8 times as large) + weight * bits / 16, in 32 bits as on the CPU.
#pragma once

#include "device.h"
#include "motion/arithmetic.h"

namespace zvc {

constexpr int kBorder = 40;  // samples around the interpolated reference; a multiple of 4, so that its rows are words
constexpr uint64_t kNoKey = ~uint64_t{0};  // keys are cost << 32 | number, so that of equal ones the first counts

__device__ __forceinline__ uint64_t least_of_warp(uint64_t key) {
    for (unsigned lanes = 16; lanes > 0; lanes /= 2) {
        const uint64_t other = __shfl_xor_sync(kWholeWarp, key, lanes);
        key = other < key ? other : key;
    }
    return key;
}

__device__ __forceinline__ uint32_t bits_of(short2 v) { return static_cast<uint16_t>(v.x) | static_cast<uint32_t>(static_cast<uint16_t>(v.y)) << 16; }
__device__ __forceinline__ short2 vector_of(uint32_t bits) { return {static_cast<short>(bits), static_cast<short>(bits >> 16)}; }

__device__ __forceinline__ short2 times(short2 v, int factor) { return {static_cast<short>(v.x * factor), static_cast<short>(v.y * factor)}; }

// Vectors of whole fields at smaller sizes, at places that are moved into the picture.
__device__ __forceinline__ short2 field_at(const short2* field, int rows, int columns, int i, int j) {
    return field[limited(i, 0, rows - 1) * columns + limited(j, 0, columns - 1)];
}

// Sum over a quadrant's, and over all blocks of a tree: lanes 0..15 and 16..31 of a warp have one each.
__device__ __forceinline__ uint32_t sum_of_quadrant(uint32_t value) {
    value += __shfl_xor_sync(kWholeWarp, value, 1);
    return value + __shfl_xor_sync(kWholeWarp, value, 2);
}
__device__ __forceinline__ uint32_t sum_of_tree(uint32_t quadrant) {
    quadrant += __shfl_xor_sync(kWholeWarp, quadrant, 4);
    return quadrant + __shfl_xor_sync(kWholeWarp, quadrant, 8);
}

}  // namespace zvc
