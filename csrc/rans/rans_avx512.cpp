// GCC 12 and 13 warn about their own header's undefined merge operands (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include "rans/rans_steps.h"

namespace zvc {

namespace {

inline __m128i load16(const void* bytes) { return _mm_loadu_si128(static_cast<const __m128i*>(bytes)); }
inline __m256i load32(const void* bytes) { return _mm256_loadu_si256(static_cast<const __m256i*>(bytes)); }
inline __m512i load64(const void* bytes) { return _mm512_loadu_si512(bytes); }
inline unsigned count_of(unsigned mask) { return static_cast<unsigned>(__builtin_popcount(mask)); }

const uint8_t* decode_32(uint32_t* states, const uint8_t* words, const uint8_t* end, const RansTables& tables,
                         const uint8_t* index, std::size_t rounds, uint8_t* symbols) {
    const __m512i low12 = _mm512_set1_epi32(4095), one = _mm512_set1_epi32(1);
    __m512i x[2] = {load64(states), load64(states + 16)};
    for (; rounds > 0 && words <= end; --rounds, index += 32, symbols += 32) {
        for (int v = 0; v < 2; ++v) {
            const __m512i t = _mm512_slli_epi32(_mm512_cvtepu8_epi32(load16(index + 16 * v)), kProbBits);
            const __m512i entry =
                _mm512_i32gather_epi32(_mm512_or_si512(t, _mm512_and_si512(x[v], low12)), tables.decode(), 4);
            _mm_storeu_si128(reinterpret_cast<__m128i*>(symbols + 16 * v),
                             _mm512_cvtepi32_epi8(_mm512_srli_epi32(entry, 24)));
            const __m512i frequency = _mm512_add_epi32(_mm512_and_si512(_mm512_srli_epi32(entry, 12), low12), one);
            x[v] = _mm512_add_epi32(_mm512_mullo_epi32(frequency, _mm512_srli_epi32(x[v], kProbBits)),
                                    _mm512_and_si512(entry, low12));
            const __mmask16 below = _mm512_cmplt_epu32_mask(x[v], _mm512_set1_epi32(kLowerBound));
            const __m512i next = _mm512_maskz_expand_epi32(below, _mm512_cvtepu16_epi32(load32(words)));
            x[v] = _mm512_mask_or_epi32(x[v], below, _mm512_slli_epi32(x[v], 16), next);
            words += 2 * count_of(below);
        }
    }
    _mm512_storeu_si512(states, x[0]);
    _mm512_storeu_si512(states + 16, x[1]);
    return words;
}

const uint8_t* decode_avx512(uint32_t* states, unsigned lanes, const uint8_t* words, const uint8_t* end,
                             const RansTables& tables, const uint8_t* index, std::size_t n, uint8_t* symbols) {
    const RansKernels& scalar = rans_kernels_scalar();
    // 8 lanes are one gather and one chain: slower than the plain code (2.2 against 3.2 ns a symbol on Zen 5).
    if (lanes != 32) return scalar.decode(states, lanes, words, end, tables, index, n, symbols);
    const std::size_t rounds = n / 32, whole = rounds * 32;
    words = decode_32(states, words, end, tables, index, rounds, symbols);
    return scalar.decode(states, lanes, words, end, tables, index + whole, n - whole, symbols + whole);
}

RansStatus expand_avx512(const uint8_t* index, std::size_t n, unsigned skip_below, const uint8_t* symbols,
                         const uint32_t* info, RawReader& raw, int16_t* values) {
    const __m128i skip = _mm_set1_epi8(static_cast<char>(skip_below));
    const __m512i low8 = _mm512_set1_epi32(255);
    std::size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const __m128i index16 = load16(index + i);
        const __mmask16 kept = _mm_cmpge_epu8_mask(index16, skip);
        if (kept == 0) {
            _mm256_storeu_si256(reinterpret_cast<__m256i*>(values + i), _mm256_setzero_si256());
            continue;
        }
        const __m512i symbol = _mm512_maskz_expand_epi32(kept, _mm512_cvtepu8_epi32(load16(symbols)));
        const __m512i t = _mm512_i32gather_epi32(_mm512_cvtepu8_epi32(index16), info, 4);
        const __m512i shift = _mm512_and_si512(t, low8);
        const __m512i bucket = _mm512_add_epi32(_mm512_srai_epi32(t, 16), symbol);
        // Wraps only the range's end, 32768, under an escape, which is replaced below.
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(values + i),
                            _mm512_cvtepi32_epi16(_mm512_maskz_sllv_epi32(kept, bucket, shift)));
        const __m512i escape = _mm512_and_si512(_mm512_srli_epi32(t, 8), low8);
        const __mmask16 more = kept & (_mm512_cmpeq_epi32_mask(symbol, escape) | _mm512_test_epi32_mask(shift, shift));
        for (unsigned rest = more; rest; rest &= rest - 1) {
            const unsigned at = static_cast<unsigned>(__builtin_ctz(rest));
            const uint32_t s = symbols[count_of(kept & ((1u << at) - 1))];
            const RansStatus status = raw_get_value(raw, s, unpack_info(info[index[i + at]]), values[i + at]);
            if (status != RansStatus::kOk) return status;
        }
        symbols += count_of(kept);
    }
    return rans_kernels_scalar().expand(index + i, n - i, skip_below, symbols, info, raw, values + i);
}

std::size_t map_avx512(const int16_t* values, const uint8_t* index, std::size_t n, unsigned skip_below,
                       const RansTables& tables, RawWriter& raw, uint32_t* entries) {
    const uint32_t* const begin = entries;
    const __m128i skip = _mm_set1_epi8(static_cast<char>(skip_below));
    const __m512i low8 = _mm512_set1_epi32(255);
    std::size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const __m128i index16 = load16(index + i);
        const __mmask16 kept = _mm_cmpge_epu8_mask(index16, skip);
        if (kept == 0) continue;
        const __m512i t_index = _mm512_cvtepu8_epi32(index16);
        const __m512i t = _mm512_i32gather_epi32(t_index, tables.info(), 4);
        const __m512i shift = _mm512_and_si512(t, low8), escape = _mm512_and_si512(_mm512_srli_epi32(t, 8), low8);
        const __m512i value = _mm512_cvtepi16_epi32(load32(values + i));
        // Buckets below the first wrap to large unsigned numbers: one minimum finds both kinds of escape.
        const __m512i bucket = _mm512_sub_epi32(_mm512_srav_epi32(value, shift), _mm512_srai_epi32(t, 16));
        const __m512i symbol = _mm512_min_epu32(bucket, escape);
        const __m512i entry =
            _mm512_i32gather_epi32(_mm512_or_si512(_mm512_slli_epi32(t_index, 8), symbol), tables.encode(), 4);
        _mm512_storeu_si512(entries, _mm512_maskz_compress_epi32(kept, entry));
        entries += count_of(kept);
        unsigned rest = kept & (_mm512_cmpeq_epi32_mask(symbol, escape) | _mm512_test_epi32_mask(shift, shift));
        if (rest == 0) continue;
        alignas(64) uint32_t symbols[16];
        _mm512_store_si512(symbols, symbol);
        for (; rest; rest &= rest - 1) {
            const unsigned at = static_cast<unsigned>(__builtin_ctz(rest));
            raw_put_value(raw, values[i + at], symbols[at], unpack_info(tables.info()[index[i + at]]));
        }
    }
    entries += rans_kernels_scalar().map(values + i, index + i, n - i, skip_below, tables, raw, entries);
    return static_cast<std::size_t>(entries - begin);
}

// The division is that of encode_rounds in rans_avx2.cpp, whose bound holds here too.
uint8_t* encode_32(uint32_t* states, const uint32_t* entries, std::size_t rounds, uint8_t* words) {
    const __m512i low12 = _mm512_set1_epi32(4095), one = _mm512_set1_epi32(1), total = _mm512_set1_epi32(kProbTotal);
    const __m512 scale = _mm512_set1_ps(1.0f - 0x1p-21f);
    __m512i x[2] = {load64(states), load64(states + 16)};
    while (rounds-- > 0) {
        for (int v = 1; v >= 0; --v) {
            const __m512i entry = load64(entries + rounds * 32 + 16 * static_cast<unsigned>(v));
            const __m512i frequency = _mm512_add_epi32(_mm512_and_si512(_mm512_srli_epi32(entry, 12), low12), one);
            const __m512 reciprocal =
                _mm512_mul_ps(_mm512_div_ps(_mm512_set1_ps(1.0f), _mm512_cvtepi32_ps(frequency)), scale);
            const __mmask16 full = _mm512_cmpge_epu32_mask(_mm512_srli_epi32(x[v], 20), frequency);
            const unsigned count = count_of(full);
            words -= 2 * count;
            _mm256_mask_storeu_epi16(words, static_cast<__mmask16>((1u << count) - 1),
                                     _mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32(full, x[v])));
            const __m512i y = _mm512_mask_srli_epi32(x[v], full, x[v], 16);
            const __m512i quotient = _mm512_cvttps_epi32(_mm512_mul_ps(_mm512_cvtepu32_ps(y), reciprocal));
            const __m512i rest = _mm512_sub_epi32(y, _mm512_mullo_epi32(quotient, frequency));
            const __mmask16 short_by_one = _mm512_cmpge_epu32_mask(rest, frequency);
            const __m512i base = _mm512_add_epi32(
                rest, _mm512_add_epi32(_mm512_slli_epi32(quotient, kProbBits), _mm512_and_si512(entry, low12)));
            x[v] = _mm512_mask_add_epi32(base, short_by_one, base, _mm512_sub_epi32(total, frequency));
        }
    }
    _mm512_storeu_si512(states, x[0]);
    _mm512_storeu_si512(states + 16, x[1]);
    return words;
}

uint8_t* encode_avx512(uint32_t* states, unsigned lanes, const uint32_t* entries, std::size_t n, uint8_t* words) {
    if (lanes != 32) return rans_kernels_avx2().encode(states, lanes, entries, n, words);
    const std::size_t rounds = n / 32, whole = rounds * 32;
    words = rans_kernels_scalar().encode(states, lanes, entries + whole, n - whole, words);
    return encode_32(states, entries, rounds, words);
}

}  // namespace

const RansKernels& rans_kernels_avx512() noexcept {
    static const RansKernels kernels{rans_kernels_avx2().compact, decode_avx512, expand_avx512, map_avx512,
                                     encode_avx512};
    return kernels;
}

}  // namespace zvc
