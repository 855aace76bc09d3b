#include <cstdlib>

#include "motion/satd.h"

namespace zvc {
namespace {

// Hadamard transform of eight values that are `step` apart.
void hadamard8(int* v, int step) {
    for (int half = 1; half < 8; half *= 2)
        for (int start = 0; start < 8; start += 2 * half)
            for (int k = start; k < start + half; ++k) {
                const int a = v[k * step], b = v[(k + half) * step];
                v[k * step] = a + b;
                v[(k + half) * step] = a - b;
            }
}

std::uint32_t magnitudes(const std::uint8_t* a, std::ptrdiff_t a_stride, const std::uint8_t* b, std::ptrdiff_t b_stride) {
    int v[64];
    for (int y = 0; y < 8; ++y)
        for (int x = 0; x < 8; ++x) v[8 * y + x] = a[y * a_stride + x] - b[y * b_stride + x];
    for (int n = 0; n < 8; ++n) hadamard8(v + 8 * n, 1);
    for (int n = 0; n < 8; ++n) hadamard8(v + n, 8);
    std::uint32_t sum = 0;
    for (const int value : v) sum += static_cast<std::uint32_t>(std::abs(value));
    return sum;
}

template <int kSize>
std::uint32_t satd_scalar(const std::uint8_t* a, std::ptrdiff_t a_stride, const std::uint8_t* b, std::ptrdiff_t b_stride) noexcept {
    std::uint32_t sum = 0;
    for (int y = 0; y < kSize; y += 8)
        for (int x = 0; x < kSize; x += 8) sum += magnitudes(a + y * a_stride + x, a_stride, b + y * b_stride + x, b_stride);
    return sum / 8;
}

}  // namespace

const SatdKernels kSatdScalar = {{satd_scalar<32>, satd_scalar<16>, satd_scalar<8>}};

}  // namespace zvc
