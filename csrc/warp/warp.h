// Motion compensation: predicted planes from reference planes by vectors in quarter luma pixels.
//
// A sample is interpolated by separable 4-tap filters in fixed point, rows first (docs/FORMAT.md, Motion):
//     t = (sum of 4 taps * reference + (1 << s >> 1)) >> s          s = depth - 8
//     p = clamp((sum of 4 taps * t + (1 << (11 - s))) >> (12 - s), 0, 2^depth - 1)
// Taps have sum 64 and magnitudes of sum <= 80 (72 positive, 8 negative), so that t is in -2048..18432 and
// fits int16, and the second sum is below 2^21. Luma may take 8 taps each way ("sharp": 88 positive, 24 negative):
// t is in -6144..22528, the second sum below 2^22.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/isa.h"
#include "warp/arithmetic.h"

namespace zvc {

extern const Taps kBicubic, kBilinear;
extern const LongTaps kSharp;

// Rows that a block kernel predicts at once at most.
constexpr int kWarpRows = 64;
// Columns behind a block of width w (w rounded up to 8) that a block kernel may load, and not use.
constexpr int kWarpSlack = 8;

// Whole flow of one row of samples.
struct FlowRow {
    const void* reference;       // plane of `width` x `height` samples
    std::ptrdiff_t stride;       // of the reference, in bytes
    int width, height;
    const std::int16_t* vector;  // (dx, dy) of the row's first sample
    int step;                    // int16 from one sample's vector to the next one's: 2 for luma, 4 for chroma
    int shift;                   // vectors are in 1 / 2^shift samples: 2 for luma, 3 for chroma
    int y;                       // of this row; it is as wide as the reference
    int depth;
    const Taps* taps;
    void* out;
};

// Two columns of h samples at a block's side, h <= kWarpRows: where `out` is, with what taps predict there, whole-sample position `source`.
// Loads what block kernels do for w = 4. Strides in samples.
template <class Sample>
struct Edge {
    const Sample* source;
    std::ptrdiff_t stride;
    Sample* out;
    std::ptrdiff_t out_stride;
    int h;
    const std::int8_t *tx, *ty;
    int first, second;  // weights of the columns (arithmetic.h, mixed)
    int depth;
};

struct WarpKernels {
    // Predicts w x h samples (w a multiple of 4, h <= kWarpRows) whose whole-sample position in the reference is
    // `source`, with taps tx, ty. Loads rows -1 .. h + 1, from column -1. Strides in bytes.
    void (*block8)(const std::uint8_t* source, std::ptrdiff_t stride, std::uint8_t* out, std::ptrdiff_t out_stride,
                   int w, int h, const std::int8_t* tx, const std::int8_t* ty) noexcept;
    void (*block16)(const std::uint16_t* source, std::ptrdiff_t stride, std::uint16_t* out, std::ptrdiff_t out_stride,
                    int w, int h, const std::int8_t* tx, const std::int8_t* ty, int depth) noexcept;
    // The same with 8 taps each way: rows -3 .. h + 4, from column -3.
    void (*long8)(const std::uint8_t* source, std::ptrdiff_t stride, std::uint8_t* out, std::ptrdiff_t out_stride,
                  int w, int h, const std::int8_t* tx, const std::int8_t* ty) noexcept;
    void (*long16)(const std::uint16_t* source, std::ptrdiff_t stride, std::uint16_t* out, std::ptrdiff_t out_stride,
                   int w, int h, const std::int8_t* tx, const std::int8_t* ty, int depth) noexcept;
    // Mixes n samples with a neighbour's prediction of this weight (arithmetic.h, mixed).
    void (*mix_row8)(std::uint8_t* out, const std::uint8_t* predicted, int n, int weight) noexcept;
    void (*mix_row16)(std::uint16_t* out, const std::uint16_t* predicted, int n, int weight) noexcept;
    void (*edge8)(const Edge<std::uint8_t>& edge) noexcept;
    void (*edge16)(const Edge<std::uint16_t>& edge) noexcept;
    // The same with 8 taps each way.
    void (*long_edge8)(const Edge<std::uint8_t>& edge) noexcept;
    void (*long_edge16)(const Edge<std::uint16_t>& edge) noexcept;
    void (*flow8)(const FlowRow& row) noexcept;
    void (*flow16)(const FlowRow& row) noexcept;
};

const WarpKernels& warp_kernels(Isa isa) noexcept;

extern const WarpKernels kWarpScalar;
extern const WarpKernels kWarpAvx2;
extern const WarpKernels kWarpAvx512;

// A 4:2:0 picture; rows are `stride` bytes apart, samples of a row are neighbours.
struct WarpJob {
    const std::uint8_t* reference[3];
    std::ptrdiff_t stride[3];
    std::uint8_t* out[3];
    std::ptrdiff_t out_stride[3];
    int width[3], height[3];
    int first, last;  // planes first .. last - 1 are predicted: 0 is luma; what is said of the others is not looked at
    int depth;  // 8: uint8 samples, 10 and 12: uint16
    const Taps* taps;
    const LongTaps* luma;  // in place of `taps`, or null; not for flows
    bool overlap;          // blocks overlap their neighbours; not for flows
};

// vectors: one (dx, dy) per 8x8 luma block, `columns` of them a row; at least one for every block of the picture.
void warp_blocks(Isa isa, const WarpJob& job, const std::int16_t* vectors, int columns, unsigned threads);

// vectors: one (dx, dy) per luma sample. Chroma sample (i, j) takes that of luma sample (2 i, 2 j).
void warp_flow(Isa isa, const WarpJob& job, const std::int16_t* vectors, unsigned threads);

}  // namespace zvc
