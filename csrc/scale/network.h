// The integer sigma network: sigma indices of a frame from z, temporal state and the symbols known so far.
// Arithmetic and array names: docs/INTERNALS.md.
#pragma once

#include <memory>

#include "scale/arithmetic.h"
#include "scale/layers.h"
#include "scale/symbols.h"
#include "scale/wanted.h"

namespace zvc {

struct SigmaSizes {
    int latent;        // multiple of 16
    int hyper;         // channels of z; this and the widths below: multiples of 4
    int hyper_width;   // of hyper_in and hyper_spatial
    int step_width[kSteps];  // of step k's `in` and `spatial`
    int mix_width[kSteps];
};

struct StepArrays {
    LayerArrays in, spatial, mix, out;  // biases of `in` and `out` depend on the QP and come with each frame
};

struct SigmaArrays {
    LayerArrays hyper_in, hyper_spatial, hyper_out, z_index;
    StepArrays step[kSteps];
};

// What step `step` of a frame sees and where its indices go.
struct StepJob {
    int step;
    std::size_t rows, columns;        // of blocks
    const std::uint8_t* hyper;        // (rows, columns, hyper)
    const std::uint8_t* magnitude;    // temporal state (rows, columns, latent) twice; null: blank
    const std::uint8_t* index;
    const std::uint8_t* known[kSteps - 1];  // magnitude codes of the steps before, (rows, columns, latent / 4) each
    const std::int32_t* bias_in;      // (step_width,), that of a blank state included
    const std::int32_t* bias_out;     // (latent,)
    std::uint8_t* out;                // (rows, columns, latent / 4)
    const std::uint8_t* left_out;     // (rows / 4, columns / 4): 1 where no index is wanted, which are then zero; null: nowhere
    int threads;                      // at least 1
};

class SigmaNetwork {
public:
    SigmaNetwork(Isa isa, const SigmaSizes& sizes, const SigmaArrays& arrays);
    ~SigmaNetwork();

    // z (rows, columns, hyper) at 1/32 to hs (4 rows, 4 columns, hyper) at 1/8.
    void hyper(const std::int16_t* z, std::size_t rows, std::size_t columns, std::uint8_t* hs) const;
    // Sigma indices of z, (rows, columns, hyper), from state (4 rows, 4 columns, latent) twice.
    void z_indices(const std::uint8_t* magnitude, const std::uint8_t* index, std::size_t rows, std::size_t columns,
                   const std::int32_t* bias, std::uint8_t* out) const;
    void indices(const StepJob& job) const;

private:
    struct Step;
    struct StepBiases;

    void indices_of_rows(const StepJob& job, const StepBiases& biases, std::size_t first, std::size_t last) const;
    void step_input(const StepJob& job, const StepBiases& biases, std::size_t i, const Run& run, std::uint8_t* out) const;
    void step_output(const StepJob& job, const StepBiases& biases, std::size_t i, const Run& run, const std::uint8_t* mixed) const;

    const ScaleKernels& kernels_;
    const SymbolKernels& symbols_;
    SigmaSizes sizes_;
    Pointwise hyper_in_;
    Depthwise hyper_spatial_;
    std::vector<Pointwise> hyper_out_;  // one for each of the 16 blocks that a position of z covers
    BlockLayout z_layout_;
    Buffer<std::int8_t> z_weights_;
    Buffer<std::int32_t> z_shift_;
    std::vector<Step> step_;
};

}  // namespace zvc
