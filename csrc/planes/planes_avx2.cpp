#include <immintrin.h>

#include "planes/planes.h"

namespace zvc {
namespace {

inline __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }

template <class Sample>
inline __m256i mean(const Sample* a, const Sample* b) {
    return sizeof(Sample) == 1 ? _mm256_avg_epu8(load(a), load(b)) : _mm256_avg_epu16(load(a), load(b));
}

template <class Sample>
void average_avx2(const void* a, const void* b, void* out, std::size_t count) noexcept {
    constexpr std::size_t kStep = 32 / sizeof(Sample);
    if (count < kStep) return kPlaneScalar.average[sizeof(Sample) - 1](a, b, out, count);
    const auto *x = static_cast<const Sample*>(a), *y = static_cast<const Sample*>(b);
    auto* to = static_cast<Sample*>(out);
    // The last samples are made first: `out` may be `a`, where what the others leave there cannot be averaged again.
    const std::size_t last = count - kStep;
    const __m256i end = mean(x + last, y + last);
    for (std::size_t n = 0; n < last; n += kStep) _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + n), mean(x + n, y + n));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + last), end);
}

}  // namespace

const PlaneKernels kPlaneAvx2 = {{average_avx2<std::uint8_t>, average_avx2<std::uint16_t>}};

}  // namespace zvc
