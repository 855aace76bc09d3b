// Dead-zone quantiser of the encoder: residuals of one sigma step from latents and means.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/isa.h"
#include "quantise/arithmetic.h"

namespace zvc {

struct QuantiseJob {
    const float* y;              // (channels, rows, columns)
    const float* mean;
    const std::uint8_t* index;   // (rows, columns, channels / 4), each below kSigmaIndices
    const float* thresholds;     // (classes, kSigmaIndices, kThresholds)
    const std::uint8_t* classes; // (rows, columns), which thresholds a position takes; null: the first
    std::int16_t* r;             // (rows, columns, channels / 4)
    std::size_t channels, rows, columns;  // channels: a multiple of 4
    int step;                    // 0..3
    int skip_below;              // 0..kSigmaIndices; symbols of a lower index are zero
};

struct QuantiseKernels {
    void (*quantise)(const QuantiseJob& job) noexcept;
};

const QuantiseKernels& quantise_kernels(Isa isa) noexcept;

extern const QuantiseKernels kQuantiseScalar;
extern const QuantiseKernels kQuantiseAvx2;
extern const QuantiseKernels kQuantiseAvx512;

}  // namespace zvc
