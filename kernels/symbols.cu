// Symbols and what later frames take from them: rounding, sigma state, its fetch along vectors.
//
// Step arrays are [step][position][latent / 4]; channel 4 n + d of a position is symbol n of the step that codes it (scale/arithmetic.h).
#include "device.h"
#include "quantise/arithmetic.h"
#include "scale/arithmetic.h"
#include "state/arithmetic.h"

namespace zvc {

__device__ __forceinline__ int item_of() { return static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x); }

}  // namespace zvc

// r of one step. y, mean: (positions, latent) floats; index, r: that step's part of the step arrays. thresholds (classes, 64, 16); classes: null, or
// that of each position.
extern "C" __global__ void __launch_bounds__(256) quantise_step(const float* y, const float* mean, const uint8_t* index, const float* thresholds,
                                                                const uint8_t* classes,
                                                                int step, int skip_below, int columns, int positions, int symbols, int16_t* r) {
    const int item = zvc::item_of();
    if (item >= positions * symbols) return;
    const int position = item / symbols, n = item % symbols, sigma = index[item];
    int16_t out = 0;
    if (sigma >= skip_below) {
        const int channel = 4 * n + zvc::coded_channel(step, position / columns, position % columns), at = 4 * symbols * position + channel;
        const float v = y[at] - mean[at], magnitude = fabsf(v);
        const float* row = thresholds + zvc::kThresholds * (sigma + (classes == nullptr ? 0 : zvc::kSigmaIndices * classes[position]));
        out = zvc::signed_residual(zvc::thresholds_reached(magnitude, row), v, magnitude, row);
    }
    r[item] = out;
}

// State codes (positions, latent) of a frame whose steps are all known. A thread makes four channels of both.
extern "C" __global__ void __launch_bounds__(256) state_codes(const int16_t* r, const uint8_t* index, int columns, int positions, int symbols,
                                                              uint32_t* magnitude, uint32_t* index_code) {
    const int item = zvc::item_of();
    if (item >= positions * symbols) return;
    const int position = item / symbols, i = position / columns, j = position % columns;
    uint32_t magnitudes = 0, indices = 0;
    for (int k = 0; k < zvc::kSteps; ++k) {
        const int d = zvc::coded_channel(k, i, j), at = k * positions * symbols + item;
        magnitudes |= static_cast<uint32_t>(zvc::magnitude_code(r[at])) << 8 * d;
        indices |= static_cast<uint32_t>(index[at]) << zvc::kIndexShift << 8 * d;
    }
    magnitude[item] = magnitudes;
    index_code[item] = indices;
}

// Codes of the block that each block's vector points to, `words` of four a position. A thread moves one word of both arrays.
extern "C" __global__ void __launch_bounds__(256) fetch_state(const uint32_t* magnitude, const uint32_t* index, const int16_t* vectors, int rows,
                                                              int columns, int words, uint32_t* magnitude_out, uint32_t* index_out) {
    const int item = zvc::item_of();
    if (item >= rows * columns * words) return;
    const int position = item / words, i = position / columns, j = position % columns;
    const int from_i = zvc::limited(i + zvc::whole_blocks(vectors[2 * position + 1]), 0, rows - 1);
    const int from_j = zvc::limited(j + zvc::whole_blocks(vectors[2 * position]), 0, columns - 1);
    const int from = (from_i * columns + from_j) * words + item % words;
    magnitude_out[item] = magnitude[from];
    index_out[item] = index[from];
}
