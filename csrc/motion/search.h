// Encoder: block vectors of a picture from a reference, by hierarchical search with a rate term.
#pragma once

#include <cstdint>

#include "common/isa.h"
#include "motion/field.h"
#include "motion/reference.h"

namespace zvc {

struct SearchJob {
    LumaPlane current;
    SearchReference* reference;    // of the same size; its filter is the one that will compensate
    const Vector* previous;        // field of the frame before, (h, w), or null
    const Vector* candidates;      // vectors to try beside those that the search comes upon, (h, w), or null
    int lambda;                    // SAD of 8-bit samples per bit, in 1/16; at most 2^12
    int effort;                    // 0..2
    unsigned threads;              // the field does not depend on them
    Vector* vectors;               // (h, w): padded size / 8
    std::uint8_t* splits;          // (h / 4, w / 4): see kSplit
};

void search_motion(Isa isa, const SearchJob& job);

}  // namespace zvc
