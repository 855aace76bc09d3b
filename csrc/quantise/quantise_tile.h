// The quantiser's loop, written once; a variant supplies how thresholds are counted and how eight indices
// are compared. Local to the including file: each is compiled for another instruction set.
#pragma once

#include "quantise/quantise.h"
#include "scale/arithmetic.h"

namespace zvc {
namespace {

// Isa: reached(magnitude, row) = how many of row[1 .. 15], which rise, are <= magnitude (none for NaN);
// coded_of_8(index, skip_below) = bit n set where index[n] >= skip_below.
template <class Isa>
inline std::int16_t quantise_one(float v, const float* row) {
    const float magnitude = __builtin_fabsf(v);
    return signed_residual(Isa::reached(magnitude, row), v, magnitude, row);
}

constexpr std::size_t kTileColumns = 128, kTileSymbols = 8;

// v[p] = y - mean of the channels that are coded at columns of parity p, for up to eight symbols of row i from column
// j, an even one. Plane by plane, as position by position every float would come from another page; for all columns,
// though half of each v[p] is not used, since that is a plain vector loop.
inline void subtract_means(const QuantiseJob& job, std::size_t i, std::size_t j, std::size_t columns, std::size_t first,
                           std::size_t symbols, float (*v)[kTileSymbols][kTileColumns]) {
    const std::size_t area = job.rows * job.columns;
    for (unsigned parity = 0; parity < 2; ++parity)
        for (std::size_t n = 0; n < symbols; ++n) {
            const std::size_t channel = 4 * (first + n) + static_cast<unsigned>(coded_channel(job.step, static_cast<unsigned>(i), parity));
            const std::size_t at = channel * area + i * job.columns + j;
            for (std::size_t c = 0; c < columns; ++c) v[parity][n][c] = job.y[at + c] - job.mean[at + c];
        }
}

template <class Isa>
inline void quantise_tile(const QuantiseJob& job, std::size_t i, std::size_t j, std::size_t columns, std::size_t first,
                          std::size_t symbols) {
    const std::size_t stride = job.channels / 4, start = (i * job.columns + j) * stride + first;
    const std::uint8_t* index = job.index + start;
    std::int16_t* r = job.r + start;
    unsigned coded[kTileColumns], any = 0;
    for (std::size_t c = 0; c < columns; ++c) {
        coded[c] = 0;
        if (symbols == kTileSymbols) {
            coded[c] = Isa::coded_of_8(index + c * stride, job.skip_below);
        } else {
            for (std::size_t n = 0; n < symbols; ++n)
                coded[c] |= static_cast<unsigned>(index[c * stride + n] >= job.skip_below) << n;
        }
        any |= coded[c];
        for (std::size_t n = 0; n < symbols; ++n) r[c * stride + n] = 0;
    }
    if (any == 0) return;  // most symbols of a video frame are skipped

    float v[2][kTileSymbols][kTileColumns];
    subtract_means(job, i, j, columns, first, symbols, v);
    const std::uint8_t* classes = job.classes == nullptr ? nullptr : job.classes + i * job.columns + j;
    for (std::size_t c = 0; c < columns; ++c) {
        const float* thresholds = job.thresholds + (classes == nullptr ? 0 : classes[c] * kSigmaIndices * kThresholds);
        for (unsigned left = coded[c]; left != 0; left &= left - 1) {
            const std::size_t n = static_cast<std::size_t>(__builtin_ctz(left)), symbol = c * stride + n;
            r[symbol] = quantise_one<Isa>(v[c & 1][n][c], thresholds + index[symbol] * kThresholds);
        }
    }
}

template <class Isa>
inline void quantise_frame(const QuantiseJob& job) {
    const std::size_t symbols = job.channels / 4;
    const auto at_most = [](std::size_t left, std::size_t tile) { return left < tile ? left : tile; };
    for (std::size_t i = 0; i < job.rows; ++i)
        for (std::size_t j = 0; j < job.columns; j += kTileColumns)
            for (std::size_t n = 0; n < symbols; n += kTileSymbols)
                quantise_tile<Isa>(job, i, j, at_most(job.columns - j, kTileColumns), n,
                                   at_most(symbols - n, kTileSymbols));
}

}  // namespace
}  // namespace zvc
