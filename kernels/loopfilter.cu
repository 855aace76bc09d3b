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

// Statistics: a warp takes blocks one after the other. Each lane has kOwnSums of the sums of products, in registers for as long as blocks are of one class.
constexpr int kStatisticsWarps = 8, kWarpBlocks = 16;
constexpr int kValues = kFilterTaps + 1;                        // of each sample: x of the pairs, t
constexpr int kSums = kValues * (kValues + 1) / 2 + 1;          // products (i, j), i <= j, row by row; the number of samples
constexpr int kOwnSums = (kSums + 31) / 32;

// The 16 samples of a block for each value, and a row of ones. Rows are three uint4 apart, so that those of neighbouring lanes are in different banks.
struct BlockValues {
    uint4 rows[kValues + 1][3];
};

__device__ __forceinline__ int product_of_pairs(uint32_t a, uint32_t b) {
    return static_cast<int16_t>(a) * static_cast<int16_t>(b) + (static_cast<int32_t>(a) >> 16) * (static_cast<int32_t>(b) >> 16);
}

__device__ __forceinline__ int product_of_rows(const uint4* a, const uint4* b) {
    int sum = 0;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const uint4 p = a[half], q = b[half];
        sum += product_of_pairs(p.x, q.x) + product_of_pairs(p.y, q.y) + product_of_pairs(p.z, q.z) + product_of_pairs(p.w, q.w);
    }
    return sum;
}

// A lane's part of a block's values: of one sample, half of the pairs. Samples beyond the picture count for nothing.
template <class Sample>
__device__ __forceinline__ void put_values(const uint16_t* plane, const Sample* target, int width, int height, int depth, int i, int j, BlockValues& out) {
    constexpr int kOffsets[kFilterTaps][2] = ZVC_FILTER_OFFSETS;
    constexpr int kHalf = kFilterTaps / 2, kRow = 24;
    const int sample = static_cast<int>(lane_of()) % 16;
    const bool second = lane_of() >= 16;
    const int y = kFilterBlock * i + sample / kFilterBlock, x = kFilterBlock * j + sample % kFilterBlock;
    const bool inside = y < height && x < width;
    auto* values = reinterpret_cast<int16_t*>(out.rows) + sample;
    const int centre = inside ? plane[y * width + x] : 0;
#pragma unroll
    for (int tap = 0; tap < kHalf; ++tap) {
        const int dy = second ? kOffsets[kHalf + tap][0] : kOffsets[tap][0], dx = second ? kOffsets[kHalf + tap][1] : kOffsets[tap][1];
        const int one = plane[limited(y + dy, 0, height - 1) * width + limited(x + dx, 0, width - 1)];
        const int other = plane[limited(y - dy, 0, height - 1) * width + limited(x - dx, 0, width - 1)];
        values[kRow * (tap + (second ? kHalf : 0))] = static_cast<int16_t>(inside ? statistic_of(one + other - 2 * centre) : 0);
    }
    if (second) {
        values[kRow * kValues] = inside;
    } else {
        const int wanted = inside ? target[y * width + x] << (kFilterDepth - depth) : 0;
        values[kRow * kFilterTaps] = static_cast<int16_t>(statistic_of(wanted - centre));
    }
}

// Sums in two parts, of which neither overflows: the lower 16 bits of what is added, and the rest.
struct SplitSums {
    unsigned low[kFilterClasses * kSums];
    int high[kFilterClasses * kSums];
};

__device__ __forceinline__ void add_own(SplitSums& sums, int kind, int64_t (&own)[kOwnSums]) {
#pragma unroll
    for (int n = 0; n < kOwnSums; ++n) {
        const int sum = static_cast<int>(lane_of()) + 32 * n;
        if (sum < kSums && own[n] != 0) {
            atomicAdd(&sums.low[kSums * kind + sum], static_cast<unsigned>(own[n] & 0xFFFF));
            atomicAdd(&sums.high[kSums * kind + sum], static_cast<int>(own[n] >> 16));
        }
        own[n] = 0;
    }
}

template <class Sample>
__device__ void take_statistics(const uint16_t* plane, const Sample* target, int width, int height, const uint8_t* classes, const uint8_t* copied, int side,
                                int depth, uint64_t* sums) {
    __shared__ BlockValues values[kStatisticsWarps];
    __shared__ SplitSums split;
    const int thread = static_cast<int>(threadIdx.x), warp = thread / 32, columns = (width + kFilterBlock - 1) / kFilterBlock;
    const int there = kSums * (classes == nullptr ? 1 : kFilterClasses), i = static_cast<int>(blockIdx.y);
    for (int n = thread; n < there; n += static_cast<int>(blockDim.x)) split.low[n] = 0, split.high[n] = 0;
    __syncthreads();
    int first[kOwnSums], second[kOwnSums], kind = 0;      // rows whose product is the sum
    int64_t own[kOwnSums] = {};
#pragma unroll
    for (int n = 0; n < kOwnSums; ++n) {
        int row = 0, left = static_cast<int>(lane_of()) + 32 * n;
        for (; row < kValues && left >= kValues - row; ++row) left -= kValues - row;
        first[n] = row;
        second[n] = limited(row + left, 0, kValues);
    }
    const int begin = (static_cast<int>(blockIdx.x) * kStatisticsWarps + warp) * kWarpBlocks;
    for (int j = begin; j < begin + kWarpBlocks && j < columns; ++j) {
        if (copied != nullptr && copied[kFilterBlock * i / side * ((width + side - 1) / side) + kFilterBlock * j / side] != 0) continue;
        const int found = classes == nullptr ? 0 : classes[i * columns + j];
        if (found != kind) {
            add_own(split, kind, own);
            kind = found;
        }
        put_values(plane, target, width, height, depth, i, j, values[warp]);
        __syncwarp();
#pragma unroll
        for (int n = 0; n < kOwnSums; ++n) own[n] += product_of_rows(values[warp].rows[first[n]], values[warp].rows[second[n]]);
        __syncwarp();
    }
    add_own(split, kind, own);
    __syncthreads();
    for (int n = thread; n < there; n += static_cast<int>(blockDim.x)) {
        const int64_t sum = split.high[n] * int64_t{65536} + split.low[n];
        if (sum != 0) atomicAdd(reinterpret_cast<unsigned long long*>(&sums[n]), static_cast<unsigned long long>(sum));
    }
}

}  // namespace zvc

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

// Adds to sums (classes, kSums), 64-bit two's complement: of blocks that are not copied, what `filter_8` could make better by.
extern "C" __global__ void __launch_bounds__(256) filter_statistics_8(const uint16_t* plane, const uint8_t* target, int width, int height,
                                                                      const uint8_t* classes, const uint8_t* copied, int side, uint64_t* sums) {
    zvc::take_statistics(plane, target, width, height, classes, copied, side, 8, sums);
}

extern "C" __global__ void __launch_bounds__(256) filter_statistics_16(const uint16_t* plane, const uint16_t* target, int width, int height,
                                                                       const uint8_t* classes, const uint8_t* copied, int side, int depth,
                                                                       uint64_t* sums) {
    zvc::take_statistics(plane, target, width, height, classes, copied, side, depth, sums);
}
