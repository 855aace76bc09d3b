// Pictures: planar 4:2:0 to and from 96 channels at 1/8 resolution, and other layouts to planar.
//
// On the device a packed picture is position by position, (rows * columns, 96) halves, less kCentre: samples of 8, 10 and 12 bits are then
// exact. A position's channels are 12 groups of eight: a row of its 8x8 luma block, or two rows of its 4x4 U or V block.
#include "device.h"
#include "pack/arithmetic.h"

namespace zvc {

constexpr int kChannels = 96, kGroup = 8, kGroups = kChannels / kGroup;
constexpr int kUnpacked = 32;  // positions of a block that unpacks
constexpr float kCentre = 128.0f;

struct Geometry {
    int width, height, columns, positions;  // of luma; of blocks
};

// Chosen by comparisons: an array that is indexed would lie in memory.
template <class T>
__device__ __forceinline__ T chosen(const T of[3], int plane) {
    return plane == 0 ? of[0] : plane == 1 ? of[1] : of[2];
}

// The plane of a group of eight channels, and where in it the group's samples are: `rows` rows of 8 / rows samples.
struct GroupAt {
    int plane, x, y, width, height, rows;
};

__device__ __forceinline__ GroupAt group_at(const Geometry& g, int position, int group) {
    const int i = position / g.columns, j = position % g.columns;
    if (group < 8) return {0, 8 * j, 8 * i + group, g.width, g.height, 1};
    const int chroma = group - 8;
    return {1 + chroma / 2, 4 * j, 4 * i + 2 * (chroma & 1), (g.width + 1) / 2, (g.height + 1) / 2, 2};
}

// `count` samples of a row from x on, its last one repeated, into words; at once where they are aligned.
template <int count, class Sample>
__device__ __forceinline__ void load_row(const Sample* row, int x, int width, uint32_t* words) {
    constexpr int kBits = 8 * static_cast<int>(sizeof(Sample)), kEach = 32 / kBits, kWords = count / kEach;
    const Sample* from = row + x;
    if (x + count <= width && reinterpret_cast<uint64_t>(from) % (4 * kWords) == 0) {
        if constexpr (kWords == 1) {
            words[0] = *reinterpret_cast<const uint32_t*>(from);
        } else {
#pragma unroll
            for (int n = 0; n < kWords; n += 2) {
                const uint2 two = reinterpret_cast<const uint2*>(from)[n / 2];
                words[n] = two.x;
                words[n + 1] = two.y;
            }
        }
        return;
    }
#pragma unroll
    for (int n = 0; n < kWords; ++n) words[n] = 0;
#pragma unroll
    for (int n = 0; n < count; ++n) words[n / kEach] |= static_cast<uint32_t>(row[limited(x + n, 0, width - 1)]) << n % kEach * kBits;
}

template <class Sample>
__device__ void pack_group(const Sample* const planes[3], float scale, const Geometry& g, uint16_t* out) {
    const int item = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (item >= g.positions * kGroups) return;
    const GroupAt at = group_at(g, item / kGroups, item % kGroups);
    const Sample* plane = chosen(planes, at.plane);
    constexpr int kBits = 8 * static_cast<int>(sizeof(Sample)), kEach = 32 / kBits, kWords = kGroup / kEach;
    uint32_t words[kWords];
    if (at.rows == 1) {
        load_row<kGroup>(plane + limited(at.y, 0, at.height - 1) * at.width, at.x, at.width, words);
    } else {
#pragma unroll
        for (int n = 0; n < 2; ++n) load_row<kGroup / 2>(plane + limited(at.y + n, 0, at.height - 1) * at.width, at.x, at.width, words + n * kWords / 2);
    }
    float level[kGroup];
#pragma unroll
    for (int n = 0; n < kGroup; ++n) level[n] = static_cast<float>(static_cast<Sample>(words[n / kEach] >> n % kEach * kBits)) * scale - kCentre;
    reinterpret_cast<uint4*>(out)[item] = make_uint4(pack_halves(level[0], level[1]), pack_halves(level[2], level[3]),
                                                     pack_halves(level[4], level[5]), pack_halves(level[6], level[7]));
}

// `count` samples of a row from x on, those that the plane has, in words of `words`; at once where they are aligned.
template <int count, class Out>
__device__ __forceinline__ void store_row(Out* row, int x, int width, const uint32_t* words) {
    constexpr int kWords = count * static_cast<int>(sizeof(Out)) / 4, kEach = 4 / static_cast<int>(sizeof(Out));
    Out* to = row + x;
    if (x + count <= width && reinterpret_cast<uint64_t>(to) % (4 * kWords) == 0) {
        if constexpr (kWords == 1)
            *reinterpret_cast<uint32_t*>(to) = words[0];
        else if constexpr (kWords == 2)
            *reinterpret_cast<uint2*>(to) = make_uint2(words[0], words[1]);
        else
            *reinterpret_cast<uint4*>(to) = make_uint4(words[0], words[1], words[2], words[3]);
        return;
    }
#pragma unroll
    for (int n = 0; n < count; ++n)
        if (x + n < width) to[n] = static_cast<Out>(words[n / kEach] >> n % kEach * 8 * static_cast<int>(sizeof(Out)));
}

// copy (rows / 4, columns / 4): where it is not 0, samples are those of `predicted`, shifted left; null: nowhere.
//
// Levels are read position by position, as they lie, and go through shared memory: a warp then has one group of 32 positions, whose rows are neighbours.
template <class Sample, class Out>
__device__ void unpack_group(const float* packed, float scale, float limit, const uint8_t* copy, const Sample* const predicted[3], int shift,
                             const Geometry& g, Out* const planes[3]) {
    constexpr int kBits = 8 * static_cast<int>(sizeof(Out)), kEach = 32 / kBits, kWords = kGroup / kEach;
    __shared__ uint32_t samples[kGroups][kUnpacked + 1][kWords];    // one more: groups of a position are in different banks
    const int first = static_cast<int>(blockIdx.x) * kUnpacked, thread = static_cast<int>(threadIdx.x);
    if (first + thread / kGroups < g.positions) {
        const float4* in = reinterpret_cast<const float4*>(packed) + 2 * (first * kGroups + thread);
        const float4 low = in[0], high = in[1];
        const float level[kGroup] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
        uint32_t words[kWords] = {};
#pragma unroll
        for (int n = 0; n < kGroup; ++n) words[n / kEach] |= static_cast<uint32_t>(sample_of(level[n], scale, limit)) << n % kEach * kBits;
#pragma unroll
        for (int n = 0; n < kWords; ++n) samples[thread % kGroups][thread / kGroups][n] = words[n];
    }
    __syncthreads();
    const int position = first + thread % kUnpacked, group = thread / kUnpacked;
    if (position >= g.positions) return;
    const int i = position / g.columns, j = position % g.columns;
    const GroupAt at = group_at(g, position, group);
    const bool copied = copy != nullptr && copy[i / 4 * (g.columns / 4) + j / 4] != 0;
    const Sample* prediction = copied ? chosen(predicted, at.plane) : nullptr;
    Out* plane = chosen(planes, at.plane);
    uint32_t words[kWords];
#pragma unroll
    for (int n = 0; n < kWords; ++n) words[n] = copied ? 0 : samples[group][thread % kUnpacked][n];
    if (copied) {
#pragma unroll
        for (int n = 0; n < kGroup; ++n) {
            const int y = at.y + (at.rows == 1 ? 0 : n / 4), x = at.x + (at.rows == 1 ? n : n % 4);
            if (x < at.width && y < at.height) words[n / kEach] |= static_cast<uint32_t>(prediction[y * at.width + x]) << shift << n % kEach * kBits;
        }
    }
    if (at.rows == 1) {
        if (at.y < at.height) store_row<kGroup>(plane + at.y * at.width, at.x, at.width, words);
    } else {
#pragma unroll
        for (int n = 0; n < 2; ++n)
            if (at.y + n < at.height) store_row<kGroup / 2>(plane + (at.y + n) * at.width, at.x, at.width, words + n * kWords / 2);
    }
}

// BT.601, limited range, 16 bits of fraction; the weights of a chroma sum add up to zero.
__device__ __forceinline__ int luma_of(int r, int g, int b) { return (16829 * r + 33039 * g + 6416 * b + (16 << 16) + (1 << 15)) >> 16; }

}  // namespace zvc

extern "C" __global__ void __launch_bounds__(256) pack_8(const uint8_t* y, const uint8_t* u, const uint8_t* v, int width, int height, int columns,
                                                         int positions, uint16_t* out) {
    const uint8_t* const planes[3] = {y, u, v};
    zvc::pack_group(planes, 1.0f, {width, height, columns, positions}, out);
}

extern "C" __global__ void __launch_bounds__(256) pack_16(const uint16_t* y, const uint16_t* u, const uint16_t* v, int width, int height,
                                                          int columns, int positions, float scale, uint16_t* out) {
    const uint16_t* const planes[3] = {y, u, v};
    zvc::pack_group(planes, scale, {width, height, columns, positions}, out);
}

extern "C" __global__ void __launch_bounds__(384) unpack_8(const float* packed, const uint8_t* copy, const uint8_t* py, const uint8_t* pu,
                                                           const uint8_t* pv, int width, int height, int columns, int positions, uint8_t* y,
                                                           uint8_t* u, uint8_t* v) {
    const uint8_t* const predicted[3] = {py, pu, pv};
    uint8_t* const planes[3] = {y, u, v};
    zvc::unpack_group(packed, 1.0f, 255.0f, copy, predicted, 0, {width, height, columns, positions}, planes);
}

extern "C" __global__ void __launch_bounds__(384) unpack_16(const float* packed, const uint8_t* copy, const uint16_t* py, const uint16_t* pu,
                                                            const uint16_t* pv, int width, int height, int columns, int positions, float scale,
                                                            float limit, uint16_t* y, uint16_t* u, uint16_t* v) {
    const uint16_t* const predicted[3] = {py, pu, pv};
    uint16_t* const planes[3] = {y, u, v};
    zvc::unpack_group(packed, scale, limit, copy, predicted, 0, {width, height, columns, positions}, planes);
}

// The same to 12 bits, those that the loop filter takes.
extern "C" __global__ void __launch_bounds__(384) unpack_fine_8(const float* packed, const uint8_t* copy, const uint8_t* py, const uint8_t* pu,
                                                                const uint8_t* pv, int width, int height, int columns, int positions, uint16_t* y,
                                                                uint16_t* u, uint16_t* v) {
    const uint8_t* const predicted[3] = {py, pu, pv};
    uint16_t* const planes[3] = {y, u, v};
    zvc::unpack_group(packed, 16.0f, 4095.0f, copy, predicted, 4, {width, height, columns, positions}, planes);
}

extern "C" __global__ void __launch_bounds__(384) unpack_fine_16(const float* packed, const uint8_t* copy, const uint16_t* py, const uint16_t* pu,
                                                                 const uint16_t* pv, int width, int height, int columns, int positions, int shift,
                                                                 uint16_t* y, uint16_t* u, uint16_t* v) {
    const uint16_t* const predicted[3] = {py, pu, pv};
    uint16_t* const planes[3] = {y, u, v};
    zvc::unpack_group(packed, 16.0f, 4095.0f, copy, predicted, shift, {width, height, columns, positions}, planes);
}

// (a + b + 1) >> 1 of `count` samples: what copied blocks of B frames take.
extern "C" __global__ void __launch_bounds__(256) average_8(const uint8_t* a, const uint8_t* b, int count, uint8_t* out) {
    const int n = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (n < count) out[n] = static_cast<uint8_t>((a[n] + b[n] + 1) >> 1);
}

extern "C" __global__ void __launch_bounds__(256) average_16(const uint16_t* a, const uint16_t* b, int count, uint16_t* out) {
    const int n = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (n < count) out[n] = static_cast<uint16_t>((a[n] + b[n] + 1) >> 1);
}

// NV12: rows of luma, then rows of U and V in turn, `pitch` bytes apart. A thread takes a 2x2 of luma and its chroma.
extern "C" __global__ void __launch_bounds__(256) planes_of_nv12(const uint8_t* luma, const uint8_t* chroma, int pitch, int width, int height,
                                                                 uint8_t* y, uint8_t* u, uint8_t* v) {
    const int columns = (width + 1) / 2, rows = (height + 1) / 2, item = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (item >= columns * rows) return;
    const int i = item / columns, j = item % columns;
    for (int n = 0; n < 4; ++n) {
        const int row = 2 * i + n / 2, column = 2 * j + n % 2;
        if (row < height && column < width) y[row * width + column] = luma[row * pitch + column];
    }
    u[item] = chroma[i * pitch + 2 * j];
    v[item] = chroma[i * pitch + 2 * j + 1];
}

// P010: as NV12, 10 bits on top of 16; pitch in samples.
extern "C" __global__ void __launch_bounds__(256) planes_of_p010(const uint16_t* luma, const uint16_t* chroma, int pitch, int width, int height,
                                                                 uint16_t* y, uint16_t* u, uint16_t* v) {
    const int columns = (width + 1) / 2, rows = (height + 1) / 2, item = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (item >= columns * rows) return;
    const int i = item / columns, j = item % columns;
    for (int n = 0; n < 4; ++n) {
        const int row = 2 * i + n / 2, column = 2 * j + n % 2;
        if (row < height && column < width) y[row * width + column] = luma[row * pitch + column] >> 6;
    }
    u[item] = chroma[i * pitch + 2 * j] >> 6;
    v[item] = chroma[i * pitch + 2 * j + 1] >> 6;
}

// rgb (height, width, 3). Chroma is the mean of a 2x2, at the edges of what there is, repeated.
extern "C" __global__ void __launch_bounds__(256) planes_of_rgb(const uint8_t* rgb, int width, int height, uint8_t* y, uint8_t* u, uint8_t* v) {
    const int columns = (width + 1) / 2, rows = (height + 1) / 2, item = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (item >= columns * rows) return;
    const int i = item / columns, j = item % columns;
    int sum[3] = {};
    for (int n = 0; n < 4; ++n) {
        const int row = 2 * i + n / 2, column = 2 * j + n % 2;
        const uint8_t* pixel = rgb + 3 * (zvc::limited(row, 0, height - 1) * width + zvc::limited(column, 0, width - 1));
        if (row < height && column < width) y[row * width + column] = static_cast<uint8_t>(zvc::luma_of(pixel[0], pixel[1], pixel[2]));
        for (int c = 0; c < 3; ++c) sum[c] += pixel[c];
    }
    const int half = (128 << 18) + (1 << 17);
    u[item] = static_cast<uint8_t>((-9714 * sum[0] - 19070 * sum[1] + 28784 * sum[2] + half) >> 18);
    v[item] = static_cast<uint8_t>((28784 * sum[0] - 24103 * sum[1] - 4681 * sum[2] + half) >> 18);
}
