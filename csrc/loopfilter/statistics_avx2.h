// Of kLoopFilterAvx2; loopfilter.h says what they do.
#pragma once

#include "loopfilter/loopfilter.h"

namespace zvc {

void statistics_avx2(const StatisticsBand& band, FilterSums* classes) noexcept;
void finish_avx2(FilterSums& sums) noexcept;

}  // namespace zvc
