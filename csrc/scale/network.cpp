#include "scale/network.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <thread>

namespace zvc {
namespace {

std::vector<int> ascending(int count) {
    std::vector<int> all(static_cast<std::size_t>(count));
    std::iota(all.begin(), all.end(), 0);
    return all;
}

// hyper_out has channel 16 f + 4 p + q for feature f of block (p, q) of a position.
std::vector<int> features_of_block(int block, int hyper) {
    std::vector<int> stored;
    for (int f = 0; f < hyper; ++f) stored.push_back(kSubpositions * f + block);
    return stored;
}

// Runs a layer, a depthwise one and what follows over rows first..last-1 of `rows`, with three rows of the first
// layer's output in hand: produce(i, row) fills one, consume(i, row) takes the depthwise layer's. Of row i that is run
// for the columns of runs(i) alone; produce is to fill those beside them too.
template <class Runs, class Produce, class Consume>
void through_depthwise(const ScaleKernels& kernels, const Depthwise& layer, std::size_t first, std::size_t last, std::size_t rows,
                       std::size_t columns, const Runs& runs, const Produce& produce, const Consume& consume) {
    const std::size_t stride = layer.stride(), padded = (columns + 2) * stride;
    // The position before the first and after the last stay zero, as does the fourth row.
    Buffer<std::uint8_t> ring(4 * padded), spatial(columns * stride);
    const auto row = [&](std::size_t i) { return ring.data() + i % 3 * padded + stride; };
    const std::uint8_t* outside = ring.data() + 3 * padded + stride;

    if (first > 0) produce(first - 1, row(first - 1));
    produce(first, row(first));
    for (std::size_t i = first; i < last; ++i) {
        if (i + 1 < rows) produce(i + 1, row(i + 1));
        const std::uint8_t* const three[3] = {i > 0 ? row(i - 1) : outside, row(i), i + 1 < rows ? row(i + 1) : outside};
        for (const Run& run : runs(i)) {
            const std::size_t at = run.first * stride;
            const std::uint8_t* const there[3] = {three[0] + at, three[1] + at, three[2] + at};
            layer.run(kernels, there, run.last - run.first, spatial.data() + at);
        }
        consume(i, spatial.data());
    }
}

}  // namespace

struct SigmaNetwork::Step {
    BlockLayout in_layout, out_layout;
    // Of `in`: for hs and for the two states; for known magnitudes of step m by row and column parity,
    // [m][2 * (i % 2) + j % 2]. Of `out`: by d, for channels 4 n + d.
    Buffer<std::int8_t> hyper, magnitude, index, known[kSteps - 1][4], out[4];
    Buffer<std::int32_t> in_shift, out_shift[4];
    Depthwise spatial;
    Pointwise mix;
    std::size_t mix_stride;

    Step(int lanes, int k, const SigmaSizes& sizes, const StepArrays& arrays)
        : in_layout(lanes, sizes.step_width[k]),
          out_layout(lanes, sizes.latent / 4),
          spatial(lanes, arrays.spatial, sizes.step_width[k]),
          mix(lanes, arrays.mix, sizes.step_width[k], ascending(sizes.mix_width[k])),
          mix_stride(padded_channels(static_cast<std::size_t>(sizes.mix_width[k]))) {
        const int first_state = sizes.hyper, first_known = sizes.hyper + 2 * sizes.latent;
        const int inputs = first_known + (k > 0 ? sizes.latent : 0);
        const auto part = [&](int first, int count) {
            return pack_weights(in_layout, count, [&](int o, int i) { return arrays.in.weight[o * inputs + first + i]; });
        };
        hyper = part(0, sizes.hyper);
        magnitude = part(first_state, sizes.latent);
        index = part(first_state + sizes.latent, sizes.latent);
        for (int m = 0; m < k; ++m)
            for (unsigned parity = 0; parity < 4; ++parity) {
                const int d = coded_channel(m, parity / 2, parity % 2);
                known[m][parity] = pack_weights(in_layout, sizes.latent / 4, [&](int o, int n) {
                    return arrays.in.weight[o * inputs + first_known + 4 * n + d];
                });
            }
        in_shift = pack_shifts(in_layout, [&](int o) { return arrays.in.shift[o]; });
        for (int d = 0; d < 4; ++d) {
            out[d] = pack_weights(out_layout, sizes.mix_width[k], [&](int n, int i) {
                return arrays.out.weight[(4 * n + d) * sizes.mix_width[k] + i];
            });
            out_shift[d] = pack_shifts(out_layout, [&](int n) { return arrays.out.shift[4 * n + d]; });
        }
    }
};

struct SigmaNetwork::StepBiases {
    Buffer<std::int32_t> in, out[4];
};

SigmaNetwork::SigmaNetwork(Isa isa, const SigmaSizes& sizes, const SigmaArrays& arrays)
    : kernels_(scale_kernels(isa)),
      symbols_(symbol_kernels(isa)),
      sizes_(sizes),
      hyper_in_(kernels_.lanes, arrays.hyper_in, sizes.hyper, ascending(sizes.hyper_width)),
      hyper_spatial_(kernels_.lanes, arrays.hyper_spatial, sizes.hyper_width),
      z_layout_(kernels_.lanes, sizes.hyper),
      z_weights_(pack_weights(z_layout_, 2 * sizes.latent, [&](int o, int i) {
          return arrays.z_index.weight[o * 2 * sizes.latent + i];
      })),
      z_shift_(pack_shifts(z_layout_, [&](int o) { return arrays.z_index.shift[o]; })) {
    for (int block = 0; block < kSubpositions; ++block)
        hyper_out_.emplace_back(kernels_.lanes, arrays.hyper_out, sizes.hyper_width,
                                features_of_block(block, sizes.hyper));
    for (int k = 0; k < kSteps; ++k) step_.emplace_back(kernels_.lanes, k, sizes, arrays.step[k]);
}

SigmaNetwork::~SigmaNetwork() = default;

void SigmaNetwork::hyper(const std::int16_t* z, std::size_t rows, std::size_t columns, std::uint8_t* hs) const {
    const std::size_t channels = static_cast<std::size_t>(sizes_.hyper), per_row = columns * channels;
    const auto stride = static_cast<std::ptrdiff_t>(hyper_spatial_.stride());
    Buffer<std::uint8_t> unsigned_z(per_row);
    through_depthwise(
        kernels_, hyper_spatial_, 0, rows, rows, columns, [&](std::size_t) { return std::array{Run{0, columns}}; },
        [&](std::size_t i, std::uint8_t* out) {
            for (std::size_t c = 0; c < per_row; ++c)
                unsigned_z[c] = static_cast<std::uint8_t>(std::clamp(z[i * per_row + c] + 128, 0, 255));
            hyper_in_.run(kernels_, unsigned_z.data(), sizes_.hyper, columns, out, stride);
        },
        [&](std::size_t i, const std::uint8_t* spatial) {
            for (std::size_t block = 0; block < kSubpositions; ++block) {
                const std::size_t first = (4 * i + block / 4) * 4 * columns + block % 4;
                hyper_out_[block].run(kernels_, spatial, stride, columns, hs + first * channels, 4 * sizes_.hyper);
            }
        });
}

void SigmaNetwork::z_indices(const std::uint8_t* magnitude, const std::uint8_t* index, std::size_t rows,
                             std::size_t columns, const std::int32_t* bias, std::uint8_t* out) const {
    const std::size_t latent = static_cast<std::size_t>(sizes_.latent);
    const Buffer<std::int32_t> biases = pack_biases(z_layout_, z_shift_, [&](int o) { return bias[o]; });
    Buffer<std::uint8_t> means(columns * 2 * latent);

    PointwiseJob job{};
    job.input[0] = {means.data(), 2 * sizes_.latent, z_weights_.data(), sizes_.latent / 2};
    job.inputs = 1;
    job.bias = biases.data();
    job.shift = z_shift_.data();
    job.vectors = z_layout_.vectors;
    job.blocks = z_layout_.blocks;
    job.outputs = sizes_.hyper;
    job.ceiling = kSigmaCeiling;
    job.out_stride = sizes_.hyper;
    job.positions = columns;
    for (std::size_t i = 0; i < rows; ++i) {
        for (std::size_t j = 0; j < columns; ++j)
            for (std::size_t half = 0; half < 2; ++half) {
                const std::uint8_t* state = half == 0 ? magnitude : index;
                symbols_.block_means(state + (16 * i * columns + 4 * j) * latent, 4 * columns * latent, latent,
                                     means.data() + (2 * j + half) * latent);
            }
        job.out = out + i * columns * static_cast<std::size_t>(sizes_.hyper);
        kernels_.pointwise(job);
    }
}

void SigmaNetwork::indices(const StepJob& job) const {
    const Step& step = step_[static_cast<std::size_t>(job.step)];
    StepBiases biases;
    biases.in = pack_biases(step.in_layout, step.in_shift, [&](int o) { return job.bias_in[o]; });
    for (int d = 0; d < 4; ++d)
        biases.out[d] = pack_biases(step.out_layout, step.out_shift[d], [&](int n) { return job.bias_out[4 * n + d]; });

    const std::size_t parts = std::min(static_cast<std::size_t>(job.threads), job.rows);
    std::vector<std::jthread> others;
    for (std::size_t part = 1; part < parts; ++part)
        others.emplace_back([&, part] {
            indices_of_rows(job, biases, job.rows * part / parts, job.rows * (part + 1) / parts);
        });
    indices_of_rows(job, biases, 0, job.rows / parts);
}

void SigmaNetwork::indices_of_rows(const StepJob& job, const StepBiases& biases, std::size_t first,
                                   std::size_t last) const {
    const Step& step = step_[static_cast<std::size_t>(job.step)];
    const WantedColumns wanted(job.left_out, job.rows, job.columns);
    Buffer<std::uint8_t> mixed(job.columns * step.mix_stride);
    const std::size_t symbols = static_cast<std::size_t>(sizes_.latent / 4);
    through_depthwise(
        kernels_, step.spatial, first, last, job.rows, job.columns, [&](std::size_t i) { return wanted.of_row(i); },
        [&](std::size_t i, std::uint8_t* out) {
            for (const Run& run : wanted.around_row(i)) step_input(job, biases, i, run, out);
        },
        [&](std::size_t i, const std::uint8_t* spatial) {
            if (job.left_out) std::memset(job.out + i * job.columns * symbols, 0, job.columns * symbols);
            for (const Run& run : wanted.of_row(i)) {
                const auto stride = static_cast<std::ptrdiff_t>(step.spatial.stride());
                step.mix.run(kernels_, spatial + run.first * step.spatial.stride(), stride, run.last - run.first,
                             mixed.data() + run.first * step.mix_stride, static_cast<std::ptrdiff_t>(step.mix_stride));
                step_output(job, biases, i, run, mixed.data());
            }
        });
}

void SigmaNetwork::step_input(const StepJob& job, const StepBiases& biases, std::size_t i, const Run& run,
                              std::uint8_t* out) const {
    const Step& step = step_[static_cast<std::size_t>(job.step)];
    const auto stride = static_cast<std::ptrdiff_t>(step.spatial.stride());
    // Which channels are known alternates along the row: columns of one parity, then those of the other.
    const std::size_t passes = job.step > 0 ? 2 : 1;
    for (std::size_t begin = run.first; begin < std::min(run.first + passes, run.last); ++begin) {
        PointwiseJob layer{};
        const auto add = [&](const std::uint8_t* data, int channels, const Buffer<std::int8_t>& weights) {
            layer.input[layer.inputs++] = {data + (i * job.columns + begin) * static_cast<std::size_t>(channels),
                                           static_cast<std::ptrdiff_t>(passes) * channels, weights.data(), channels / 4};
        };
        add(job.hyper, sizes_.hyper, step.hyper);
        if (job.magnitude != nullptr) {
            add(job.magnitude, sizes_.latent, step.magnitude);
            add(job.index, sizes_.latent, step.index);
        }
        for (int m = 0; m < job.step; ++m)
            add(job.known[m], sizes_.latent / 4, step.known[m][2 * (i % 2) + begin % 2]);
        layer.bias = biases.in.data();
        layer.shift = step.in_shift.data();
        layer.vectors = step.in_layout.vectors;
        layer.blocks = step.in_layout.blocks;
        layer.outputs = step.in_layout.outputs;
        layer.ceiling = 255;
        layer.out = out + static_cast<std::ptrdiff_t>(begin) * stride;
        layer.out_stride = static_cast<std::ptrdiff_t>(passes) * stride;
        layer.positions = (run.last - begin + passes - 1) / passes;
        kernels_.pointwise(layer);
    }
}

void SigmaNetwork::step_output(const StepJob& job, const StepBiases& biases, std::size_t i, const Run& run,
                               const std::uint8_t* mixed) const {
    const std::size_t k = static_cast<std::size_t>(job.step), symbols = static_cast<std::size_t>(sizes_.latent / 4);
    const Step& step = step_[k];
    const auto stride = static_cast<std::ptrdiff_t>(step.mix_stride);
    for (std::size_t begin = run.first; begin < std::min(run.first + 2, run.last); ++begin) {
        const int d = coded_channel(job.step, static_cast<unsigned>(i), static_cast<unsigned>(begin));
        PointwiseJob layer{};
        layer.input[0] = {mixed + static_cast<std::ptrdiff_t>(begin) * stride, 2 * stride, step.out[d].data(),
                          sizes_.mix_width[k] / 4};
        layer.inputs = 1;
        layer.bias = biases.out[d].data();
        layer.shift = step.out_shift[d].data();
        layer.vectors = step.out_layout.vectors;
        layer.blocks = step.out_layout.blocks;
        layer.outputs = step.out_layout.outputs;
        layer.ceiling = kSigmaCeiling;
        layer.out = job.out + (i * job.columns + begin) * symbols;
        layer.out_stride = 2 * static_cast<std::ptrdiff_t>(symbols);
        layer.positions = (run.last - begin + 1) / 2;
        kernels_.pointwise(layer);
    }
}

}  // namespace zvc
