// Motion compensation of planes (docs/FORMAT.md, Compensation; exact). A thread predicts one column of a block: 8 luma or 4 chroma samples,
// so that a row's first sum is made once for up to four outputs.
#include "device.h"
#include "warp/arithmetic.h"

namespace zvc {

__constant__ Taps kBicubic = ZVC_BICUBIC_TAPS;

template <class Sample, int kRows, int kShift>
__device__ void compensate_column(const Sample* reference, const short2* vectors, int vector_columns, int width, int height, int shift, Sample* out) {
    const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x), i = static_cast<int>(blockIdx.y);
    if (x >= width) return;
    const short2 vector = vectors[i * vector_columns + x / kRows];
    const int8_t* tx = kBicubic.weight[phase_of(vector.x, kShift)];
    const int8_t* ty = kBicubic.weight[phase_of(vector.y, kShift)];
    const int left = x + (vector.x >> kShift) - 1, top = kRows * i + (vector.y >> kShift) - 1;
    int columns[4], sums[4] = {};
    for (int n = 0; n < 4; ++n) columns[n] = limited(left + n, 0, width - 1);
#pragma unroll
    for (int m = 0; m < kRows + 3; ++m) {
        const Sample* line = reference + limited(top + m, 0, height - 1) * width;
        const int t = row_value(weighed(tx, int{line[columns[0]]}, int{line[columns[1]]}, int{line[columns[2]]}, int{line[columns[3]]}), shift);
        // Row m is tap n of output m - n; sums[row % 4] is that of the outputs under way.
        for (int n = 0; n < 4; ++n) {
            const int row = m - n;
            if (row >= 0 && row < kRows) sums[row & 3] += ty[n] * t;
        }
        const int row = m - 3;
        if (row >= 0) {
            const int y = kRows * i + row;
            if (y < height) out[y * width + x] = static_cast<Sample>(sample_value(sums[row & 3], shift));
            sums[row & 3] = 0;
        }
    }
}

}  // namespace zvc

// grid: (columns of 128 samples, rows of blocks); a vector (dx, dy) for every 8x8 block, `columns` a row. u and v by blockIdx.z.
extern "C" __global__ void __launch_bounds__(128) compensate_luma_8(const uint8_t* reference, const int16_t* vectors, int columns, int width,
                                                                    int height, uint8_t* out) {
    zvc::compensate_column<uint8_t, 8, 2>(reference, reinterpret_cast<const short2*>(vectors), columns, width, height, 0, out);
}

extern "C" __global__ void __launch_bounds__(128) compensate_luma_16(const uint16_t* reference, const int16_t* vectors, int columns, int width,
                                                                     int height, int shift, uint16_t* out) {
    zvc::compensate_column<uint16_t, 8, 2>(reference, reinterpret_cast<const short2*>(vectors), columns, width, height, shift, out);
}

extern "C" __global__ void __launch_bounds__(128) compensate_chroma_8(const uint8_t* u, const uint8_t* v, const int16_t* vectors, int columns,
                                                                      int width, int height, uint8_t* u_out, uint8_t* v_out) {
    zvc::compensate_column<uint8_t, 4, 3>(blockIdx.z ? v : u, reinterpret_cast<const short2*>(vectors), columns, width, height, 0, blockIdx.z ? v_out : u_out);
}

extern "C" __global__ void __launch_bounds__(128) compensate_chroma_16(const uint16_t* u, const uint16_t* v, const int16_t* vectors, int columns,
                                                                       int width, int height, int shift, uint16_t* u_out, uint16_t* v_out) {
    zvc::compensate_column<uint16_t, 4, 3>(blockIdx.z ? v : u, reinterpret_cast<const short2*>(vectors), columns, width, height, shift,
                                           blockIdx.z ? v_out : u_out);
}
