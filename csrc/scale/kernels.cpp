#include "scale/kernels.h"

namespace zvc {

const ScaleKernels& scale_kernels(Isa isa) noexcept {
#if defined(__x86_64__)
    if (isa >= Isa::kAvx512) return kScaleAvx512;
    if (isa >= Isa::kAvx2) return kScaleAvx2;
#endif
    (void)isa;
    return kScaleScalar;
}

}  // namespace zvc
