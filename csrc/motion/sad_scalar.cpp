#include <cstdlib>

#include "motion/sad.h"

namespace zvc {
namespace {

template <int kSize>
std::uint32_t sad_scalar(const std::uint8_t* a, std::ptrdiff_t a_stride, const std::uint8_t* b,
                         std::ptrdiff_t b_stride) noexcept {
    std::uint32_t sum = 0;
    for (int y = 0; y < kSize; ++y, a += a_stride, b += b_stride)
        for (int x = 0; x < kSize; ++x) sum += static_cast<std::uint32_t>(std::abs(a[x] - b[x]));
    return sum;
}

void row_scalar(const std::uint8_t* a, std::ptrdiff_t a_stride, const std::uint8_t* b, std::ptrdiff_t b_stride, int count, int step,
                std::uint16_t* sums) noexcept {
    for (int n = 0; n < count; n += step) sums[n] = static_cast<std::uint16_t>(sad_scalar<8>(a, a_stride, b + n, b_stride));
}

}  // namespace

const SadKernels kSadScalar = {{sad_scalar<32>, sad_scalar<16>, sad_scalar<8>}, row_scalar};

}  // namespace zvc
