// The two layers of the integer sigma network: uint8 in, int8 weights, int32 sums, uint8 out.
//
//     u = clamp((sum + bias) >> shift, 0, ceiling)       the bias includes the rounding 1 << (shift - 1)
//
// |weight| <= 64 and |sum + bias| < 2^24 + 2^23, so that neither vpmaddubsw (16 bits) nor the sums saturate.
//
// Layout of packed weights. A register has `lanes` lanes of 128 bits, each of four outputs by four inputs: what
// vpdpbusd takes. Outputs are handled in blocks of `vectors` registers, and element e of lane l of register v is
// output  4 * vectors * l + 4 * v + e  of its block: vpackssdw and vpackuswb, which work lane by lane, then leave
// the outputs in order. Scalar kernels read the same layout with one lane.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/isa.h"

namespace zvc {

constexpr int kMaxVectors = 4;
// Channels of a depthwise layer's activations are padded to this many bytes a position.
constexpr std::size_t kChannelPadding = 64;

// A range of the input channels of a pointwise layer, in memory of its own.
struct PointwiseInput {
    const std::uint8_t* data;     // first position
    std::ptrdiff_t stride;        // bytes from one position to the next
    const std::int8_t* weights;   // [block][group][vector][lane][4 outputs][4 inputs]
    int groups;                   // of four channels
};

constexpr int kMaxInputs = 6;

struct PointwiseJob {
    PointwiseInput input[kMaxInputs];
    int inputs;
    const std::int32_t* bias;   // [block][vector][lane][4]
    const std::int32_t* shift;  // same order
    int vectors, blocks;
    int outputs;                // bytes written a position; those beyond are padding of the last block
    std::uint8_t ceiling;
    std::uint8_t* out;
    std::ptrdiff_t out_stride;
    std::size_t positions;
};

// 3x3, one row of `columns` positions. Rows hold one position more on either side, zero at the picture's edge;
// the pointers are to the first position proper.
struct DepthwiseJob {
    const std::uint8_t* row[3];  // above, at and below the output; `channels` bytes a position
    const std::int8_t* weights;  // [block][column][vector][lane][4 channels][3 rows and a zero], blocks of 4 vectors
    const std::int32_t* bias;    // [block][vector][lane][4]
    const std::int32_t* shift;
    std::size_t channels;        // a multiple of kChannelPadding
    std::uint8_t* out;
    std::size_t columns;
};

struct ScaleKernels {
    int lanes;
    void (*pointwise)(const PointwiseJob& job) noexcept;
    void (*depthwise)(const DepthwiseJob& job) noexcept;
};

const ScaleKernels& scale_kernels(Isa isa) noexcept;

extern const ScaleKernels kScaleScalar;
extern const ScaleKernels kScaleAvx2;
extern const ScaleKernels kScaleAvx512;

}  // namespace zvc
