// Motion search, first part (motion.h): the pictures at smaller sizes, the reference interpolated to all quarter phases, windows at small sizes.
#include "motion.h"
#include "warp/arithmetic.h"

namespace zvc {

constexpr int kFarReach = 31, kCoarseReach = 24, kAroundFar = 4, kMiddleReach = 4;
constexpr int kFarBeyond = 6;  // samples outside of the picture that a block may touch, at 1/16

// ---- the picture at smaller sizes -------------------------------------------------------------------------------------------------------------

// One after the other: sizes 1, 1/2, 1/4, 1/16.
__device__ __forceinline__ int offset_of(int level, int area) { return level == 0 ? 0 : level == 1 ? area : level == 2 ? area / 4 * 5 : area / 16 * 21; }

template <class Sample>
__device__ void make_levels(const Sample* luma, int width, int height, int shift, uint8_t* out) {
    __shared__ uint8_t half[16][16], quarter[8][8], eighth[4][4];
    const int padded = static_cast<int>(32 * gridDim.x), area = padded * static_cast<int>(32 * gridDim.y);
    const int i = static_cast<int>(threadIdx.y), j = static_cast<int>(threadIdx.x), thread = 16 * i + j;
    const int x = static_cast<int>(32 * blockIdx.x) + 2 * j, y = static_cast<int>(32 * blockIdx.y) + 2 * i;
    int sum = 2;
    for (int row = 0; row < 2; ++row) {
        const Sample* line = luma + limited(y + row, 0, height - 1) * width;
        const int left = line[limited(x, 0, width - 1)] >> shift, right = line[limited(x + 1, 0, width - 1)] >> shift;
        reinterpret_cast<uint16_t*>(out)[((y + row) * padded + x) / 2] = static_cast<uint16_t>(left | right << 8);
        sum += left + right;
    }
    half[i][j] = static_cast<uint8_t>(sum >> 2);
    out[offset_of(1, area) + y / 2 * (padded / 2) + x / 2] = half[i][j];
    __syncthreads();
    if (thread < 64) {
        const int m = thread / 8, n = thread % 8;
        quarter[m][n] = static_cast<uint8_t>((half[2 * m][2 * n] + half[2 * m][2 * n + 1] + half[2 * m + 1][2 * n] + half[2 * m + 1][2 * n + 1] + 2) >> 2);
        out[offset_of(2, area) + static_cast<int>(8 * blockIdx.y + m) * (padded / 4) + static_cast<int>(8 * blockIdx.x) + n] = quarter[m][n];
    }
    __syncthreads();
    if (thread < 16) {
        const int m = thread / 4, n = thread % 4;
        eighth[m][n] = static_cast<uint8_t>((quarter[2 * m][2 * n] + quarter[2 * m][2 * n + 1] + quarter[2 * m + 1][2 * n] + quarter[2 * m + 1][2 * n + 1] + 2) >> 2);
    }
    __syncthreads();
    if (thread < 4) {
        const int m = thread / 2, n = thread % 2;
        const int mean = (eighth[2 * m][2 * n] + eighth[2 * m][2 * n + 1] + eighth[2 * m + 1][2 * n] + eighth[2 * m + 1][2 * n + 1] + 2) >> 2;
        out[offset_of(4, area) + static_cast<int>(2 * blockIdx.y + m) * (padded / 16) + static_cast<int>(2 * blockIdx.x) + n] = static_cast<uint8_t>(mean);
    }
}

// ---- the reference at all quarter phases ------------------------------------------------------------------------------------------------------

constexpr int kTileColumns = 64, kTileRows = 16, kTileGroups = kTileColumns / 4, kSourceRows = kTileRows + 7, kSourceStride = kTileColumns + 8;

template <bool kIsSharp>
struct PhaseTaps {
    // Of the sample at n - 3 of a filter of eight.
    static __device__ __forceinline__ constexpr int at(int phase, int n) {
        if constexpr (kIsSharp) {
            constexpr LongTaps taps = ZVC_SHARP_TAPS;
            return taps.weight[phase][n];
        } else {
            constexpr Taps taps = ZVC_BICUBIC_TAPS;
            return n < 2 || n > 5 ? 0 : taps.weight[2 * phase][n - 2];
        }
    }
    static __device__ __forceinline__ constexpr uint32_t four(int phase, int first) {
        uint32_t word = 0;
        for (int n = 3; n >= 0; --n) word = word << 8 | static_cast<uint8_t>(at(phase, first + n));
        return word;
    }
};

// Thread (column of four, row) of a tile of 64x16.
template <bool kIsSharp>
__device__ void filter_tile(const uint8_t (&source)[kSourceRows * kSourceStride], uint2 (&rows)[4][kSourceRows][kTileGroups], int plane, bool inside,
                            uint8_t* out) {
    using Filter = PhaseTaps<kIsSharp>;
    const int thread = static_cast<int>(threadIdx.x);
    for (int item = thread; item < kSourceRows * kTileGroups; item += 256) {
        const int row = item / kTileGroups, group = item % kTileGroups;
        const uint32_t* words = reinterpret_cast<const uint32_t*>(source + row * kSourceStride) + group;
        const uint32_t w0 = words[0], w1 = words[1], w2 = words[2];
#pragma unroll
        for (int phase = 0; phase < 4; ++phase) {
            int sums[4];
#pragma unroll
            for (int n = 0; n < 4; ++n) {
                const uint32_t low = __funnelshift_r(w0, w1, 8 * n), high = __funnelshift_r(w1, w2, 8 * n);
                sums[n] = device::dp4a(low, Filter::four(phase, 0), device::dp4a(high, Filter::four(phase, 4), 0));
            }
            rows[phase][row][group] = make_uint2(static_cast<uint16_t>(sums[0]) | static_cast<uint32_t>(sums[1]) << 16,
                                                 static_cast<uint16_t>(sums[2]) | static_cast<uint32_t>(sums[3]) << 16);
        }
    }
    __syncthreads();
    if (!inside) return;
    const int row = thread / kTileGroups, group = thread % kTileGroups;
    for (int x = 0; x < 4; ++x) {
        int values[8][4];
#pragma unroll
        for (int n = 0; n < 8; ++n) {
            const uint2 four = rows[x][row + n][group];
            values[n][0] = static_cast<int16_t>(four.x);
            values[n][1] = static_cast<int>(four.x) >> 16;
            values[n][2] = static_cast<int16_t>(four.y);
            values[n][3] = static_cast<int>(four.y) >> 16;
        }
#pragma unroll
        for (int y = 0; y < 4; ++y) {
            uint32_t word = 0;
#pragma unroll
            for (int column = 3; column >= 0; --column) {
                int sum = 0;
#pragma unroll
                for (int n = 0; n < 8; ++n) sum += Filter::at(y, n) * values[n][column];
                word = word << 8 | static_cast<uint32_t>(sample_value(sum, 0));
            }
            *reinterpret_cast<uint32_t*>(out + (4 * y + x) * plane) = word;
        }
    }
}

// ---- windows at small sizes -------------------------------------------------------------------------------------------------------------------

// Samples that a window of +-reach around an 8x8 block reads; four columns at once.
template <int kWindow>
struct Area {
    static constexpr int kRows = 2 * kWindow + 8, kColumns = 2 * kWindow + 1, kGroups = (kColumns + 3) / 4, kStride = 4 * kGroups + 8;
    static constexpr int kBytes = kRows * kStride;
};

struct Level {
    const uint8_t *current, *reference;
    int width, height, number;
};

__device__ __forceinline__ Level level_of(const uint8_t* current, const uint8_t* reference, int width, int height, int number) {
    const int offset = offset_of(number, width * height);
    return {current + offset, reference + offset, width >> number, height >> number, number};
}

__device__ __forceinline__ void load_area(const uint8_t* plane, const Level& level, int x, int y, int rows, int stride, int thread, int threads, uint8_t* out) {
    for (int item = thread; item < rows * stride; item += threads)
        out[item] = plane[limited(y + item / stride, 0, level.height - 1) * level.width + limited(x + item % stride, 0, level.width - 1)];
}

__device__ __forceinline__ uint32_t window_cost(uint32_t sad, uint32_t weight, int level, int x, int y) {
    return (256u << 2 * level) * sad + weight * 32 * width_of(static_cast<uint32_t>((x < 0 ? -x : x) + (y < 0 ? -y : y)));
}

struct Window {
    int x, y;                  // vector in the middle
    int left, right, top, bottom;  // vectors that may be taken
};

// Least cost << 32 | number of the vector, row by row, that this thread has come upon.
template <int kWindow>
__device__ uint64_t search_window(const uint32_t (&block)[16], const uint8_t* area, const Window& window, int level, uint32_t weight, int thread, int threads) {
    using A = Area<kWindow>;
    uint64_t best = kNoKey;
    for (int item = thread; item < A::kColumns * A::kGroups; item += threads) {
        const int row = item / A::kGroups, group = item % A::kGroups;
        uint32_t sads[4] = {};
#pragma unroll
        for (int n = 0; n < 8; ++n) {
            const uint32_t* words = reinterpret_cast<const uint32_t*>(area + (row + n) * A::kStride) + group;
            const uint32_t w0 = words[0], w1 = words[1], w2 = words[2];
#pragma unroll
            for (int k = 0; k < 4; ++k) {
                sads[k] = device::sad4(block[2 * n], __funnelshift_r(w0, w1, 8 * k), sads[k]);
                sads[k] = device::sad4(block[2 * n + 1], __funnelshift_r(w1, w2, 8 * k), sads[k]);
            }
        }
        const int y = window.y - kWindow + row;
#pragma unroll
        for (int k = 0; k < 4; ++k) {
            const int column = 4 * group + k, x = window.x - kWindow + column;
            if (column >= A::kColumns || x < window.left || x > window.right || y < window.top || y > window.bottom) continue;
            const uint64_t key = uint64_t{window_cost(sads[k], weight, level, x, y)} << 32 | static_cast<uint32_t>(row * A::kColumns + column);
            best = key < best ? key : best;
        }
    }
    return best;
}

template <int kWindow>
__device__ __forceinline__ short2 vector_of(uint64_t key, const Window& window) {
    const int number = static_cast<int>(static_cast<uint32_t>(key));
    return {static_cast<short>(window.x - kWindow + number % Area<kWindow>::kColumns), static_cast<short>(window.y - kWindow + number / Area<kWindow>::kColumns)};
}

// Of the 8x8 block at (x, y), by 256 threads; every thread gets it.
template <int kWindow>
__device__ uint64_t search_by_block(const Level& level, int x, int y, const Window& window, uint32_t weight) {
    using A = Area<kWindow>;
    __shared__ __align__(16) uint8_t area[A::kBytes], own[64];
    __shared__ uint64_t keys[8];
    const int thread = static_cast<int>(threadIdx.x);
    load_area(level.reference, level, x + window.x - kWindow, y + window.y - kWindow, A::kRows, A::kStride, thread, 256, area);
    load_area(level.current, level, x, y, 8, 8, thread, 256, own);
    __syncthreads();
    uint32_t block[16];
#pragma unroll
    for (int n = 0; n < 16; ++n) block[n] = reinterpret_cast<const uint32_t*>(own)[n];
    const uint64_t mine = least_of_warp(search_window<kWindow>(block, area, window, level.number, weight, thread, 256));
    if (lane_of() == 0) keys[thread / kWarp] = mine;
    __syncthreads();
    uint64_t best = keys[0];
    for (int n = 1; n < 8; ++n) best = keys[n] < best ? keys[n] : best;
    return best;
}

constexpr Window kAnywhere = {0, 0, -4096, 4096, -4096, 4096};

}  // namespace zvc

// Grid: trees (32x32 samples), and 2: both pictures; 16x16 threads. out: 8 bits at sizes 1, 1/2, 1/4 and 1/16, one after the other.
extern "C" __global__ void __launch_bounds__(256) motion_levels_8(const uint8_t* current, const uint8_t* reference, int width, int height,
                                                                  uint8_t* current_out, uint8_t* reference_out) {
    zvc::make_levels(blockIdx.z ? reference : current, width, height, 0, blockIdx.z ? reference_out : current_out);
}

extern "C" __global__ void __launch_bounds__(256) motion_levels_16(const uint16_t* current, const uint16_t* reference, int width, int height, int shift,
                                                                   uint8_t* current_out, uint8_t* reference_out) {
    zvc::make_levels(blockIdx.z ? reference : current, width, height, shift, blockIdx.z ? reference_out : current_out);
}

// luma: 8 bits, width and height multiples of 32; out: 16 pictures with 40 samples around, [4 y + x] moved by (x, y) quarters. Grid: tiles of 64x16.
extern "C" __global__ void __launch_bounds__(256) motion_phases(const uint8_t* luma, int width, int height, const int32_t* way, uint8_t* out) {
    using namespace zvc;
    __shared__ __align__(16) uint8_t source[kSourceRows * kSourceStride];
    __shared__ uint2 rows[4][kSourceRows][kTileGroups];
    const int x = static_cast<int>(blockIdx.x) * kTileColumns, y = static_cast<int>(blockIdx.y) * kTileRows, thread = static_cast<int>(threadIdx.x);
    const int stride = width + 2 * kBorder, tall = height + 2 * kBorder;
    const Level whole = {luma, luma, width, height, 0};
    load_area(luma, whole, x - kBorder - 3, y - kBorder - 3, kSourceRows, kSourceStride, thread, 256, source);
    __syncthreads();
    const int column = x + 4 * (thread % kTileGroups), row = y + thread / kTileGroups;
    const bool inside = column < stride && row < tall;
    uint8_t* to = out + row * stride + column;
    if (*way & 1) {
        filter_tile<true>(source, rows, stride * tall, inside, to);
    } else {
        filter_tile<false>(source, rows, stride * tall, inside, to);
    }
}

// Of areas of 64x64 by the 128x128 around them, at 1/16. Grid: areas; width and height: the padded picture's. weights: by QP.
extern "C" __global__ void __launch_bounds__(256) motion_far(const uint8_t* current, const uint8_t* reference, int width, int height, const int32_t* weights,
                                                             const int32_t* qp, int16_t* out) {
    using namespace zvc;
    const Level level = level_of(current, reference, width, height, 4);
    const int i = static_cast<int>(blockIdx.y), j = static_cast<int>(blockIdx.x), x = 4 * j - 2, y = 4 * i - 2;
    const Window window = {0, 0, -kFarBeyond - x, level.width + kFarBeyond - 8 - x, -kFarBeyond - y, level.height + kFarBeyond - 8 - y};
    const uint64_t best = search_by_block<kFarReach>(level, x, y, window, static_cast<uint32_t>(weights[*qp]));
    if (threadIdx.x == 0) reinterpret_cast<short2*>(out)[i * static_cast<int>(gridDim.x) + j] = vector_of<kFarReach>(best, window);
}

// Of trees at 1/4: around no motion, and around what was found far away. Grid: trees.
extern "C" __global__ void __launch_bounds__(256) motion_coarse(const uint8_t* current, const uint8_t* reference, int width, int height, const int16_t* far,
                                                                const int32_t* weights, const int32_t* qp, int16_t* out) {
    using namespace zvc;
    const Level level = level_of(current, reference, width, height, 2);
    const int i = static_cast<int>(blockIdx.y), j = static_cast<int>(blockIdx.x), columns = static_cast<int>(gridDim.x);
    const uint32_t weight = static_cast<uint32_t>(weights[*qp]);
    const uint64_t near = search_by_block<kCoarseReach>(level, 8 * j, 8 * i, kAnywhere, weight);
    short2 best = vector_of<kCoarseReach>(near, kAnywhere);
    const short2 centre = times(reinterpret_cast<const short2*>(far)[i / 2 * ((columns + 1) / 2) + j / 2], 4);
    if (centre.x > kCoarseReach || centre.x < -kCoarseReach || centre.y > kCoarseReach || centre.y < -kCoarseReach) {
        Window window = kAnywhere;
        window.x = centre.x;
        window.y = centre.y;
        const uint64_t other = search_by_block<kAroundFar>(level, 8 * j, 8 * i, window, weight);
        if (static_cast<uint32_t>(other >> 32) < static_cast<uint32_t>(near >> 32)) best = vector_of<kAroundFar>(other, window);
    }
    if (threadIdx.x == 0) reinterpret_cast<short2*>(out)[i * columns + j] = best;
}

// Of blocks of 16x16 at 1/2, a warp each: around the best of what trees around have, of the previous field (null: none) and no motion.
// Grid: (columns / 4 rounded up, rows) of them.
extern "C" __global__ void __launch_bounds__(128) motion_middle(const uint8_t* current, const uint8_t* reference, int width, int height,
                                                                const int16_t* coarse, const int16_t* previous, const int32_t* weights, const int32_t* qp,
                                                                int16_t* out) {
    using namespace zvc;
    using A = Area<kMiddleReach>;
    __shared__ __align__(16) uint8_t areas[4][A::kBytes];
    const Level level = level_of(current, reference, width, height, 1);
    const int lane = static_cast<int>(lane_of()), warp = static_cast<int>(threadIdx.x / kWarp);
    const int i = static_cast<int>(blockIdx.y), j = static_cast<int>(4 * blockIdx.x) + warp, columns = width / 16;
    if (j >= columns) return;
    const uint32_t weight = static_cast<uint32_t>(weights[*qp]);
    const int x = 8 * j, y = 8 * i, option = lane / 4;
    uint32_t block[16];
#pragma unroll
    for (int n = 0; n < 8; ++n) {
        const uint2 row = *reinterpret_cast<const uint2*>(level.current + (y + n) * level.width + x);
        block[2 * n] = row.x;
        block[2 * n + 1] = row.y;
    }
    // Four lanes have an option, two rows each: none; the tree, those at its left, at its right, above, below; the previous field.
    short2 vector = {0, 0};
    if (option >= 1 && option <= 5) {
        const int dj = option == 2 ? -1 : option == 3 ? 1 : 0, di = option == 4 ? -1 : option == 5 ? 1 : 0;
        vector = times(field_at(reinterpret_cast<const short2*>(coarse), height / 32, width / 32, i / 2 + di, j / 2 + dj), 2);
    }
    if (option == 6 && previous != nullptr) {
        const short2 v = reinterpret_cast<const short2*>(previous)[(2 * i + 1) * (width / 8) + 2 * j + 1];
        vector = {static_cast<short>((v.x + 4) >> 3), static_cast<short>((v.y + 4) >> 3)};
    }
    uint32_t sad = 0;
    for (int n = 0; n < 2; ++n) {
        const int row = y + 2 * (lane % 4) + n;
        const uint8_t* mine = level.current + row * level.width + x;
        const uint8_t* line = level.reference + limited(row + vector.y, 0, level.height - 1) * level.width;
#pragma unroll
        for (int k = 0; k < 8; ++k) {
            const int difference = int{mine[k]} - int{line[limited(x + k + vector.x, 0, level.width - 1)]};
            sad += static_cast<uint32_t>(difference < 0 ? -difference : difference);
        }
    }
    sad = sum_of_quadrant(sad);
    const uint64_t key = uint64_t{window_cost(sad, weight, 1, vector.x, vector.y)} << 32 | static_cast<uint32_t>(lane);
    const uint32_t centre = __shfl_sync(kWholeWarp, bits_of(vector), static_cast<unsigned>(least_of_warp(key)) & (kWarp - 1));
    Window window = kAnywhere;
    window.x = vector_of(centre).x;
    window.y = vector_of(centre).y;
    load_area(level.reference, level, x + window.x - kMiddleReach, y + window.y - kMiddleReach, A::kRows, A::kStride, lane, kWarp, areas[warp]);
    __syncwarp();
    const uint64_t best = least_of_warp(search_window<kMiddleReach>(block, areas[warp], window, 1, weight, lane, kWarp));
    if (lane == 0) reinterpret_cast<short2*>(out)[i * columns + j] = vector_of<kMiddleReach>(best, window);
}
