// Codes that a frame leaves behind for later ones, (rows, columns, channels) bytes, fetched along block vectors.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/isa.h"

namespace zvc {

// `out` does not overlap `codes`.
struct FetchJob {
    const std::uint8_t* codes[2];  // (rows, columns, channels) each
    const std::int16_t* vectors;   // (rows, columns, 2): dx, dy in quarter luma pixels, any values
    std::uint8_t* out[2];
    std::size_t rows, columns, channels;
};

struct StateKernels {
    // Block (i, j) of `out` is block (i + floor((dy + 16) / 32), j + floor((dx + 16) / 32)) of `codes`, clamped into the picture.
    void (*fetch)(const FetchJob& job) noexcept;
};

const StateKernels& state_kernels(Isa isa) noexcept;

extern const StateKernels kStateScalar;
extern const StateKernels kStateAvx2;

}  // namespace zvc
