#include "motion/filter.h"

#include <algorithm>

#include "warp/warp.h"

namespace zvc {

void filter_area(Isa isa, const std::uint8_t* source, std::ptrdiff_t stride, std::uint8_t* out, std::ptrdiff_t out_stride, int w, int h,
                 const AreaTaps& taps) noexcept {
    int x = 0;
#if defined(__x86_64__)
    if (isa >= Isa::kAvx2)
        for (; x + 32 <= w; x += 32) filter_strip_avx2(source + x, stride, out + x, out_stride, h, taps);
#endif
    if (x == w) return;
    const auto kernel = taps.sharp ? warp_kernels(isa).long8 : warp_kernels(isa).block8;
    for (int y = 0; y < h; y += kWarpRows)
        kernel(source + y * stride + x, stride, out + y * out_stride + x, out_stride, w - x, std::min(h - y, kWarpRows), taps.x, taps.y);
}

}  // namespace zvc
