// The motion section: splits, vectors and copy map of a field to bytes and back (docs/FORMAT.md, Motion).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "motion/field.h"
#include "motion/range_coder.h"

namespace zvc {

constexpr int kContexts = 89;

// h and w are multiples of 4, at least 4.
struct FieldShape {
    int h, w;
};

struct FieldArrays {
    Vector* vectors;       // (h, w)
    std::uint8_t* splits;  // (h / 4, w / 4), see kSplit
    std::uint8_t* copy;    // (h / 4, w / 4), 0 or 1
    Way* way;              // null: the section does not say, as in version 1.1
};

// The field that both sides expect; vectors (h, w), or null.
struct PreviousField {
    const Vector* vectors;
    Way way;
};

enum class FieldStatus : int { kOk, kVector, kLeftOver, kStart };

// `contexts`: as a section begins. Vectors are within kLargestVector and equal inside each leaf of the splits;
// arrays.copy may be null. The arrays are written too, with what they hold.
std::vector<std::uint8_t> encode_field(FieldShape shape, const FieldArrays& arrays, const PreviousField& previous,
                                       std::span<const Context, kContexts> contexts);

// The arrays come zeroed; what they hold after a failure means nothing. has_copy says whether there is a copy map.
FieldStatus decode_field(FieldShape shape, std::span<const std::uint8_t> data, const PreviousField& previous,
                         std::span<const Context, kContexts> contexts, const FieldArrays& arrays, bool& has_copy);

}  // namespace zvc
