// Plain loops over the blocks of a row: the scalar kernels, and what is left over by the vector ones.
// Everything is local to the including file, since each is compiled for another instruction set.
#pragma once

#include <cstddef>

#include "pack/arithmetic.h"

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

template <class Sample, int kBlock>
inline void split_blocks_last(const Sample* row, std::size_t blocks, float scale, float* out, std::ptrdiff_t block) {
    for (std::size_t j = 0; j < blocks; ++j, out += block)
        for (int c = 0; c < kBlock; ++c) out[c] = static_cast<float>(row[kBlock * j + c]) * scale;
}

template <class Sample, int kBlock>
inline void merge_blocks_last(const float* in, std::ptrdiff_t block, std::size_t blocks, float scale, float limit,
                              Sample* row) {
    for (std::size_t j = 0; j < blocks; ++j, in += block)
        for (int c = 0; c < kBlock; ++c) row[kBlock * j + c] = static_cast<Sample>(sample_of(in[c], scale, limit));
}

}  // namespace
}  // namespace zvc
