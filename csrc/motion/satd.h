// Sums of absolute transformed differences of square blocks: what coding a prediction's error costs, nearly. Unlike plain differences they are
// small where the error is smooth, which few coefficients hold.
#pragma once

#include "common/isa.h"
#include "motion/sad.h"

namespace zvc {

// Magnitudes of the Hadamard transforms of all 8x8 in a block, scaled as an orthonormal transform's (the sum / 8): at most 64 * 255 for each 8x8, as
// of plain differences.
struct SatdKernels {
    Sad satd[3];  // of 32x32, 16x16, 8x8 samples
};

const SatdKernels& satd_kernels(Isa isa) noexcept;

extern const SatdKernels kSatdScalar;
extern const SatdKernels kSatdAvx2;

}  // namespace zvc
