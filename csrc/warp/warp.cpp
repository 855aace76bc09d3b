#include "warp/warp.h"

namespace zvc {

// Catmull-Rom, times 64 and rounded so that the sum is 64.
const Taps kBicubic = {{{0, 64, 0, 0},
                        {-3, 62, 6, -1},
                        {-4, 55, 14, -1},
                        {-5, 47, 25, -3},
                        {-4, 36, 36, -4},
                        {-3, 25, 47, -5},
                        {-1, 14, 55, -4},
                        {-1, 6, 62, -3}}};

const Taps kBilinear = {{{0, 64, 0, 0},
                         {0, 56, 8, 0},
                         {0, 48, 16, 0},
                         {0, 40, 24, 0},
                         {0, 32, 32, 0},
                         {0, 24, 40, 0},
                         {0, 16, 48, 0},
                         {0, 8, 56, 0}}};

const WarpKernels& warp_kernels(Isa isa) noexcept {
#if defined(__x86_64__)
    if (isa >= Isa::kAvx512) return kWarpAvx512;
    if (isa >= Isa::kAvx2) return kWarpAvx2;
#endif
    (void)isa;
    return kWarpScalar;
}

}  // namespace zvc
