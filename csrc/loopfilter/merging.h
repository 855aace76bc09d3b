// Which classes of the loop filter share which coefficients: an encoder's choice.
#pragma once

#include <cstddef>
#include <cstdint>

#include "loopfilter/arithmetic.h"

namespace zvc {

// Sums over samples as filter_statistics gives them, times what a squared unit is worth in bits; `ridge` is added to the diagonal before solving.
struct FilterEquations {
    double products[kFilterTaps][kFilterTaps];
    double correlations[kFilterTaps];
    double ridge;
};

// The coefficients that leave the least error, and the bits they save beyond their own; zeros and 0 where they do not.
double fit_filter(const FilterEquations& sums, std::int8_t coefficients[kFilterTaps]) noexcept;

// Filters for the classes of `sums` (those without samples have ridge 0, and zeros), those of several merged while that saves bits, or on the way to where
// it does. coefficients: (kFilterClasses, kFilterTaps). The bits saved beyond those of filters and map.
double merge_filters(const FilterEquations sums[kFilterClasses], std::int8_t* coefficients);

}  // namespace zvc
