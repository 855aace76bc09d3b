#include <immintrin.h>

#include <array>

#include "scale/symbols.h"

namespace zvc {
namespace {

constexpr std::array<std::uint8_t, 16> kCodes = [] {
    std::array<std::uint8_t, 16> codes{};
    for (int m = 0; m < 16; ++m) codes[m] = magnitude_code(m);
    return codes;
}();

void magnitude_codes_avx2(const std::int16_t* r, std::size_t count, std::uint8_t* code) noexcept {
    const __m256i table = _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(kCodes.data())));
    const __m256i last = _mm256_set1_epi16(15);
    const auto clipped = [&](const std::int16_t* p) {
        // |-32768| is 32768 as an unsigned number, which the unsigned minimum takes for what it is.
        return _mm256_min_epu16(_mm256_abs_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))), last);
    };
    std::size_t n = 0;
    for (; n + 32 <= count; n += 32) {
        const __m256i lanes = _mm256_packus_epi16(clipped(r + n), clipped(r + n + 16));
        const __m256i magnitude = _mm256_permute4x64_epi64(lanes, 0xD8);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(code + n), _mm256_shuffle_epi8(table, magnitude));
    }
    for (; n < count; ++n) code[n] = magnitude_code(r[n]);
}

__m128i load8(const std::uint8_t* p) { return _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)); }

void state_row_avx2(const std::uint8_t* const source[4], std::size_t columns, std::size_t symbols, int shift,
                    std::uint8_t* out) noexcept {
    if (symbols < 8) return kSymbolScalar.state_row(source, columns, symbols, shift, out);
    for (std::size_t j = 0; j < columns; ++j)
        // symbols is a multiple of 4; the last eight overlap those before them.
        for (std::size_t n = 0; n < symbols; n += 8) {
            const std::size_t from = n + 8 <= symbols ? n : symbols - 8, flip = j & 1, at = j * symbols + from;
            const __m128i first = _mm_unpacklo_epi8(load8(source[flip] + at), load8(source[1 ^ flip] + at));
            const __m128i second = _mm_unpacklo_epi8(load8(source[2 ^ flip] + at), load8(source[3 ^ flip] + at));
            // Values stay below 256 when shifted, so that none reaches the byte above.
            const __m128i count = _mm_cvtsi32_si128(shift);
            auto* to = reinterpret_cast<__m128i*>(out + 4 * at);
            _mm_storeu_si128(to, _mm_sll_epi16(_mm_unpacklo_epi16(first, second), count));
            _mm_storeu_si128(to + 1, _mm_sll_epi16(_mm_unpackhi_epi16(first, second), count));
        }
}

void block_means_avx2(const std::uint8_t* codes, std::size_t row, std::size_t channels, std::uint8_t* mean) noexcept {
    for (std::size_t c = 0; c < channels; c += 16) {
        __m256i sum = _mm256_set1_epi16(8);  // of 16 codes: at most 4088
        for (std::size_t block = 0; block < 16; ++block) {
            const auto* from = reinterpret_cast<const __m128i*>(codes + block / 4 * row + block % 4 * channels + c);
            sum = _mm256_add_epi16(sum, _mm256_cvtepu8_epi16(_mm_loadu_si128(from)));
        }
        const __m256i means = _mm256_srli_epi16(sum, 4);
        const __m128i bytes = _mm_packus_epi16(_mm256_castsi256_si128(means), _mm256_extracti128_si256(means, 1));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(mean + c), bytes);
    }
}

// out[n] = symbol n of eight columns, from rows of eight symbols that are `stride` apart.
void transpose8(const std::int16_t* in, std::size_t stride, __m128i out[8]) {
    __m128i a[8], b[8];
    for (int j = 0; j < 8; ++j) a[j] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in + j * stride));
    for (int j = 0; j < 4; ++j) {
        b[2 * j] = _mm_unpacklo_epi16(a[j], a[j + 4]);
        b[2 * j + 1] = _mm_unpackhi_epi16(a[j], a[j + 4]);
    }
    for (int half = 0; half < 2; ++half) {
        // b[half], b[2 + half], ...: symbols 4 half .. 4 half + 3 of columns (0, 4), (1, 5), (2, 6), (3, 7)
        const __m128i even_low = _mm_unpacklo_epi16(b[half], b[4 + half]);
        const __m128i even_high = _mm_unpackhi_epi16(b[half], b[4 + half]);
        const __m128i odd_low = _mm_unpacklo_epi16(b[2 + half], b[6 + half]);
        const __m128i odd_high = _mm_unpackhi_epi16(b[2 + half], b[6 + half]);
        out[4 * half] = _mm_unpacklo_epi16(even_low, odd_low);
        out[4 * half + 1] = _mm_unpackhi_epi16(even_low, odd_low);
        out[4 * half + 2] = _mm_unpacklo_epi16(even_high, odd_high);
        out[4 * half + 3] = _mm_unpackhi_epi16(even_high, odd_high);
    }
}

void residual_row_avx2(const std::int16_t* const source[4], std::size_t columns, std::size_t symbols, float* out,
                       std::size_t plane) noexcept {
    if (symbols < 8 || columns < 8) return kSymbolScalar.residual_row(source, columns, symbols, out, plane);
    // Tiles of 8x8; the last ones overlap those before. The number of columns is even, so that every tile begins at
    // an even one.
    for (std::size_t tile = 0; tile < columns; tile += 8) {
        const std::size_t j = tile + 8 <= columns ? tile : columns - 8;
        for (std::size_t first = 0; first < symbols; first += 8) {
            const std::size_t n = first + 8 <= symbols ? first : symbols - 8;
            __m128i values[4][8];
            for (int d = 0; d < 4; ++d) transpose8(source[d] + j * symbols + n, symbols, values[d]);
            for (std::size_t m = 0; m < 8; ++m)
                for (std::size_t d = 0; d < 4; ++d) {
                    const __m128i row = _mm_blend_epi16(values[d][m], values[d ^ 1][m], 0xAA);  // odd: the other
                    _mm256_storeu_ps(out + (4 * (n + m) + d) * plane + j, _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(row)));
                }
        }
    }
}

__m128i load8(const std::int16_t* p) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)); }

// Eight values as floats.
void store8(float* out, __m128i values) { _mm256_storeu_ps(out, _mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(values))); }

// As to_bfloat16.
void store8(std::uint16_t* out, __m128i values) {
    const __m256i bits = _mm256_castps_si256(_mm256_cvtepi32_ps(_mm256_cvtepi16_epi32(values)));
    const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i upper = _mm256_srli_epi32(_mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF))), 16);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), _mm_packus_epi32(_mm256_castsi256_si128(upper), _mm256_extracti128_si256(upper, 1)));
}

// symbols is 8 at least.
template <class Value>
void residual_row_last(const std::int16_t* const source[4], std::size_t columns, std::size_t symbols, Value* out) noexcept {
    for (std::size_t j = 0; j < columns; ++j)
        for (std::size_t n = 0; n < symbols; n += 8) {  // the last eight overlap those before them
            const std::size_t from = n + 8 <= symbols ? n : symbols - 8, flip = j & 1, at = j * symbols + from;
            const __m128i a = load8(source[flip] + at), b = load8(source[1 ^ flip] + at);
            const __m128i c = load8(source[2 ^ flip] + at), d = load8(source[3 ^ flip] + at);
            const __m128i ab_low = _mm_unpacklo_epi16(a, b), ab_high = _mm_unpackhi_epi16(a, b);
            const __m128i cd_low = _mm_unpacklo_epi16(c, d), cd_high = _mm_unpackhi_epi16(c, d);
            Value* to = out + 4 * at;
            store8(to, _mm_unpacklo_epi32(ab_low, cd_low));
            store8(to + 8, _mm_unpackhi_epi32(ab_low, cd_low));
            store8(to + 16, _mm_unpacklo_epi32(ab_high, cd_high));
            store8(to + 24, _mm_unpackhi_epi32(ab_high, cd_high));
        }
}

void residual_row_last_avx2(const std::int16_t* const source[4], std::size_t columns, std::size_t symbols, float* out) noexcept {
    if (symbols < 8) return kSymbolScalar.residual_row_last(source, columns, symbols, out);
    residual_row_last(source, columns, symbols, out);
}

void residual_row_bfloat16_avx2(const std::int16_t* const source[4], std::size_t columns, std::size_t symbols, std::uint16_t* out) noexcept {
    if (symbols < 8) return kSymbolScalar.residual_row_bfloat16(source, columns, symbols, out);
    residual_row_last(source, columns, symbols, out);
}

}  // namespace

const SymbolKernels kSymbolAvx2 = {magnitude_codes_avx2, state_row_avx2, block_means_avx2, residual_row_avx2,
                                    residual_row_last_avx2, residual_row_bfloat16_avx2};

}  // namespace zvc
