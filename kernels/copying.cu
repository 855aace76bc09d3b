// Which 32x32 blocks take their prediction as it is (zvc69/codec/copying.py), as the CPU chooses: the same floats, in the same order, nothing fused.
#include "copying/arithmetic.h"
#include "device.h"

namespace zvc {

struct Rounded {
    using Reg = float;
    static __device__ __forceinline__ float all(float v) { return v; }
    static __device__ __forceinline__ float add(float a, float b) { return __fadd_rn(a, b); }
    static __device__ __forceinline__ float sub(float a, float b) { return __fsub_rn(a, b); }
    static __device__ __forceinline__ float mul(float a, float b) { return __fmul_rn(a, b); }
    static __device__ __forceinline__ float magnitude(float v) { return v < 0.0f ? -v : v; }
    static __device__ __forceinline__ bool above(float a, float b) { return a > b; }
    static __device__ __forceinline__ float where(bool which, float yes, float no) { return which ? yes : no; }
    static __device__ __forceinline__ float exponent(float v) { return static_cast<float>(static_cast<int>(__float_as_uint(v) >> 23) - 127); }
    static __device__ __forceinline__ float mantissa(float v) { return __uint_as_float((__float_as_uint(v) & 0x7FFFFFu) | 0x3F800000u); }
};

constexpr int kTermsOfBlock = 12, kColumnsAtOnce = 32;

// Eight samples' differences; levels are less 128, as halves exact, and so are their differences as floats.
__device__ __forceinline__ void differences(const uint4& a, const uint4& b, float* out) {
    const uint32_t first[4] = {a.x, a.y, a.z, a.w}, second[4] = {b.x, b.y, b.z, b.w};
    ZVC_UNROLL
    for (int n = 0; n < 4; ++n) {
        out[2 * n] = __fsub_rn(low_half(first[n]), low_half(second[n]));
        out[2 * n + 1] = __fsub_rn(high_half(first[n]), high_half(second[n]));
    }
}

}  // namespace zvc

// packed pictures (rows * columns, 96) halves; inside_rows, inside_columns: blocks of 8x8 that the picture has samples of, the others count nothing.
// models: five floats by QP: scale of luma, of chroma, distortion, constant, least. out (rows / 4, columns / 4): 1 where less than `limit` bits are gained.
// Grid: (columns of 32 blocks, rows / 4); thread (column, row) of a band of four rows.
extern "C" __global__ void __launch_bounds__(128) choose_copies(const uint16_t* picture, const uint16_t* prediction, int columns, int inside_rows,
                                                                int inside_columns, const float* models, const int32_t* qp, float limit, uint8_t* out) {
    using namespace zvc;
    __shared__ float terms[4][kTermsOfBlock][kColumnsAtOnce];
    const int lane = static_cast<int>(threadIdx.x), row = static_cast<int>(threadIdx.y);
    const int i = static_cast<int>(4 * blockIdx.y) + row, j = static_cast<int>(blockIdx.x) * kColumnsAtOnce + lane;
    if (i < inside_rows && j < inside_columns) {
        const float* model = models + 5 * *qp;
        const uint4* a = reinterpret_cast<const uint4*>(picture) + (i * columns + j) * 12;
        const uint4* b = reinterpret_cast<const uint4*>(prediction) + (i * columns + j) * 12;
        int n = 0;
        const auto term = [&](float value) { terms[row][n++][lane] = value; };
        gain_terms<Rounded, 8>({model[0], model[2], model[3], model[4]}, [&](int y, float(&line)[8]) { differences(a[y], b[y], line); }, term);
        for (int plane = 0; plane < 2; ++plane) {
            float samples[16];
            differences(a[8 + 2 * plane], b[8 + 2 * plane], samples);
            differences(a[9 + 2 * plane], b[9 + 2 * plane], samples + 8);
            const auto four = [&](int y, float(&line)[4]) {
                ZVC_UNROLL
                for (int x = 0; x < 4; ++x) line[x] = samples[4 * y + x];
            };
            gain_terms<Rounded, 4>({model[1], model[2], model[3], model[4]}, four, term);
        }
    } else {
        for (int n = 0; n < kTermsOfBlock; ++n) terms[row][n][lane] = 0.0f;
    }
    __syncthreads();
    if (row > 0) return;
    float sum = 0.0f;
    for (int block = 0; block < 4; ++block)
        for (int n = 0; n < kTermsOfBlock; ++n) sum = __fadd_rn(sum, terms[block][n][lane]);
    sum = __fadd_rn(sum, __shfl_xor_sync(kWholeWarp, sum, 1));
    sum = __fadd_rn(sum, __shfl_xor_sync(kWholeWarp, sum, 2));
    if (lane % 4 == 0 && j < columns) out[static_cast<int>(blockIdx.y) * (columns / 4) + j / 4] = sum < limit;
}

// Gives blocks outside of the picture their prediction's samples: nothing is left to be coded there. A thread has eight samples.
extern "C" __global__ void __launch_bounds__(256) take_padding(const uint16_t* prediction, int columns, int inside_rows, int inside_columns, int positions,
                                                               uint16_t* picture) {
    const int item = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x), position = item / 12;
    if (position >= positions || (position / columns < inside_rows && position % columns < inside_columns)) return;
    reinterpret_cast<uint4*>(picture)[item] = reinterpret_cast<const uint4*>(prediction)[item];
}
