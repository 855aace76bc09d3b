#include "motion/sad.h"

namespace zvc {

const SadKernels& sad_kernels(Isa isa) noexcept {
#if defined(__x86_64__)
    // Rows have 32 samples at most: wider registers would spend on gathering rows what they save.
    if (isa >= Isa::kAvx2) return kSadAvx2;
#endif
    (void)isa;
    return kSadScalar;
}

}  // namespace zvc
