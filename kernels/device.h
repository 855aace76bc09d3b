// What kernels need of the device besides plain CUDA: half precision without cuda_fp16.h (NVRTC comes without headers), dp4a of
// unsigned by signed bytes, bytes that saturate, tensor-core products. Names in `device` are instructions; tests/emulator has the same ones for a CPU.
#pragma once

#include "common/shared.h"

#if !defined(ZVC_EMULATED)

// Shared memory whose size the launch says; 16-byte aligned.
#define ZVC_DYNAMIC_SHARED(name) extern __shared__ __align__(16) unsigned char name[]

namespace zvc::device {

__device__ __forceinline__ float to_float(uint16_t half) {
    float out;
    asm("cvt.f32.f16 %0, %1;" : "=f"(out) : "h"(half));
    return out;
}

// Round to nearest, ties to even.
__device__ __forceinline__ uint16_t to_half(float value) {
    uint16_t out;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(out) : "f"(value));
    return out;
}

// c + sum of four products of a's unsigned and b's signed bytes.
__device__ __forceinline__ int dp4a(uint32_t a, uint32_t b, int c) {
    int out;
    asm("dp4a.u32.s32 %0, %1, %2, %3;" : "=r"(out) : "r"(a), "r"(b), "r"(c));
    return out;
}

// c + sum of the four differences of a's and b's bytes.
__device__ __forceinline__ uint32_t sad4(uint32_t a, uint32_t b, uint32_t c) {
    uint32_t out;
    asm("vabsdiff4.u32.u32.u32.add %0, %1, %2, %3;" : "=r"(out) : "r"(a), "r"(b), "r"(c));
    return out;
}

// Where in shared memory something is: a register, not two.
using Shared = uint32_t;
__device__ __forceinline__ Shared shared_address(const void* at) { return static_cast<uint32_t>(__cvta_generic_to_shared(at)); }

__device__ __forceinline__ uint32_t load_byte(Shared at) {
    uint32_t out;
    asm volatile("ld.shared.u8 %0, [%1];" : "=r"(out) : "r"(at) : "memory");
    return out;
}

__device__ __forceinline__ uint32_t load_word(Shared at) {
    uint32_t out;
    asm volatile("ld.shared.u32 %0, [%1];" : "=r"(out) : "r"(at) : "memory");
    return out;
}

// Four bytes, `a` the lowest, each within 0..255.
__device__ __forceinline__ uint32_t pack_bytes(int a, int b, int c, int d) {
    uint32_t upper, out;
    asm("cvt.pack.sat.u8.s32.b32 %0, %1, %2, 0;" : "=r"(upper) : "r"(d), "r"(c));
    asm("cvt.pack.sat.u8.s32.b32 %0, %1, %2, %3;" : "=r"(out) : "r"(b), "r"(a), "r"(upper));
    return out;
}

// Four 8x8 matrices of halves; lane l gives the address of row l % 8 of matrix l / 8, 16-byte aligned and in shared memory.
__device__ __forceinline__ void load_matrices(uint32_t (&out)[4], Shared address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3]) : "r"(address) : "memory");
}

// d += a b: a 16x16, b 16x8, in the registers' layout of mma.m16n8k16 (PTX ISA).
__device__ __forceinline__ void multiply_add(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#if __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    for (int half = 0; half < 2; ++half)
        asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
            : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[2 * half]), "r"(a[2 * half + 1]), "r"(b[half]));
#endif
}

// The same with sums in half precision, two in a register: GeForce cards do it at twice the rate.
__device__ __forceinline__ void multiply_add(uint32_t (&d)[2], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#if __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 {%0, %1}, {%2, %3, %4, %5}, {%6, %7}, {%0, %1};"
        : "+r"(d[0]), "+r"(d[1]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    for (int half = 0; half < 2; ++half)
        asm("mma.sync.aligned.m16n8k8.row.col.f16.f16.f16.f16 {%0, %1}, {%2, %3}, {%4}, {%0, %1};"
            : "+r"(d[0]), "+r"(d[1]) : "r"(a[2 * half]), "r"(a[2 * half + 1]), "r"(b[half]));
#endif
}

// The same of bytes, a's unsigned, b's signed: a 16x32, b 32x8, in the registers' layout of mma.m16n8k32 (PTX ISA).
__device__ __forceinline__ void multiply_add(int (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#if __CUDA_ARCH__ >= 800
    asm("mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    for (int half = 0; half < 2; ++half)
        for (int rows = 0; rows < 2; ++rows)
            asm("mma.sync.aligned.m8n8k16.row.col.s32.u8.s8.s32 {%0, %1}, {%2}, {%3}, {%0, %1};"
                : "+r"(d[2 * rows]), "+r"(d[2 * rows + 1]) : "r"(a[2 * half + rows]), "r"(b[half]));
#endif
}

// Two halves, the first one low; round to nearest, ties to even.
__device__ __forceinline__ uint32_t to_halves(float low, float high) {
#if __CUDA_ARCH__ >= 800
    uint32_t out;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(out) : "f"(high), "f"(low));
    return out;
#else
    return to_half(low) | static_cast<uint32_t>(to_half(high)) << 16;
#endif
}

// 16 bytes from global to shared memory, aligned both; there when `await_copies` has returned, for the other threads behind a barrier.
__device__ __forceinline__ void copy_sixteen(void* to, const void* from) {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(to)), "l"(from) : "memory");
#else
    *static_cast<uint4*>(to) = *static_cast<const uint4*>(from);
#endif
}

// The same for what other blocks of the processor read, too: by way of its cache.
__device__ __forceinline__ void copy_cached(void* to, const void* from) {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.ca.shared.global [%0], [%1], 16;" ::"r"(shared_address(to)), "l"(from) : "memory");
#else
    *static_cast<uint4*>(to) = *static_cast<const uint4*>(from);
#endif
}

__device__ __forceinline__ void await_copies() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_all;" ::: "memory");
#endif
}

// This thread's copies since the last group are one.
__device__ __forceinline__ void end_group() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// All of this thread's groups but the last `kLater` are there, for itself.
template <int kLater>
__device__ __forceinline__ void await_groups() {
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" ::"n"(kLater) : "memory");
#endif
}

}  // namespace zvc::device

#endif

namespace zvc {

constexpr unsigned kWarp = 32;
constexpr unsigned kWholeWarp = 0xFFFFFFFFu;

__device__ __forceinline__ uint32_t pack_halves(float low, float high) {
    return device::to_halves(low, high);
}

__device__ __forceinline__ float low_half(uint32_t pair) { return device::to_float(static_cast<uint16_t>(pair)); }
__device__ __forceinline__ float high_half(uint32_t pair) { return device::to_float(static_cast<uint16_t>(pair >> 16)); }

__device__ __forceinline__ unsigned lane_of() { return threadIdx.x & (kWarp - 1); }
__device__ __forceinline__ unsigned lanes_below(unsigned lane) { return (1u << lane) - 1; }

// Sum over the lanes before this one; `total` is that of all.
__device__ __forceinline__ unsigned sum_before(unsigned value, unsigned lane, unsigned& total) {
    unsigned sum = value;
    for (unsigned step = 1; step < kWarp; step *= 2) {
        const unsigned other = __shfl_up_sync(kWholeWarp, sum, step);
        if (lane >= step) sum += other;
    }
    total = __shfl_sync(kWholeWarp, sum, kWarp - 1);
    return sum - value;
}

}  // namespace zvc
