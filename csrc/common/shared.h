// What code needs that is compiled for host and device: exact arithmetic is written once, in headers that include nothing else.
//
// Everything in such headers has internal linkage: they are compiled into files of different instruction sets, and the linker must
// not pick an AVX-512 copy of a function for an old CPU.
#pragma once

#if defined(__CUDACC_RTC__)  // has no standard library
typedef signed char int8_t;
typedef short int16_t;
typedef int int32_t;
typedef long long int64_t;
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;
#else
#include <cstdint>
#endif

// ZVC_UNROLL: a loop over an array that is to lie in registers.
#if defined(__CUDACC__)
#define ZVC_SHARED static __host__ __device__ __forceinline__
#define ZVC_UNROLL _Pragma("unroll")
#else
#define ZVC_SHARED static inline
#define ZVC_UNROLL
#endif

namespace zvc {

// Leading zeros; value is not 0.
ZVC_SHARED unsigned leading_zeros(uint64_t value) {
#if defined(__CUDA_ARCH__)
    return static_cast<unsigned>(__clzll(static_cast<long long>(value)));
#else
    return static_cast<unsigned>(__builtin_clzll(value));
#endif
}

template <class T>
ZVC_SHARED T limited(T value, T low, T high) {
    return value < low ? low : value > high ? high : value;
}

}  // namespace zvc
