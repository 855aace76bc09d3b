#include "quantise/quantise.h"

namespace zvc {

const QuantiseKernels& quantise_kernels(Isa isa) noexcept {
#if defined(__x86_64__)
    if (isa >= Isa::kAvx512) return kQuantiseAvx512;
    if (isa >= Isa::kAvx2) return kQuantiseAvx2;
#endif
    (void)isa;
    return kQuantiseScalar;
}

}  // namespace zvc
