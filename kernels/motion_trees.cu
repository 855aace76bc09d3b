// Motion search, second part (motion.h): trees at full size.
#include "motion.h"

namespace zvc {

constexpr int kReach = 32;  // samples of the border that blocks may touch; loads of whole words touch a little more
constexpr int kWholeRounds = 3;
constexpr uint32_t kNowhere = 0x80008000u;  // no vector
constexpr int kFoundInTree = 21;            // vectors: of 32, of 16, of 8, quadrant by quadrant

// ---- trees at full size -----------------------------------------------------------------------------------------------------------------------

struct Tree {
    int i, j, rows, columns;  // of trees

    __device__ __forceinline__ int number() const { return i * columns + j; }
    __device__ __forceinline__ int block(int row, int column) const { return (4 * i + row) * 4 * columns + 4 * j + column; }
    // So that all of the tree stays within reach.
    __device__ __forceinline__ short2 limited_vector(int x, int y) const {
        const int left = -4 * (32 * j + kReach), right = 4 * 32 * (columns - j), top = -4 * (32 * i + kReach), bottom = 4 * 32 * (rows - i);
        return {static_cast<short>(limited(x, left > -kLargestVector ? left : -kLargestVector, right < kLargestVector ? right : kLargestVector)),
                static_cast<short>(limited(y, top > -kLargestVector ? top : -kLargestVector, bottom < kLargestVector ? bottom : kLargestVector))};
    }
};

// Blocks of 8 of a tree in the order of their quadrants.
__device__ __forceinline__ int row_of(int b) { return 2 * (b >> 3) + (b >> 1 & 1); }
__device__ __forceinline__ int column_of(int b) { return 2 * (b >> 2 & 1) + (b & 1); }

// Samples of a block of 8 of the current picture, and where its predictions are.
struct Block {
    uint32_t words[16];
    const uint8_t* prediction;  // by no motion, at phase 0
    int stride, plane;

    __device__ __forceinline__ Block(const uint8_t* current, const uint8_t* phases, const Tree& tree, int b) {
        const int width = 32 * tree.columns, x = 32 * tree.j + 8 * column_of(b), y = 32 * tree.i + 8 * row_of(b);
        stride = width + 2 * kBorder;
        plane = stride * (32 * tree.rows + 2 * kBorder);
        prediction = phases + (y + kBorder) * stride + x + kBorder;
#pragma unroll
        for (int n = 0; n < 8; ++n) {
            const uint2 row = *reinterpret_cast<const uint2*>(current + (y + n) * width + x);
            words[2 * n] = row.x;
            words[2 * n + 1] = row.y;
        }
    }

    // Row n of the prediction by a vector, whose first byte lies in the word `at`.
    __device__ __forceinline__ const uint8_t* predicted(short2 v) const {
        return prediction + ((v.y & 3) * 4 + (v.x & 3)) * plane + (v.y >> 2) * stride + (v.x >> 2);
    }

    __device__ __forceinline__ uint32_t sad(short2 v) const {
        const uint8_t* from = predicted(v);
        const unsigned shift = 8 * static_cast<unsigned>(reinterpret_cast<uint64_t>(from) & 3);
        const uint8_t* at = from - shift / 8;
        uint32_t sum = 0;
#pragma unroll
        for (int n = 0; n < 8; ++n) {
            const uint32_t* row = reinterpret_cast<const uint32_t*>(at + n * stride);
            const uint32_t w0 = row[0], w1 = row[1], w2 = row[2];
            sum = device::sad4(words[2 * n], __funnelshift_r(w0, w1, shift), sum);
            sum = device::sad4(words[2 * n + 1], __funnelshift_r(w1, w2, shift), sum);
        }
        return sum;
    }

    // Sum of magnitudes of the Hadamard transform. A word has two values, low + 65536 high: sums and differences of such are plain ones, and values
    // stay within 16 bits up to the last stage, which is not made: |a + b| + |a - b| = 2 max(|a|, |b|).
    __device__ __forceinline__ uint32_t transformed(short2 v) const {
        constexpr uint32_t kEven = 0x00FF00FFu;
        const uint8_t* from = predicted(v);
        const unsigned shift = 8 * static_cast<unsigned>(reinterpret_cast<uint64_t>(from) & 3);
        const uint8_t* at = from - shift / 8;
        uint32_t d[8][4];  // columns 0 and 2, 1 and 3, 4 and 6, 5 and 7
#pragma unroll
        for (int n = 0; n < 8; ++n) {
            const uint32_t* row = reinterpret_cast<const uint32_t*>(at + n * stride);
            const uint32_t w0 = row[0], w1 = row[1], w2 = row[2];
            const uint32_t a = __funnelshift_r(w0, w1, shift), b = __funnelshift_r(w1, w2, shift);
            const uint32_t d0 = (words[2 * n] & kEven) - (a & kEven), d1 = (words[2 * n] >> 8 & kEven) - (a >> 8 & kEven);
            const uint32_t d2 = (words[2 * n + 1] & kEven) - (b & kEven), d3 = (words[2 * n + 1] >> 8 & kEven) - (b >> 8 & kEven);
            const uint32_t e0 = d0 + d1, e1 = d0 - d1, e2 = d2 + d3, e3 = d2 - d3;
            d[n][0] = e0 + e2;
            d[n][1] = e1 + e3;
            d[n][2] = e0 - e2;
            d[n][3] = e1 - e3;
        }
#pragma unroll
        for (int half = 1; half < 8; half *= 2)
#pragma unroll
            for (int n = 0; n < 8; ++n)
                if ((n & half) == 0)
#pragma unroll
                    for (int k = 0; k < 4; ++k) {
                        const uint32_t a = d[n][k], b = d[n + half][k];
                        d[n][k] = a + b;
                        d[n + half][k] = a - b;
                    }
        int sum = 0;
#pragma unroll
        for (int n = 0; n < 8; ++n)
#pragma unroll
            for (int k = 0; k < 4; ++k) {
                const int low = static_cast<int16_t>(d[n][k]), high = static_cast<int>(d[n][k] - static_cast<uint32_t>(low)) >> 16;
                const int a = low < 0 ? -low : low, b = high < 0 ? -high : high;
                sum += a > b ? a : b;
            }
        return static_cast<uint32_t>(2 * sum);
    }
};

// Gives lanes `wanted` of a warp's vectors, each once, in order; returns how many there are.
__device__ __forceinline__ int keep_different(uint32_t bits, int wanted, uint32_t* out) {
    const unsigned lane = lane_of();
    bool again = static_cast<int>(lane) >= wanted;
    for (unsigned n = 0; n < kWarp; ++n) {
        const uint32_t other = __shfl_sync(kWholeWarp, bits, n);
        again |= n < lane && other == bits;
    }
    const unsigned kept = __ballot_sync(kWholeWarp, !again);
    if (!again) out[__popc(kept & lanes_below(lane))] = bits;
    return __popc(kept);
}

__device__ __forceinline__ short2 step_of(int k, int length) {
    // Up, left, right, down, then corners.
    const int x = k == 1 || k == 4 || k == 6 ? -1 : k == 2 || k == 5 || k == 7 ? 1 : 0;
    const int y = k == 0 || k == 4 || k == 5 ? -1 : k == 3 || k == 6 || k == 7 ? 1 : 0;
    return {static_cast<short>(length * x), static_cast<short>(length * y)};
}

template <class T>
__device__ __forceinline__ T of_level(const T (&values)[3], int level) {
    return level == 0 ? values[0] : level == 1 ? values[1] : values[2];
}

// Vector `n` that a tree begins with: none, the one at 1/4, twelve at 1/2 in it and around it, four of the previous field.
__device__ short2 start_of(int n, const Tree& tree, const short2* coarse, const short2* middle, const short2* previous) {
    if (n == 0) return {0, 0};
    if (n == 1) return times(coarse[tree.number()], 16);
    if (n < 14) {
        const int k = n - 2;  // four inside, two at the left, at the right, above, below
        const int di = k < 4 ? k >> 1 : k < 8 ? k & 1 : k < 10 ? -1 : 2, dj = k < 4 ? k & 1 : k < 6 ? -1 : k < 8 ? 2 : k & 1;
        return times(field_at(middle, 2 * tree.rows, 2 * tree.columns, 2 * tree.i + di, 2 * tree.j + dj), 8);
    }
    const int k = n - 14;
    return previous[tree.block(1 + 2 * (k >> 1), 1 + 2 * (k & 1))];
}

// Median of vectors at the left, above, above at the right, at 1/4; none outside.
__device__ __forceinline__ short2 expected_of(const Tree& tree, const short2* coarse) {
    const auto at = [&](int di, int dj) {
        const bool inside = tree.i + di >= 0 && tree.j + dj >= 0 && tree.j + dj < tree.columns;
        return inside ? times(coarse[(tree.i + di) * tree.columns + tree.j + dj], 16) : short2{0, 0};
    };
    const short2 left = at(0, -1), above = at(-1, 0), right = at(-1, 1);
    return {static_cast<short>(median_of(left.x, above.x, right.x)), static_cast<short>(median_of(left.y, above.y, right.y))};
}

// ---- choosing with neighbours known -----------------------------------------------------------------------------------------------------------

constexpr int kMostChoices = 32, kChoiceStride = kMostChoices + 4;

// A tree's choice by one warp: a lane has a vector, its own or, of the two last ones, one for each block.
struct Chooser {
    const Tree& tree;
    const uint32_t (&errors)[16][kChoiceStride];  // by block and choice
    const uint32_t (&own)[2][16];
    uint32_t (&grid)[36];   // the tree and its ring: vectors, kNowhere of what is coded later
    const short2* previous;
    uint32_t weight, shared_choice;  // this lane's vector
    int count;                       // vectors that are common to all blocks

    struct Leaf {
        uint32_t cost, vector;
    };

    __device__ uint32_t bits(uint32_t vector, int row, int column, int size) const {
        const uint32_t* at = grid + 6 * row + column;  // at the left of the block, above it
        const uint32_t entries[7] = {at[6 * size],
                                     at[size],
                                     at[size + 1],
                                     at[6 * (size + 1)],
                                     previous == nullptr ? kNowhere : bits_of(previous[tree.block(row + size / 2, column + size / 2)]),
                                     at[0],
                                     0};
        uint32_t found = 0;
        int number = 0;
#pragma unroll
        for (int n = 0; n < 7; ++n) {
            bool fresh = entries[n] != kNowhere && number < kMaxCandidates;
#pragma unroll
            for (int m = 0; m < n; ++m) fresh &= entries[m] != entries[n];
            if (fresh && entries[n] == vector) found = merge_bits(number);
            number += fresh;
        }
        if (found != 0) return found;
        const uint32_t left = at[6], above = at[1], right = at[size + 1] == kNowhere ? at[0] : at[size + 1];
        const int known = (left != kNowhere) + (above != kNowhere) + (right != kNowhere);
        const short2 a = vector_of(left == kNowhere ? 0 : left), b = vector_of(above == kNowhere ? 0 : above), c = vector_of(right == kNowhere ? 0 : right);
        const short2 v = vector_of(vector);
        const int x = known == 1 ? a.x + b.x + c.x : median_of(a.x, b.x, c.x), y = known == 1 ? a.y + b.y + c.y : median_of(a.y, b.y, c.y);
        return kDifferenceBits + component_bits(v.x - x) + component_bits(v.y - y);
    }

    // The leaf of blocks first .. first + blocks - 1, at (row, column), that costs least.
    __device__ Leaf best(int first, int blocks, int row, int column, int size) const {
        const int lane = static_cast<int>(lane_of());
        uint32_t vector = shared_choice, error = 0;
        bool valid = lane < count + 2;
        if (valid) {
            if (lane >= count) vector = own[lane - count][first];
            for (int b = first; b < first + blocks; ++b) {
                error += errors[b][lane];
                if (lane >= count) valid &= own[lane - count][b] == vector;
            }
        }
        const uint64_t key = valid ? uint64_t{32 * error + weight * bits(vector, row, column, size)} << 32 | static_cast<unsigned>(lane) : kNoKey;
        const uint64_t least = least_of_warp(key);
        return {static_cast<uint32_t>(least >> 32), __shfl_sync(kWholeWarp, vector, static_cast<unsigned>(least) & (kWarp - 1))};
    }

    __device__ void put(int row, int column, int size, uint32_t vector) const {
        __syncwarp();
        const int lane = static_cast<int>(lane_of());
        if (lane < size * size) grid[6 * (row + 1 + lane / size) + column + 1 + lane % size] = vector;
        __syncwarp();
    }

    // Blocks cost at least what merging does: those that are as cheap whole are not split.
    __device__ void choose() const {
        const Leaf whole = best(0, 16, 0, 0, 4);
        const uint32_t split = weight * kTreeSplitBits;
        if (whole.cost <= weight * 4 * (merge_bits(0) + kTreeSplitBits)) return put(0, 0, 4, whole.vector);
        uint32_t total = split;
        for (int q = 0; q < 4; ++q) {
            const int row = 2 * (q >> 1), column = 2 * (q & 1);
            const Leaf one = best(4 * q, 4, row, column, 2);
            uint32_t four = 0;
            if (one.cost > weight * 4 * merge_bits(0)) {
                for (int n = 0; n < 4; ++n) {
                    const Leaf leaf = best(4 * q + n, 1, row + (n >> 1), column + (n & 1), 1);
                    put(row + (n >> 1), column + (n & 1), 1, leaf.vector);
                    four += leaf.cost;
                }
            }
            if (four == 0 || four >= one.cost) {
                put(row, column, 2, one.vector);
                four = one.cost;
            }
            total += split + four;
        }
        if (total >= whole.cost + split) put(0, 0, 4, whole.vector);
    }
};

}  // namespace zvc

// Trees at full size. found: 21 vectors of each: the whole, quadrants, blocks of 8 quadrant by quadrant; field: a vector for each 8x8, the wholes'.
// Thread (candidate or step k, block b).
extern "C" __global__ void __launch_bounds__(128) motion_refine(const uint8_t* current, const uint8_t* phases, const int16_t* coarse, const int16_t* middle,
                                                                const int16_t* previous, const int32_t* weights, const int32_t* qp, int16_t* found,
                                                                int16_t* field) {
    using namespace zvc;
    __shared__ uint32_t starts[kWarp];
    __shared__ int start_count;
    __shared__ uint64_t keys[2][3][8][16];
    const Tree tree = {static_cast<int>(blockIdx.y), static_cast<int>(blockIdx.x), static_cast<int>(gridDim.y), static_cast<int>(gridDim.x)};
    const int thread = static_cast<int>(threadIdx.x), k = thread / 16, b = thread % 16;
    const uint32_t weight = static_cast<uint32_t>(weights[*qp]);
    const short2 expected = expected_of(tree, reinterpret_cast<const short2*>(coarse));
    const Block block(current, phases, tree, b);
    if (thread < static_cast<int>(kWarp)) {
        const int wanted = previous == nullptr ? 14 : 18;
        const short2 v = start_of(thread < wanted ? thread : 0, tree, reinterpret_cast<const short2*>(coarse), reinterpret_cast<const short2*>(middle),
                                  reinterpret_cast<const short2*>(previous));
        const int count = keep_different(bits_of(tree.limited_vector(v.x, v.y)), wanted, starts);
        if (thread == 0) start_count = count;
    }
    __syncthreads();
    const auto rate = [&](short2 v) { return weight * (kDifferenceBits + component_bits(v.x - expected.x) + component_bits(v.y - expected.y)); };
    const auto key_of = [](uint32_t cost, int number) { return uint64_t{cost} << 32 | static_cast<uint32_t>(number); };

    uint64_t least[3] = {kNoKey, kNoKey, kNoKey};  // of the blocks of 32, 16 and 8 that b belongs to
    const int count = start_count;
    for (int first = 0; first < count; first += 8) {
        const int n = first + k < count ? first + k : count - 1;
        const short2 v = vector_of(starts[n]);
        const uint32_t error = block.sad(v), quadrant = sum_of_quadrant(error), whole = sum_of_tree(quadrant), bits = rate(v);
        const uint64_t cost[3] = {key_of(256 * whole + bits, n), key_of(256 * quadrant + bits, n), key_of(256 * error + bits, n)};
#pragma unroll
        for (int level = 0; level < 3; ++level) least[level] = cost[level] < least[level] ? cost[level] : least[level];
    }
    int turn = 0;
    for (int level = 0; level < 3; ++level) keys[turn][level][k][b] = of_level(least, level);
    __syncthreads();
    uint32_t best[3];
#pragma unroll
    for (int level = 0; level < 3; ++level) {
        for (int n = 0; n < 8; ++n) least[level] = keys[turn][level][n][b] < least[level] ? keys[turn][level][n][b] : least[level];
        best[level] = starts[static_cast<uint32_t>(least[level])];
        least[level] >>= 32;
    }
    // Whole samples; all anew by the transform; halves; quarters.
    for (int step = 0; step < kWholeRounds + 3; ++step) {
        turn ^= 1;
        const bool whole = step < kWholeRounds, anew = step == kWholeRounds;
        const int length = whole ? 4 : anew ? 0 : step == kWholeRounds + 1 ? 2 : 1;
        for (int n = 0; n < (anew ? 1 : 3); ++n) {
            const int level = anew ? (k < 2 ? k : 2) : n;
            const short2 from = vector_of(of_level(best, level)), d = step_of(k, length), v = tree.limited_vector(from.x + d.x, from.y + d.y);
            const uint32_t error = whole ? 256 * block.sad(v) : 32 * block.transformed(v), quadrant = sum_of_quadrant(error), all = sum_of_tree(quadrant);
            keys[turn][level][k][b] = key_of((level == 0 ? all : level == 1 ? quadrant : error) + rate(v), k);
        }
        __syncthreads();
#pragma unroll
        for (int level = 0; level < 3; ++level) {
            if (anew) {
                least[level] = keys[turn][level][level][b] >> 32;
                continue;
            }
            uint64_t key = kNoKey;
            for (int n = 0; n < 8; ++n) key = keys[turn][level][n][b] < key ? keys[turn][level][n][b] : key;
            if (key >> 32 >= least[level]) continue;
            least[level] = key >> 32;
            const short2 from = vector_of(best[level]), d = step_of(static_cast<int>(static_cast<uint32_t>(key)), length);
            best[level] = bits_of(tree.limited_vector(from.x + d.x, from.y + d.y));
        }
    }
    uint32_t* out = reinterpret_cast<uint32_t*>(found) + tree.number() * kFoundInTree;
    if (k == 0) out[5 + b] = best[2];
    if (k == 1 && b % 4 == 0) out[1 + b / 4] = best[1];
    if (k == 2 && b == 0) out[0] = best[0];
    if (k == 3) reinterpret_cast<uint32_t*>(field)[tree.block(row_of(b), column_of(b))] = best[0];
}

// Trees of a colour (0 or 1) anew, the others as they are. Grid: trees.
extern "C" __global__ void __launch_bounds__(128) motion_merge(const uint8_t* current, const uint8_t* phases, const int16_t* found, const int16_t* field,
                                                               const int16_t* previous, const int32_t* weights, const int32_t* qp, int colour,
                                                               int16_t* out) {
    using namespace zvc;
    __shared__ uint32_t choices[kMostChoices], own[2][16], grid[36], errors[16][kChoiceStride];
    __shared__ int choice_count;
    const Tree tree = {static_cast<int>(blockIdx.y), static_cast<int>(blockIdx.x), static_cast<int>(gridDim.y), static_cast<int>(gridDim.x)};
    const int thread = static_cast<int>(threadIdx.x), k = thread / 16, b = thread % 16;
    const auto* vectors = reinterpret_cast<const uint32_t*>(field);
    auto* to = reinterpret_cast<uint32_t*>(out);
    const int own_block = tree.block(row_of(b), column_of(b));
    if (((tree.i + tree.j) & 1) != colour) {
        if (k == 0) to[own_block] = vectors[own_block];
        return;
    }
    const auto* mine = reinterpret_cast<const uint32_t*>(found) + tree.number() * kFoundInTree;
    const auto* before = reinterpret_cast<const short2*>(previous);
    const auto limited_bits = [&](uint32_t bits) { return bits_of(tree.limited_vector(vector_of(bits).x, vector_of(bits).y)); };
    const auto inside = [&](int i, int j) { return 4 * tree.i + i >= 0 && 4 * tree.i + i < 4 * tree.rows && 4 * tree.j + j >= 0 && 4 * tree.j + j < 4 * tree.columns; };
    if (thread < 32) {
        // None; the whole's, the quadrants'; at the left, above, above at the right and at the left; at the right, below; the previous field's.
        uint32_t bits = 0;
        if (thread >= 1 && thread < 6) bits = mine[thread - 1];
        if (thread >= 6 && thread < 24) {
            const int n = thread < 16 ? thread - 6 : thread - 16;
            const int i = thread < 10 ? n : thread < 16 ? -1 : thread < 20 ? n : 4;
            const int j = thread < 10 ? -1 : thread < 14 ? n - 4 : thread == 14 ? 4 : thread == 15 ? -1 : thread < 20 ? 4 : n - 4;
            if (inside(i, j)) bits = vectors[tree.block(i, j)];
        }
        if (thread == 24 && before != nullptr) bits = bits_of(before[tree.block(2, 2)]);
        const int count = keep_different(limited_bits(bits), 25, choices);
        if (thread == 0) choice_count = count;
    } else if (thread < 64) {
        own[k - 2][b] = limited_bits(k == 2 ? mine[5 + b] : vectors[own_block]);
    } else if (thread < 100) {
        const int n = thread - 64, row = n / 6, column = n % 6;
        const bool known = (row == 0 || (column == 0 && row < 5)) && inside(row - 1, column - 1);
        grid[n] = known ? vectors[tree.block(row - 1, column - 1)] : kNowhere;
    }
    const Block block(current, phases, tree, b);
    __syncthreads();
    const int count = choice_count;
    for (int n = k; n < count + 2; n += 8) errors[b][n] = block.transformed(vector_of(n < count ? choices[n] : own[n - count][b]));
    __syncthreads();
    if (thread >= 32) return;
    const Chooser chooser = {tree, errors, own, grid, before, static_cast<uint32_t>(weights[*qp]), thread < count ? choices[thread] : 0, count};
    chooser.choose();
    if (thread < 16) to[own_block] = grid[6 * (row_of(b) + 1) + column_of(b) + 1];
}
