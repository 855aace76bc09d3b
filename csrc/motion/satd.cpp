#include "motion/satd.h"

namespace zvc {

const SatdKernels& satd_kernels(Isa isa) noexcept {
#if defined(__x86_64__)
    if (isa >= Isa::kAvx2) return kSatdAvx2;
#endif
    (void)isa;
    return kSatdScalar;
}

}  // namespace zvc
