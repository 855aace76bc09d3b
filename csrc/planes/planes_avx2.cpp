#include <immintrin.h>

#include "planes/error_block.h"
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

// What a register holds of a row: two blocks of uint8, one of uint16.
template <class Sample>
constexpr std::size_t kBlocks = 32 / sizeof(Sample) / kErrorBlock;

// Sums of |x - y|: of uint8 by eights as four int64, of uint16 by pairs as eight int32, of which 16 rows fit.
inline __m256i distances(const std::uint8_t*, __m256i x, __m256i y) { return _mm256_sad_epu8(x, y); }
inline __m256i distances(const std::uint16_t*, __m256i x, __m256i y) {
    const __m256i d = _mm256_or_si256(_mm256_subs_epu16(x, y), _mm256_subs_epu16(y, x));
    return _mm256_add_epi32(_mm256_and_si256(d, _mm256_set1_epi32(0xFFFF)), _mm256_srli_epi32(d, 16));
}

inline void put(const std::uint8_t*, __m256i sum, std::uint32_t* out) {
    const __m256i blocks = _mm256_add_epi32(sum, _mm256_srli_si256(sum, 8));
    out[0] = static_cast<std::uint32_t>(_mm256_extract_epi32(blocks, 0));
    out[1] = static_cast<std::uint32_t>(_mm256_extract_epi32(blocks, 4));
}
inline void put(const std::uint16_t*, __m256i sum, std::uint32_t* out) {
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    four = _mm_add_epi32(four, _mm_srli_si128(four, 8));
    out[0] = static_cast<std::uint32_t>(_mm_cvtsi128_si32(four) + _mm_extract_epi32(four, 1));
}

template <class Sample, bool kTwo>
inline void errors_of(const ErrorRow& row) {
    const Sample* type = nullptr;
    std::size_t block = 0;
    for (; (block + kBlocks<Sample>) * kErrorBlock <= row.width; block += kBlocks<Sample>) {
        const std::size_t offset = block * kErrorBlock * sizeof(Sample);
        __m256i sum[3] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
        for (std::size_t y = 0; y < row.rows; ++y) {
            const auto at = static_cast<std::ptrdiff_t>(y);
            const __m256i now = load(row.now + at * row.now_stride + offset), a = load(row.a + at * row.a_stride + offset);
            sum[0] = _mm256_add_epi32(sum[0], distances(type, now, a));
            if constexpr (kTwo) {
                const __m256i b = load(row.b + at * row.b_stride + offset);
                const __m256i both = sizeof(Sample) == 1 ? _mm256_avg_epu8(a, b) : _mm256_avg_epu16(a, b);
                sum[1] = _mm256_add_epi32(sum[1], distances(type, now, b));
                sum[2] = _mm256_add_epi32(sum[2], distances(type, now, both));
            }
        }
        for (int n = 0; n < (kTwo ? 3 : 1); ++n) put(type, sum[n], row.sums[n] + block);
    }
    for (; block * kErrorBlock < row.width; ++block) error_block<Sample>(row, block);
}

template <class Sample>
void errors_avx2(const ErrorRow& row) noexcept {
    if (row.b) {
        errors_of<Sample, true>(row);
    } else {
        errors_of<Sample, false>(row);
    }
}

}  // namespace

const PlaneKernels kPlaneAvx2 = {{average_avx2<std::uint8_t>, average_avx2<std::uint16_t>},
                                 {errors_avx2<std::uint8_t>, errors_avx2<std::uint16_t>}};

}  // namespace zvc
