#include "warp/warp.h"

namespace zvc {

const Taps kBicubic = ZVC_BICUBIC_TAPS, kBilinear = ZVC_BILINEAR_TAPS;
const LongTaps kSharp = ZVC_SHARP_TAPS;

const WarpKernels& warp_kernels(Isa isa) noexcept {
#if defined(__x86_64__)
    if (isa >= Isa::kAvx512) return kWarpAvx512;
    if (isa >= Isa::kAvx2) return kWarpAvx2;
#endif
    (void)isa;
    return kWarpScalar;
}

}  // namespace zvc
