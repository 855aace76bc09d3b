// Layers of the sigma network with their weights packed for one instruction set (layout: kernels.h).
#pragma once

#include <functional>
#include <vector>

#include "scale/buffer.h"
#include "scale/kernels.h"

namespace zvc {

// How the outputs of a pointwise layer are cut into blocks: least padding, then fewest blocks.
struct BlockLayout {
    int lanes, vectors, blocks, outputs;

    BlockLayout(int lanes, int outputs);
    int padded() const { return 4 * lanes * vectors * blocks; }
    // Output at packed place `place`; may be one of the padding, `outputs` or more.
    int output_at(int place) const;
};

using WeightAt = std::function<std::int8_t(int output, int input)>;

Buffer<std::int8_t> pack_weights(const BlockLayout& layout, int inputs, const WeightAt& weight);
Buffer<std::int32_t> pack_shifts(const BlockLayout& layout, const std::function<int(int output)>& shift);
// The rounding of each output's shift is added.
Buffer<std::int32_t> pack_biases(const BlockLayout& layout, const Buffer<std::int32_t>& packed_shifts,
                                 const std::function<std::int32_t(int output)>& bias);

// A layer as the model stores it: weight (outputs, inputs) or (channels, 3, 3), bias and shift (outputs,).
struct LayerArrays {
    const std::int8_t* weight;
    const std::int32_t* bias;
    const std::uint8_t* shift;
};

// Pointwise layer of fixed biases and one input range.
class Pointwise {
public:
    // Outputs stored[0], stored[1], ... of the arrays, all inputs; a multiple of 4 of them.
    Pointwise(int lanes, const LayerArrays& arrays, int inputs, const std::vector<int>& stored);

    void run(const ScaleKernels& kernels, const std::uint8_t* in, std::ptrdiff_t in_stride, std::size_t positions,
             std::uint8_t* out, std::ptrdiff_t out_stride) const;

private:
    BlockLayout layout_;
    int groups_;
    Buffer<std::int8_t> weights_;
    Buffer<std::int32_t> shift_, bias_;
};

class Depthwise {
public:
    Depthwise(int lanes, const LayerArrays& arrays, int channels);

    std::size_t stride() const { return stride_; }  // bytes of a position, padding included
    void run(const ScaleKernels& kernels, const std::uint8_t* const row[3], std::size_t columns,
             std::uint8_t* out) const;

private:
    std::size_t stride_;
    Buffer<std::int8_t> weights_;
    Buffer<std::int32_t> shift_, bias_;
};

std::size_t padded_channels(std::size_t channels);

}  // namespace zvc
