// Adaptive loop filter: classes of blocks, filtered samples, and what an encoder finds coefficients from. arithmetic.h has the formulas.
//
// A picture is gone through in bands of four rows. What a kernel reads of a plane are rows with margins: the picture's first and last columns go on
// for kFilterMargin samples, on the right at the least up to the next multiple of 16 and that much beyond, and so do its first and last rows.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/isa.h"
#include "loopfilter/arithmetic.h"

namespace zvc {

constexpr std::size_t kFilterMargin = 16;
constexpr int kFilterOffsets[kFilterTaps][2] = ZVC_FILTER_OFFSETS;
constexpr int kFilterRows = kFilterBlock + 2 * kFilterReach;
constexpr std::uint8_t kUnfiltered = kFilterClasses;  // in place of a class: rounded alone, and left out of statistics
constexpr int kDirections = 4;                        // of gradients, as filter_class takes them

// Gradients of a band, by block, beyond the picture's edges those of its last samples.
struct GradientBand {
    const std::uint16_t* rows[kFilterBlock][3];  // each row, the ones above and below it
    std::size_t width;
    std::int32_t* sums[kDirections];  // of blocks; up to 3 more are written
};

// Classes of a band's blocks from the sums of the bands above, here and below; there is one block more to the left and right.
struct ClassBand {
    const std::int32_t* sums[3][kDirections];
    std::size_t blocks;
    std::uint8_t* classes;
};

// A filter as pmaddwd wants it: pairs of coefficients, four times; the last pair is that of the centre and of 1: 128 - 2 sum of coefficients, rounding.
struct alignas(16) FilterTable {
    std::int16_t pairs[kFilterTaps / 2 + 1][8];
};

struct FilterBand {
    const std::uint16_t* rows[kFilterRows];  // kFilterReach above the band, its own, kFilterReach below
    const std::uint8_t* kinds;               // of blocks: index of a table or kUnfiltered; up to 3 more are kUnfiltered
    const FilterTable* tables;               // kFilterClasses
    void* out;                               // rows without a gap; uint8 at depth 8, else uint16
    std::size_t width;
    int height, depth;  // 1..4 rows
};

// Sums of products of the kFilterTaps x and of t, of one class: (i, j), i <= j, row by row, t the last.
constexpr int kStatistics = kFilterTaps + 1;
constexpr int kProducts = kStatistics * (kStatistics + 1) / 2;

struct alignas(32) FilterSums {
    // Blocks of the vector kernels that wait for others of their class: a group of four is summed while the next one comes.
    std::int16_t queue[8][kStatistics][16];
    std::int32_t sums[kProducts][8];
    std::uint32_t queued, groups;  // blocks put into the queue, groups of them summed, since the beginning
    std::int64_t products[kProducts];
};

struct StatisticsBand {
    const std::uint16_t* rows[kFilterRows];     // as FilterBand's
    const std::uint16_t* target[kFilterBlock];  // 12 bits, to a multiple of 16
    const std::uint8_t* kinds;                  // as FilterBand's
    std::size_t width;
    int height;
};

struct LoopFilterKernels {
    void (*gradients)(const GradientBand& band) noexcept;
    void (*classes)(const ClassBand& band) noexcept;
    void (*apply[2])(const FilterBand& band) noexcept;  // [0: uint8, 1: uint16]
    void (*statistics)(const StatisticsBand& band, FilterSums* classes) noexcept;
    void (*finish)(FilterSums& sums) noexcept;  // after the last band: products are complete
};

const LoopFilterKernels& loop_filter_kernels(Isa isa) noexcept;

extern const LoopFilterKernels kLoopFilterScalar;
extern const LoopFilterKernels kLoopFilterAvx2;

// Planes without gaps between rows. Of 12 bits.
struct FilterPlane {
    const std::uint16_t* samples;
    std::size_t width, height;
};

// A class for each 4x4 block, all of class 0 without; those in copied blocks, of `side` samples, a multiple of 4, are none.
struct FilterKinds {
    const std::uint8_t *classes, *copied;  // either may be null
    std::size_t side;
};

// All throw std::bad_alloc.
void classify(Isa isa, const FilterPlane& plane, std::uint8_t* classes);

// `coefficients`: kFilterTaps of each of the classes that there are.
void apply_filter(Isa isa, const FilterPlane& plane, const FilterKinds& kinds, const std::int8_t* coefficients, int depth, void* out);

// Of each class: kProducts sums, and the number of samples. `target` has 1 byte a sample at depth 8, else 2.
void filter_statistics(Isa isa, const FilterPlane& plane, const FilterKinds& kinds, const void* target, int depth, std::int64_t* products,
                       std::int64_t* count);

// Copied blocks of a 12-bit plane become those of the prediction, of the same size and `depth` bits.
void widen(std::uint16_t* plane, const void* prediction, std::size_t width, std::size_t height, int depth, const std::uint8_t* copied,
           std::size_t side) noexcept;

}  // namespace zvc
