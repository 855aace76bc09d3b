#include "state/state.h"

namespace zvc {

const StateKernels& state_kernels(Isa isa) noexcept {
#if defined(__x86_64__)
    // Bound by memory: wider registers than AVX2's gain nothing.
    if (isa >= Isa::kAvx2) return kStateAvx2;
#endif
    (void)isa;
    return kStateScalar;
}

}  // namespace zvc
