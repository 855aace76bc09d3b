// Adaptive loop filter of planes of 12 bits (docs/INTERNALS.md; exact).
#include "device.h"
#include "loopfilter/arithmetic.h"

namespace zvc {

// A block of threads sums gradients of kTileColumns x kTileRows blocks of samples, of which those at its edges are only looked at.
constexpr int kTileColumns = 32, kTileRows = 8, kDirections = 4;

__device__ __forceinline__ void block_gradients(const uint16_t* plane, int width, int height, int i, int j, int (&sums)[kDirections]) {
    // Beyond the picture the gradients go on, not the samples.
    for (int row = 0; row < kFilterBlock; ++row) {
        const int y = limited(kFilterBlock * i + row, 0, height - 1);
        const uint16_t* here = plane + y * width;
        const uint16_t *above = plane + limited(y - 1, 0, height - 1) * width, *below = plane + limited(y + 1, 0, height - 1) * width;
#pragma unroll
        for (int column = 0; column < kFilterBlock; ++column) {
            const int x = limited(kFilterBlock * j + column, 0, width - 1), left = limited(x - 1, 0, width - 1), right = limited(x + 1, 0, width - 1);
            const int centre = here[x];
            sums[0] += gradient_of(centre, above[x], below[x]);
            sums[1] += gradient_of(centre, here[left], here[right]);
            sums[2] += gradient_of(centre, above[left], below[right]);
            sums[3] += gradient_of(centre, above[right], below[left]);
        }
    }
}

// A thread filters four samples of a row. classes, copied: null where all is one class, and nothing copied.
template <class Sample>
__device__ void filter_row(const uint16_t* plane, int width, int height, const int8_t* coefficients, const uint8_t* classes, const uint8_t* copied,
                           int side, int depth, Sample* out) {
    const int block = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x), y = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y);
    const int first = kFilterBlock * block;
    if (first >= width || y >= height) return;
    constexpr int kOffsets[kFilterTaps][2] = ZVC_FILTER_OFFSETS;
    constexpr int kRows = 2 * kFilterReach + 1, kColumns = kFilterBlock + 2 * kFilterReach;
    const uint16_t* rows[kRows];
    int columns[kColumns], sums[kFilterBlock] = {};
#pragma unroll
    for (int n = 0; n < kRows; ++n) rows[n] = plane + limited(y + n - kFilterReach, 0, height - 1) * width;
#pragma unroll
    for (int n = 0; n < kColumns; ++n) columns[n] = limited(first + n - kFilterReach, 0, width - 1);
    if (copied == nullptr || copied[y / side * ((width + side - 1) / side) + first / side] == 0) {
        if (classes != nullptr) coefficients += kFilterTaps * classes[y / kFilterBlock * ((width + kFilterBlock - 1) / kFilterBlock) + block];
#pragma unroll
        for (int tap = 0; tap < kFilterTaps; ++tap) {
            const int coefficient = coefficients[tap], dy = kOffsets[tap][0], dx = kOffsets[tap][1];
#pragma unroll
            for (int n = 0; n < kFilterBlock; ++n) {
                const int one = rows[kFilterReach + dy][columns[kFilterReach + n + dx]], other = rows[kFilterReach - dy][columns[kFilterReach + n - dx]];
                sums[n] += coefficient * (one + other - 2 * rows[kFilterReach][columns[kFilterReach + n]]);
            }
        }
    }
#pragma unroll
    for (int n = 0; n < kFilterBlock; ++n)
        if (first + n < width) out[y * width + first + n] = static_cast<Sample>(filtered_sample(rows[kFilterReach][columns[kFilterReach + n]], sums[n], depth));
}

template <class Sample>
__device__ __forceinline__ void widen_sample(uint16_t* plane, const Sample* prediction, const uint8_t* copied, int width, int height, int side, int depth) {
    const int item = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (item >= width * height || copied[item / width / side * ((width + side - 1) / side) + item % width / side] == 0) return;
    plane[item] = static_cast<uint16_t>(prediction[item] << (kFilterDepth - depth));
}

}  // namespace zvc

// Blocks of `side` samples that are copied become those of the prediction.
extern "C" __global__ void __launch_bounds__(256) widen_8(const uint8_t* prediction, const uint8_t* copied, int width, int height, int side,
                                                          uint16_t* plane) {
    zvc::widen_sample(plane, prediction, copied, width, height, side, 8);
}

extern "C" __global__ void __launch_bounds__(256) widen_16(const uint16_t* prediction, const uint8_t* copied, int width, int height, int side, int depth,
                                                           uint16_t* plane) {
    zvc::widen_sample(plane, prediction, copied, width, height, side, depth);
}

// Class of each 4x4 block.
extern "C" __global__ void __launch_bounds__(256) classify_blocks(const uint16_t* luma, int width, int height, uint8_t* classes) {
    using namespace zvc;
    __shared__ int tile[kDirections][kTileRows][kTileColumns];
    const int rows = (height + kFilterBlock - 1) / kFilterBlock, columns = (width + kFilterBlock - 1) / kFilterBlock;
    const int row = static_cast<int>(threadIdx.y), column = static_cast<int>(threadIdx.x);
    const int i = static_cast<int>(blockIdx.y) * (kTileRows - 2) + row - 1, j = static_cast<int>(blockIdx.x) * (kTileColumns - 2) + column - 1;
    int sums[kDirections] = {};
    block_gradients(luma, width, height, limited(i, 0, rows - 1), limited(j, 0, columns - 1), sums);
#pragma unroll
    for (int d = 0; d < kDirections; ++d) tile[d][row][column] = sums[d];
    __syncthreads();
    if (row == 0 || row == kTileRows - 1 || column == 0 || column == kTileColumns - 1 || i >= rows || j >= columns) return;
#pragma unroll
    for (int d = 0; d < kDirections; ++d) {
        sums[d] = 0;
        for (int y = row - 1; y <= row + 1; ++y) sums[d] += tile[d][y][column - 1] + tile[d][y][column] + tile[d][y][column + 1];
    }
    classes[i * columns + j] = static_cast<uint8_t>(filter_class(sums[0], sums[1], sums[2], sums[3]));
}

extern "C" __global__ void __launch_bounds__(128) filter_8(const uint16_t* plane, int width, int height, const int8_t* coefficients,
                                                           const uint8_t* classes, const uint8_t* copied, int side, uint8_t* out) {
    zvc::filter_row(plane, width, height, coefficients, classes, copied, side, 8, out);
}

extern "C" __global__ void __launch_bounds__(128) filter_16(const uint16_t* plane, int width, int height, const int8_t* coefficients,
                                                            const uint8_t* classes, const uint8_t* copied, int side, int depth, uint16_t* out) {
    zvc::filter_row(plane, width, height, coefficients, classes, copied, side, depth, out);
}
