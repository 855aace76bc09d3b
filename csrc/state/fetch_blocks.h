// The fetch, written once; a variant supplies how a block is copied. Local to the including file: each is compiled for another instruction set.
#pragma once

#include <algorithm>

#include "state/arithmetic.h"
#include "state/state.h"

namespace zvc {
namespace {

// copy(from, to): channels bytes. Block by block, also where neighbours stay neighbours: finding the runs costs more in branches that
// cannot be predicted than longer copies save.
template <class Copy>
inline void fetch_blocks(const FetchJob& job, const Copy& copy) {
    const auto rows = static_cast<std::ptrdiff_t>(job.rows), columns = static_cast<std::ptrdiff_t>(job.columns);
    const std::int16_t* vector = job.vectors;
    std::size_t to = 0;
    for (std::ptrdiff_t i = 0; i < rows; ++i)
        for (std::ptrdiff_t j = 0; j < columns; ++j, vector += 2, to += job.channels) {
            const std::ptrdiff_t from_i = std::clamp<std::ptrdiff_t>(i + whole_blocks(vector[1]), 0, rows - 1);
            const std::ptrdiff_t from_j = std::clamp<std::ptrdiff_t>(j + whole_blocks(vector[0]), 0, columns - 1);
            const std::size_t from = static_cast<std::size_t>(from_i * columns + from_j) * job.channels;
            copy(job.codes[0] + from, job.out[0] + to);
            copy(job.codes[1] + from, job.out[1] + to);
        }
}

}  // namespace
}  // namespace zvc
