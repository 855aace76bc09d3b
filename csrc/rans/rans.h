// Interleaved rANS kernels (zvc69.core.entropy; docs/INTERNALS.md gives the arithmetic).
//
// J. Duda, "Asymmetric numeral systems" (arXiv:1311.2540); F. Giesen, "Interleaved entropy coders"
// (arXiv:1402.3392).
#pragma once

#include "common/isa.h"
#include "rans/rawbits.h"
#include "rans/tables.h"

namespace zvc {

// Elements that a kernel may touch behind the last one of an array where it says so.
constexpr std::size_t kSlack = 64;

struct RansKernels {
    // skip_below is at most 255 in all of them.
    //
    // Copies the indices >= skip_below, in order, and returns their number. `out`: n + slack.
    std::size_t (*compact)(const uint8_t* index, std::size_t n, unsigned skip_below, uint8_t* out);

    // Decodes n symbols with tables index[i]. Words lie at `words`; returns the first unread one. May load (not use)
    // slack bytes behind `end`; stops soon after passing it, the caller compares the returned pointer with `end`.
    const uint8_t* (*decode)(uint32_t* states, unsigned lanes, const uint8_t* words, const uint8_t* end,
                             const RansTables& tables, const uint8_t* index, std::size_t n, uint8_t* symbols);

    // Values of n positions from the symbols of those that are not skipped; `symbols` has slack.
    RansStatus (*expand)(const uint8_t* index, std::size_t n, unsigned skip_below, const uint8_t* symbols,
                         const uint32_t* info, RawReader& raw, int16_t* values);

    // The inverse of expand, with each symbol's entry of RansTables::encode looked up; returns how many.
    // `entries`: n + slack.
    std::size_t (*map)(const int16_t* values, const uint8_t* index, std::size_t n, unsigned skip_below,
                       const RansTables& tables, RawWriter& raw, uint32_t* entries);

    // Encodes one call, last symbol first; words are written downwards from `words` (in front: 2 n bytes and slack).
    // Returns the last word written.
    uint8_t* (*encode)(uint32_t* states, unsigned lanes, const uint32_t* entries, std::size_t n, uint8_t* words);
};

const RansKernels& rans_kernels(Isa isa) noexcept;

// Of the variant files.
const RansKernels& rans_kernels_scalar() noexcept;
const RansKernels& rans_kernels_avx2() noexcept;
const RansKernels& rans_kernels_avx512() noexcept;

}  // namespace zvc
