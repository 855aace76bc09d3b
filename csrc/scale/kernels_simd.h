// The vector kernels, written once over a register type (layout and bounds: kernels.h). Everything is local to the
// including file, which is compiled for the instruction set of its `V`:
//
//     V::Reg, V::kLanes; V::kTile positions by V::kSumVectors registers of sums are kept at a time
//     load(p), store(p, r), zero(), set8(byte), broadcast(p): four bytes to every element
//     dot(sums, u8, s8): adds four products to each int32, shift_right(sums, counts)
//     pack32, pack16 (saturating, to int16 and to uint8), min8, low8/high8/low16/high16 (interleave), lane<l>(r)
#pragma once

#include <immintrin.h>

#include "scale/kernels.h"

namespace zvc {
namespace {

// Sums of one block of one position, from int32 to bytes in the order of the outputs.
template <class V, int kVectors>
inline typename V::Reg requantise(const typename V::Reg* sums, const std::int32_t* shift, typename V::Reg ceiling) {
    typename V::Reg s[kMaxVectors];
    for (int v = 0; v < kMaxVectors; ++v)
        s[v] = v < kVectors ? V::shift_right(sums[v], V::load(shift + 4 * V::kLanes * v)) : V::zero();
    // Both saturate, and to 0..255 in effect: int32 -> int16 -> uint8.
    return V::min8(V::pack16(V::pack32(s[0], s[1]), V::pack32(s[2], s[3])), ceiling);
}

template <class V, int kVectors, int kLane>
inline void store_lanes(std::uint8_t* out, typename V::Reg bytes, int kept) {
    if constexpr (kLane < V::kLanes) {
        constexpr int kBytes = 4 * kVectors;
        const int left = kept - kLane * kBytes;
        if (left <= 0) return;
        const __m128i lane = V::template lane<kLane>(bytes);
        // The size is a constant where it can be: a move instead of a call.
        if (left >= kBytes) {
            __builtin_memcpy(out + kLane * kBytes, &lane, kBytes);
        } else {
            __builtin_memcpy(out + kLane * kBytes, &lane, static_cast<std::size_t>(left));
        }
        store_lanes<V, kVectors, kLane + 1>(out, bytes, kept);
    }
}

// Sums of registers kFirst and up, V::kSumVectors at a time.
template <class V, int kVectors, int kTile, int kFirst>
[[gnu::always_inline]] inline void sum_vectors(const PointwiseJob& job, int block, std::size_t first,
                                               typename V::Reg (&sums)[kTile][kVectors]) {
    if constexpr (kFirst < kVectors) {
        constexpr int kCount = kVectors - kFirst < V::kSumVectors ? kVectors - kFirst : V::kSumVectors;
        constexpr int kWidth = 4 * kVectors * V::kLanes, kBytes = 16 * V::kLanes;
        using Reg = typename V::Reg;
        const std::int32_t* bias = job.bias + block * kWidth + 4 * V::kLanes * kFirst;
        for (int v = 0; v < kCount; ++v)
            for (int t = 0; t < kTile; ++t) sums[t][kFirst + v] = V::load(bias + 4 * V::kLanes * v);
        for (int s = 0; s < job.inputs; ++s) {
            const PointwiseInput& in = job.input[s];
            const std::ptrdiff_t stride = in.stride;
            const std::uint8_t* x = in.data + static_cast<std::ptrdiff_t>(first) * stride;
            const std::int8_t* w = in.weights + static_cast<std::ptrdiff_t>(block) * in.groups * kWidth * 4 + kBytes * kFirst;
            for (int g = 0; g < in.groups; ++g, x += 4, w += 4 * kWidth) {
                Reg inputs[kTile];
#pragma GCC unroll 8
                for (int t = 0; t < kTile; ++t) inputs[t] = V::broadcast(x + t * stride);
#pragma GCC unroll 8
                for (int v = 0; v < kCount; ++v) {
                    const Reg weights = V::load(w + kBytes * v);
#pragma GCC unroll 8
                    for (int t = 0; t < kTile; ++t) sums[t][kFirst + v] = V::dot(sums[t][kFirst + v], inputs[t], weights);
                }
            }
        }
        sum_vectors<V, kVectors, kTile, kFirst + kCount>(job, block, first, sums);
    }
}

// `kTile` positions of block `block`: each weight that is loaded meets all of them.
template <class V, int kVectors, int kTile>
inline void pointwise_tile(const PointwiseJob& job, int block, std::size_t first) {
    constexpr int kWidth = 4 * kVectors * V::kLanes;
    using Reg = typename V::Reg;
    Reg sums[kTile][kVectors];
    sum_vectors<V, kVectors, kTile, 0>(job, block, first, sums);

    const Reg ceiling = V::set8(job.ceiling);
    const int kept = job.outputs - block * kWidth;
    std::uint8_t* out = job.out + static_cast<std::ptrdiff_t>(first) * job.out_stride + block * kWidth;
#pragma GCC unroll 8
    for (int t = 0; t < kTile; ++t, out += job.out_stride) {
        const Reg bytes = requantise<V, kVectors>(sums[t], job.shift + block * kWidth, ceiling);
        if (kVectors == kMaxVectors && kept >= kWidth) {
            V::store(out, bytes);
        } else {
            store_lanes<V, kVectors, 0>(out, bytes, kept);
        }
    }
}

// The job's last positions from `first` on, kTile of them at most.
template <class V, int kVectors, int kTile>
inline void pointwise_rest(const PointwiseJob& job, int block, std::size_t first) {
    if constexpr (kTile > 0) {
        if (job.positions - first == kTile) {
            pointwise_tile<V, kVectors, kTile>(job, block, first);
        } else {
            pointwise_rest<V, kVectors, kTile - 1>(job, block, first);
        }
    }
}

template <class V, int kVectors>
inline void pointwise_vectors(const PointwiseJob& job) {
    for (int block = 0; block < job.blocks; ++block) {
        std::size_t j = 0;
        for (; j + V::kTile <= job.positions; j += V::kTile) pointwise_tile<V, kVectors, V::kTile>(job, block, j);
        pointwise_rest<V, kVectors, V::kTile - 1>(job, block, j);
    }
}

template <class V>
void pointwise_simd(const PointwiseJob& job) noexcept {
    switch (job.vectors) {
        case 1: return pointwise_vectors<V, 1>(job);
        case 2: return pointwise_vectors<V, 2>(job);
        case 3: return pointwise_vectors<V, 3>(job);
        default: return pointwise_vectors<V, 4>(job);
    }
}

// The three rows of one column as four registers of (above, at, below, 0): channel 16 l + 4 v + e in element e of
// lane l of register v, the order that requantise() undoes.
template <class V>
inline void interleave_column(const DepthwiseJob& job, std::ptrdiff_t at, typename V::Reg* column) {
    const auto above = V::load(job.row[0] + at), middle = V::load(job.row[1] + at), below = V::load(job.row[2] + at);
    const auto low = V::low8(above, middle), high = V::high8(above, middle);
    const auto low_below = V::low8(below, V::zero()), high_below = V::high8(below, V::zero());
    column[0] = V::low16(low, low_below);
    column[1] = V::high16(low, low_below);
    column[2] = V::low16(high, high_below);
    column[3] = V::high16(high, high_below);
}

template <class V>
void depthwise_simd(const DepthwiseJob& job) noexcept {
    using Reg = typename V::Reg;
    constexpr int kWidth = 16 * V::kLanes;
    const auto channels = static_cast<std::ptrdiff_t>(job.channels);
    for (std::ptrdiff_t first = 0; first < channels; first += kWidth) {
        const std::int8_t* w = job.weights + first * 3 * 4;
        const std::int32_t* bias = job.bias + first;
        Reg left[4], middle[4], right[4];
        interleave_column<V>(job, first - channels, left);
        interleave_column<V>(job, first, middle);
        std::ptrdiff_t at = first;
        for (std::size_t j = 0; j < job.columns; ++j, at += channels) {
            interleave_column<V>(job, at + channels, right);
            Reg sums[4];
#pragma GCC unroll 4
            for (int v = 0; v < 4; ++v) {
                const std::int8_t* wv = w + kWidth * v;
                sums[v] = V::dot(V::load(bias + 4 * V::kLanes * v), left[v], V::load(wv));
                sums[v] = V::dot(sums[v], middle[v], V::load(wv + 4 * kWidth));
                sums[v] = V::dot(sums[v], right[v], V::load(wv + 8 * kWidth));
                left[v] = middle[v];
                middle[v] = right[v];
            }
            V::store(job.out + at, requantise<V, 4>(sums, job.shift + first, V::set8(255)));
        }
    }
}

}  // namespace
}  // namespace zvc
