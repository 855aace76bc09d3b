#include "scale/layers.h"

#include "scale/arithmetic.h"

namespace zvc {

std::size_t padded_channels(std::size_t channels) {
    return (channels + kChannelPadding - 1) / kChannelPadding * kChannelPadding;
}

BlockLayout::BlockLayout(int lanes, int outputs) : lanes(lanes), outputs(outputs) {
    const int registers = (outputs + 4 * lanes - 1) / (4 * lanes);
    blocks = (registers + kMaxVectors - 1) / kMaxVectors;
    vectors = (registers + blocks - 1) / blocks;
}

int BlockLayout::output_at(int place) const {
    const int element = place % 4, lane = place / 4 % lanes, rest = place / (4 * lanes);
    return rest / vectors * (4 * lanes * vectors) + 4 * vectors * lane + 4 * (rest % vectors) + element;
}

Buffer<std::int8_t> pack_weights(const BlockLayout& layout, int inputs, const WeightAt& weight) {
    const int in_block = 4 * layout.lanes * layout.vectors;
    Buffer<std::int8_t> packed;
    packed.reserve(static_cast<std::size_t>(layout.padded()) * inputs);
    for (int b = 0; b < layout.blocks; ++b)
        for (int first = 0; first < inputs; first += 4)
            for (int place = b * in_block; place < (b + 1) * in_block; ++place)
                for (int input = first; input < first + 4; ++input) {
                    const int output = layout.output_at(place);
                    packed.push_back(output < layout.outputs ? weight(output, input) : std::int8_t{0});
                }
    return packed;
}

Buffer<std::int32_t> pack_shifts(const BlockLayout& layout, const std::function<int(int)>& shift) {
    Buffer<std::int32_t> packed;
    for (int place = 0; place < layout.padded(); ++place) {
        const int output = layout.output_at(place);
        packed.push_back(output < layout.outputs ? shift(output) : 0);
    }
    return packed;
}

Buffer<std::int32_t> pack_biases(const BlockLayout& layout, const Buffer<std::int32_t>& packed_shifts,
                                 const std::function<std::int32_t(int)>& bias) {
    Buffer<std::int32_t> packed;
    for (int place = 0; place < layout.padded(); ++place) {
        const int output = layout.output_at(place);
        packed.push_back(output < layout.outputs ? bias(output) + rounding_of(packed_shifts[place]) : 0);
    }
    return packed;
}

Pointwise::Pointwise(int lanes, const LayerArrays& arrays, int inputs, const std::vector<int>& stored)
    : layout_(lanes, static_cast<int>(stored.size())),
      groups_(inputs / 4),
      weights_(pack_weights(layout_, inputs, [&](int o, int i) { return arrays.weight[stored[o] * inputs + i]; })),
      shift_(pack_shifts(layout_, [&](int o) { return arrays.shift[stored[o]]; })),
      bias_(pack_biases(layout_, shift_, [&](int o) { return arrays.bias[stored[o]]; })) {}

void Pointwise::run(const ScaleKernels& kernels, const std::uint8_t* in, std::ptrdiff_t in_stride,
                    std::size_t positions, std::uint8_t* out, std::ptrdiff_t out_stride) const {
    PointwiseJob job{};
    job.input[0] = {in, in_stride, weights_.data(), groups_};
    job.inputs = 1;
    job.bias = bias_.data();
    job.shift = shift_.data();
    job.vectors = layout_.vectors;
    job.blocks = layout_.blocks;
    job.outputs = layout_.outputs;
    job.ceiling = 255;
    job.out = out;
    job.out_stride = out_stride;
    job.positions = positions;
    kernels.pointwise(job);
}

Depthwise::Depthwise(int lanes, const LayerArrays& arrays, int channels)
    : stride_(padded_channels(static_cast<std::size_t>(channels))) {
    // Its outputs are laid out as those of a pointwise layer of whole blocks of four registers.
    BlockLayout layout(lanes, static_cast<int>(stride_));
    const int in_block = 4 * lanes * layout.vectors;
    for (int b = 0; b < layout.blocks; ++b)
        for (int dx = 0; dx < 3; ++dx)
            for (int place = b * in_block; place < (b + 1) * in_block; ++place)
                for (int dy = 0; dy < 4; ++dy) {
                    const int c = layout.output_at(place);
                    weights_.push_back(c < channels && dy < 3 ? arrays.weight[9 * c + 3 * dy + dx] : std::int8_t{0});
                }
    shift_ = pack_shifts(layout, [&](int c) { return c < channels ? arrays.shift[c] : 0; });
    bias_ = pack_biases(layout, shift_, [&](int c) { return c < channels ? arrays.bias[c] : 0; });
}

void Depthwise::run(const ScaleKernels& kernels, const std::uint8_t* const row[3], std::size_t columns,
                    std::uint8_t* out) const {
    const DepthwiseJob job{{row[0], row[1], row[2]}, weights_.data(), bias_.data(), shift_.data(),
                           stride_, out, columns};
    kernels.depthwise(job);
}

}  // namespace zvc
