// The quantiser's loop, written once; a variant supplies how thresholds are counted and how eight indices
// are compared. Local to the including file: each is compiled for another instruction set.
#pragma once

#include "quantise/quantise.h"

namespace zvc {
namespace {

// Of every four channels 4 n .. 4 n + 3 exactly one is coded by step 2 g + s at row i, column j: channel
// 4 n + d where bit 0 of d is (g + i + j) % 2 and bit 1 is (s + i) % 2.
inline std::size_t coded_channel(int step, std::size_t i, std::size_t j) {
    const std::size_t g = step >> 1, s = step & 1;
    return 2 * ((s + i) & 1) + ((g + i + j) & 1);
}

// Residual of a magnitude that has reached the last threshold.
inline std::int32_t beyond_table(float magnitude, float last_threshold) {
    if (!(magnitude <= 3.402823466e38f)) return 0;  // infinite; NaN reaches no threshold
    constexpr std::int32_t kLast = kThresholds - 1, kRoom = kLargestResidual - kLast;
    const float steps = magnitude - last_threshold;
    // Compared as floats: the conversion would overflow.
    return kLast + (steps < static_cast<float>(kRoom) ? static_cast<std::int32_t>(steps) : kRoom);
}

// Isa: reached(magnitude, row) = how many of row[1 .. 15], which rise, are <= magnitude (none for NaN);
// coded_of_8(index, skip_below) = bit n set where index[n] >= skip_below.
template <class Isa>
inline std::int16_t quantise_one(float v, const float* row) {
    const float magnitude = v < 0 ? -v : v;
    std::int32_t r = Isa::reached(magnitude, row);
    if (r == kThresholds - 1) r = beyond_table(magnitude, row[r]);
    return static_cast<std::int16_t>(v < 0 ? -r : r);
}

template <class Isa>
inline void quantise_frame(const QuantiseJob& job) {
    const std::size_t symbols = job.channels / 4, area = job.rows * job.columns;
    const std::size_t in_eights = symbols - symbols % 8;
    for (std::size_t i = 0; i < job.rows; ++i)
        for (std::size_t j = 0; j < job.columns; ++j) {
            const std::size_t position = i * job.columns + j;
            const float* y = job.y + coded_channel(job.step, i, j) * area + position;
            const float* mean = job.mean + (y - job.y);
            const std::uint8_t* index = job.index + position * symbols;
            std::int16_t* r = job.r + position * symbols;
            const auto one = [&](std::size_t n) {
                const std::size_t latent = 4 * n * area;
                r[n] = quantise_one<Isa>(y[latent] - mean[latent], job.thresholds + index[n] * kThresholds);
            };
            for (std::size_t n = 0; n < symbols; ++n) r[n] = 0;
            // Most symbols of a video frame are skipped: find the others eight at a time.
            for (std::size_t n = 0; n < in_eights; n += 8)
                for (unsigned coded = Isa::coded_of_8(index + n, job.skip_below); coded != 0; coded &= coded - 1)
                    one(n + static_cast<std::size_t>(__builtin_ctz(coded)));
            for (std::size_t n = in_eights; n < symbols; ++n)
                if (index[n] >= job.skip_below) one(n);
        }
}

}  // namespace
}  // namespace zvc
