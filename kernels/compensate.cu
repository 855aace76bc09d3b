// Motion compensation of planes (docs/FORMAT.md, Compensation; exact). A thread predicts one column of a block: 8 luma or 4 chroma samples,
// so that a row's first sum is made once for all outputs that it comes into. Where blocks overlap it predicts its samples near the edges by
// the neighbours' vectors too, if those are others.
#include "device.h"
#include "warp/arithmetic.h"

namespace zvc {

__constant__ Taps kBicubic = ZVC_BICUBIC_TAPS;
__constant__ LongTaps kSharp = ZVC_SHARP_TAPS;

template <class Sample>
struct Plane {
    const Sample* samples;
    int width, height, shift;
};

// out[n] = the sample at (x, y + n) of the prediction by a vector in 1 / 2^unit samples.
template <int kTaps, int kCount, class Sample>
__device__ void predict(const Plane<Sample>& from, const int8_t* tx, const int8_t* ty, short2 vector, int unit, int x, int y, int (&out)[kCount]) {
    const int left = x + (vector.x >> unit) - (kTaps / 2 - 1), top = y + (vector.y >> unit) - (kTaps / 2 - 1);
    int columns[kTaps], sums[kTaps] = {};
#pragma unroll
    for (int n = 0; n < kTaps; ++n) columns[n] = limited(left + n, 0, from.width - 1);
#pragma unroll
    for (int m = 0; m < kCount + kTaps - 1; ++m) {
        const Sample* line = from.samples + limited(top + m, 0, from.height - 1) * from.width;
        int sum = 0;
#pragma unroll
        for (int n = 0; n < kTaps; ++n) sum += tx[n] * int{line[columns[n]]};
        const int t = row_value(sum, from.shift);
        // Row m is tap n of output m - n; sums[output % kTaps] is that of the outputs under way.
#pragma unroll
        for (int n = 0; n < kTaps; ++n) {
            const int output = m - n;
            if (output >= 0 && output < kCount) sums[output & (kTaps - 1)] += ty[n] * t;
        }
        const int output = m - (kTaps - 1);
        if (output >= 0) {
            out[output] = sample_value(sums[output & (kTaps - 1)], from.shift);
            sums[output & (kTaps - 1)] = 0;
        }
    }
}

template <int kCount, class Sample>
__device__ void predict(const Plane<Sample>& from, bool sharp, short2 vector, int unit, int x, int y, int (&out)[kCount]) {
    const int px = phase_of(vector.x, unit), py = phase_of(vector.y, unit);
    if (sharp) {
        predict<8>(from, kSharp.weight[px / 2], kSharp.weight[py / 2], vector, unit, x, y, out);
    } else {
        predict<4>(from, kBicubic.weight[px], kBicubic.weight[py], vector, unit, x, y, out);
    }
}

__device__ __forceinline__ bool differ(short2 a, short2 b) { return a.x != b.x || a.y != b.y; }

// Mixes what the neighbours' vectors predict into a column of a block's samples.
template <class Sample, int kRows, int kUnit>
__device__ void overlap(const Plane<Sample>& from, bool sharp, const short2* vectors, int vector_columns, int x, int i, int (&samples)[kRows]) {
    const int j = x / kRows;
    const short2 own = vectors[i * vector_columns + j];
    constexpr int kReach = kRows == 8 ? 2 : 1;
    // Neighbours are blocks that the picture has samples of; block (i, j) is one of its own.
    for (int side = -1; side <= 1; side += 2) {
        const int weight = overlap_weight(side < 0 ? x % kRows : kRows - 1 - x % kRows, kRows);
        if (weight == 0 || j + side < 0 || (j + side) * kRows >= from.width) continue;
        const short2 vector = vectors[i * vector_columns + j + side];
        if (!differ(vector, own)) continue;
        int other[kRows];
        predict(from, sharp, vector, kUnit, x, kRows * i, other);
        for (int n = 0; n < kRows; ++n) samples[n] = mixed(samples[n], other[n], weight);
    }
    for (int side = -1; side <= 1; side += 2) {
        if (i + side < 0 || (i + side) * kRows >= from.height) continue;
        const short2 vector = vectors[(i + side) * vector_columns + j];
        if (!differ(vector, own)) continue;
        const int first = side < 0 ? 0 : kRows - kReach;
        int other[kReach];
        predict(from, sharp, vector, kUnit, x, kRows * i + first, other);
        for (int n = 0; n < kReach; ++n)
            samples[first + n] = mixed(samples[first + n], other[n], overlap_weight(side < 0 ? n : kReach - 1 - n, kRows));
    }
}

// kRows: samples of a block's side. *way: 1 for luma's longer filter + 2 for overlap.
template <class Sample, int kRows, int kUnit>
__device__ void compensate_column(const Plane<Sample>& from, const short2* vectors, int vector_columns, const int* way, Sample* out) {
    const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x), i = static_cast<int>(blockIdx.y);
    if (x >= from.width) return;
    const bool sharp = kRows == 8 && (*way & 1);
    int samples[kRows];
    predict(from, sharp, vectors[i * vector_columns + x / kRows], kUnit, x, kRows * i, samples);
    if (*way & 2) overlap<Sample, kRows, kUnit>(from, sharp, vectors, vector_columns, x, i, samples);
    for (int n = 0; n < kRows && kRows * i + n < from.height; ++n) out[(kRows * i + n) * from.width + x] = static_cast<Sample>(samples[n]);
}

// Adds the absolute error of each way to sums[way]; as a luma plane is compensated.
template <class Sample>
__device__ void compare_ways(const Sample* source, const Plane<Sample>& from, const short2* vectors, int vector_columns, uint64_t* sums) {
    __shared__ unsigned totals[4][4];
    const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x), i = static_cast<int>(blockIdx.y), warp = static_cast<int>(threadIdx.x / kWarp);
    for (int sharp = 0; sharp < 2; ++sharp) {
        unsigned errors[2] = {};
        if (x < from.width) {
            int samples[8];
            predict(from, sharp, vectors[i * vector_columns + x / 8], 2, x, 8 * i, samples);
            const auto error = [&] {
                int sum = 0;
#pragma unroll
                for (int n = 0; n < 8; ++n) {
                    const int difference = 8 * i + n < from.height ? int{source[(8 * i + n) * from.width + x]} - samples[n] : 0;
                    sum += difference < 0 ? -difference : difference;
                }
                return static_cast<unsigned>(sum);
            };
            errors[0] = error();
            overlap<Sample, 8, 2>(from, sharp, vectors, vector_columns, x, i, samples);
            errors[1] = error();
        }
        for (int overlapped = 0; overlapped < 2; ++overlapped) {
            unsigned sum = errors[overlapped];
            for (unsigned lanes = kWarp / 2; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(kWholeWarp, sum, lanes);
            if (lane_of() == 0) totals[sharp + 2 * overlapped][warp] = sum;
        }
    }
    __syncthreads();
    if (threadIdx.x < 4) {
        const unsigned* of = totals[threadIdx.x];
        atomicAdd(sums + threadIdx.x, uint64_t{of[0]} + of[1] + of[2] + of[3]);
    }
}

}  // namespace zvc

// grid: (columns of 128 samples, rows of blocks); a vector (dx, dy) for every 8x8 block, `columns` a row. u and v by blockIdx.z.
extern "C" __global__ void __launch_bounds__(128) compensate_luma_8(const uint8_t* reference, const int16_t* vectors, int columns, const int32_t* way,
                                                                    int width, int height, uint8_t* out) {
    zvc::compensate_column<uint8_t, 8, 2>({reference, width, height, 0}, reinterpret_cast<const short2*>(vectors), columns, way, out);
}

extern "C" __global__ void __launch_bounds__(128) compensate_luma_16(const uint16_t* reference, const int16_t* vectors, int columns, const int32_t* way,
                                                                     int width, int height, int shift, uint16_t* out) {
    zvc::compensate_column<uint16_t, 8, 2>({reference, width, height, shift}, reinterpret_cast<const short2*>(vectors), columns, way, out);
}

extern "C" __global__ void __launch_bounds__(128) compensate_chroma_8(const uint8_t* u, const uint8_t* v, const int16_t* vectors, int columns,
                                                                      const int32_t* way, int width, int height, uint8_t* u_out, uint8_t* v_out) {
    zvc::compensate_column<uint8_t, 4, 3>({blockIdx.z ? v : u, width, height, 0}, reinterpret_cast<const short2*>(vectors), columns, way,
                                          blockIdx.z ? v_out : u_out);
}

extern "C" __global__ void __launch_bounds__(128) compensate_chroma_16(const uint16_t* u, const uint16_t* v, const int16_t* vectors, int columns,
                                                                       const int32_t* way, int width, int height, int shift, uint16_t* u_out,
                                                                       uint16_t* v_out) {
    zvc::compensate_column<uint16_t, 4, 3>({blockIdx.z ? v : u, width, height, shift}, reinterpret_cast<const short2*>(vectors), columns, way,
                                           blockIdx.z ? v_out : u_out);
}

// sums[way] += the absolute error of luma by each way: 1 for the longer filter + 2 for overlap. Grid as for compensation.
extern "C" __global__ void __launch_bounds__(128) compare_ways_8(const uint8_t* source, const uint8_t* reference, const int16_t* vectors, int columns,
                                                                 int width, int height, uint64_t* sums) {
    zvc::compare_ways<uint8_t>(source, {reference, width, height, 0}, reinterpret_cast<const short2*>(vectors), columns, sums);
}

extern "C" __global__ void __launch_bounds__(128) compare_ways_16(const uint16_t* source, const uint16_t* reference, const int16_t* vectors, int columns,
                                                                  int width, int height, int shift, uint64_t* sums) {
    zvc::compare_ways<uint16_t>(source, {reference, width, height, shift}, reinterpret_cast<const short2*>(vectors), columns, sums);
}

// *way becomes the one that costs least; `changes`: by QP, what a difference from the one that is expected, which it was, costs in 1/256 of an 8-bit level.
extern "C" __global__ void __launch_bounds__(32) choose_way(const uint64_t* sums, int shift, const int32_t* changes, const int32_t* qp, int32_t* way) {
    if (threadIdx.x > 0) return;
    const int expected = *way;
    uint64_t least = ~uint64_t{0};
    for (int other = 0; other < 4; ++other) {
        const uint64_t cost = (sums[expected ^ other] << 8 >> shift) + static_cast<unsigned>(changes[*qp] * __popc(static_cast<unsigned>(other)));
        if (cost >= least) continue;
        least = cost;
        *way = expected ^ other;
    }
}
