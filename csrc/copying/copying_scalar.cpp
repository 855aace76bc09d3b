#include <bit>
#include <cstdint>

#include "copying/gains_tile.h"

namespace zvc {
namespace {

struct Scalar {
    using Reg = float;
    static constexpr std::size_t kLanes = 1;
    static float load(const float* p) { return *p; }
    static void store(float* p, float v) { *p = v; }
    static float all(float v) { return v; }
    static float add(float a, float b) { return a + b; }
    static float sub(float a, float b) { return a - b; }
    static float mul(float a, float b) { return a * b; }
    static float magnitude(float v) { return __builtin_fabsf(v); }
    static bool above(float a, float b) { return a > b; }
    static float where(bool which, float yes, float no) { return which ? yes : no; }
    static float exponent(float v) { return static_cast<float>(static_cast<std::int32_t>(std::bit_cast<std::uint32_t>(v) >> 23) - 127); }
    static float mantissa(float v) { return std::bit_cast<float>((std::bit_cast<std::uint32_t>(v) & 0x7FFFFFu) | 0x3F800000u); }
};

void band_scalar(const GainsJob& job, std::size_t band, float* sums) noexcept { gains_band<Scalar>(job, band, sums); }

}  // namespace

const CopyingKernels kCopyingScalar = {band_scalar};

}  // namespace zvc
