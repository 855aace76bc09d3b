// Plain loops over the blocks of a row: the scalar kernels, and what is left over by the vector ones.
// Everything is local to the including file, since each is compiled for another instruction set.
#pragma once

#include <cstddef>

#include "common/bfloat16.h"
#include "pack/arithmetic.h"
#include "pack/pack.h"

namespace zvc {
namespace {

template <class Sample, int kBlock>
inline void split_blocks(const Sample* row, std::size_t blocks, float scale, float* out, std::ptrdiff_t channel) {
    for (int c = 0; c < kBlock; ++c)
        for (std::size_t j = 0; j < blocks; ++j)
            out[c * channel + static_cast<std::ptrdiff_t>(j)] = static_cast<float>(row[kBlock * j + c]) * scale;
}

template <class Sample, int kBlock>
inline void merge_blocks(const float* in, std::ptrdiff_t channel, std::size_t blocks, float scale, float limit,
                         Sample* row) {
    for (int c = 0; c < kBlock; ++c)
        for (std::size_t j = 0; j < blocks; ++j)
            row[kBlock * j + c] = static_cast<Sample>(sample_of(in[c * channel + static_cast<std::ptrdiff_t>(j)], scale, limit));
}

inline void put(float* out, float level) { *out = level; }
inline void put(std::uint16_t* out, float level) { *out = to_bfloat16(level); }

template <class Sample, int kBlock, class Value>
inline void split_blocks_last(const Sample* row, std::size_t blocks, float scale, Value* out, std::ptrdiff_t block) {
    for (std::size_t j = 0; j < blocks; ++j, out += block)
        for (int c = 0; c < kBlock; ++c) put(out + c, static_cast<float>(row[kBlock * j + c]) * scale);
}

template <class Value>
inline float level_at(const Levels& in, std::ptrdiff_t n) {
    const auto of = [n](const void* values) { return to_float(static_cast<const Value*>(values)[n]); };
    if (in.a == nullptr) return of(in.values);
    const float a = of(in.a);
    return of(in.values) + (in.b == nullptr ? a : a + in.blend * (of(in.b) - a));
}

template <class Sample, int kBlock, class Value>
inline void merge_blocks_last(const Levels& in, std::ptrdiff_t block, std::size_t blocks, float scale, float limit,
                              Sample* row) {
    for (std::size_t j = 0; j < blocks; ++j)
        for (int c = 0; c < kBlock; ++c)
            row[kBlock * j + c] = static_cast<Sample>(sample_of(level_at<Value>(in, static_cast<std::ptrdiff_t>(j) * block + c), scale, limit));
}

}  // namespace
}  // namespace zvc
