#include <immintrin.h>

#include "rans/rans_lut.h"
#include "rans/rans_steps.h"

namespace zvc {

namespace {

inline __m128i load8(const void* bytes) { return _mm_loadl_epi64(static_cast<const __m128i*>(bytes)); }
inline __m256i load32(const void* bytes) { return _mm256_loadu_si256(static_cast<const __m256i*>(bytes)); }
inline __m256i lane_order(uint64_t permutation) {
    return _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<int64_t>(permutation)));
}
inline unsigned mask_of(__m256i lanes) {
    return static_cast<unsigned>(_mm256_movemask_ps(_mm256_castsi256_ps(lanes)));
}
inline unsigned count_of(unsigned mask) { return static_cast<unsigned>(__builtin_popcount(mask)); }

// 8 indices and which of them are coded.
struct Group {
    __m128i index, kept;
    unsigned mask;
};

inline Group load_group(const uint8_t* index, __m128i skip_below) {
    const __m128i i = load8(index);
    const __m128i kept = _mm_cmpeq_epi8(_mm_max_epu8(i, skip_below), i);
    return {i, kept, static_cast<unsigned>(_mm_movemask_epi8(kept)) & 255};
}

std::size_t compact_avx2(const uint8_t* index, std::size_t n, unsigned skip_below, uint8_t* out) {
    const uint8_t* const begin = out;
    const __m128i skip = _mm_set1_epi8(static_cast<char>(skip_below));
    std::size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const Group group = load_group(index + i, skip);
        _mm_storel_epi64(reinterpret_cast<__m128i*>(out),
                         _mm_shuffle_epi8(group.index, load8(&kPack[group.mask])));
        out += count_of(group.mask);
    }
    for (; i < n; ++i)
        if (index[i] >= skip_below) *out++ = index[i];
    return static_cast<std::size_t>(out - begin);
}

inline void store_symbols(const __m256i* entries, uint8_t* symbols) {
    const __m256i low = _mm256_packus_epi32(_mm256_srli_epi32(entries[0], 24), _mm256_srli_epi32(entries[1], 24));
    const __m256i high = _mm256_packus_epi32(_mm256_srli_epi32(entries[2], 24), _mm256_srli_epi32(entries[3], 24));
    // Packing works inside 128-bit halves: undo their interleaving.
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(symbols),
                        _mm256_permutevar8x32_epi32(_mm256_packus_epi16(low, high), order));
}

const uint8_t* decode_32(uint32_t* states, const uint8_t* words, const uint8_t* end, const RansTables& tables,
                         const uint8_t* index, std::size_t rounds, uint8_t* symbols) {
    const int* const base = reinterpret_cast<const int*>(tables.decode());
    const __m256i low12 = _mm256_set1_epi32(4095), one = _mm256_set1_epi32(1), zero = _mm256_setzero_si256();
    __m256i x[4], entry[4];
    for (int v = 0; v < 4; ++v) x[v] = load32(states + 8 * v);
    for (; rounds > 0 && words <= end; --rounds, index += 32, symbols += 32) {
        for (int v = 0; v < 4; ++v) {
            const __m256i t = _mm256_slli_epi32(_mm256_cvtepu8_epi32(load8(index + 8 * v)), kProbBits);
            entry[v] = _mm256_i32gather_epi32(base, _mm256_or_si256(t, _mm256_and_si256(x[v], low12)), 4);
            const __m256i frequency =
                _mm256_add_epi32(_mm256_and_si256(_mm256_srli_epi32(entry[v], 12), low12), one);
            x[v] = _mm256_add_epi32(_mm256_mullo_epi32(frequency, _mm256_srli_epi32(x[v], kProbBits)),
                                    _mm256_and_si256(entry[v], low12));
            const __m256i below = _mm256_cmpeq_epi32(_mm256_srli_epi32(x[v], 16), zero);
            const unsigned mask = mask_of(below);
            const __m256i next =
                _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(words)));
            const __m256i spread = _mm256_permutevar8x32_epi32(next, lane_order(kSpread[mask]));
            x[v] = _mm256_blendv_epi8(x[v], _mm256_or_si256(_mm256_slli_epi32(x[v], 16), spread), below);
            words += 2 * count_of(mask);
        }
        store_symbols(entry, symbols);
    }
    for (int v = 0; v < 4; ++v) _mm256_storeu_si256(reinterpret_cast<__m256i*>(states + 8 * v), x[v]);
    return words;
}

const uint8_t* decode_avx2(uint32_t* states, unsigned lanes, const uint8_t* words, const uint8_t* end,
                           const RansTables& tables, const uint8_t* index, std::size_t n, uint8_t* symbols) {
    const RansKernels& scalar = rans_kernels_scalar();
    // 8 lanes are one gather and one chain: slower than the plain code (2.2 against 3.2 ns a symbol on Zen 5).
    if (lanes != 32) return scalar.decode(states, lanes, words, end, tables, index, n, symbols);
    const std::size_t rounds = n / 32, whole = rounds * 32;
    words = decode_32(states, words, end, tables, index, rounds, symbols);
    return scalar.decode(states, lanes, words, end, tables, index + whole, n - whole, symbols + whole);
}

RansStatus expand_avx2(const uint8_t* index, std::size_t n, unsigned skip_below, const uint8_t* symbols,
                       const uint32_t* info, RawReader& raw, int16_t* values) {
    const int* const base = reinterpret_cast<const int*>(info);
    const __m128i skip = _mm_set1_epi8(static_cast<char>(skip_below));
    const __m256i low8 = _mm256_set1_epi32(255), zero = _mm256_setzero_si256();
    std::size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const Group group = load_group(index + i, skip);
        if (group.mask == 0) {
            _mm_storeu_si128(reinterpret_cast<__m128i*>(values + i), _mm_setzero_si128());
            continue;
        }
        const __m256i symbol = _mm256_cvtepu8_epi32(_mm_shuffle_epi8(load8(symbols), load8(&kSpread[group.mask])));
        const __m256i t = _mm256_i32gather_epi32(base, _mm256_cvtepu8_epi32(group.index), 4);
        const __m256i kept = _mm256_cvtepi8_epi32(group.kept), shift = _mm256_and_si256(t, low8);
        const __m256i bucket = _mm256_add_epi32(_mm256_srai_epi32(t, 16), symbol);
        const __m256i value = _mm256_and_si256(_mm256_sllv_epi32(bucket, shift), kept);
        // Saturates only the range's end, 32768, under an escape, which is replaced below.
        _mm_storeu_si128(reinterpret_cast<__m128i*>(values + i),
                         _mm_packs_epi32(_mm256_castsi256_si128(value), _mm256_extracti128_si256(value, 1)));
        const __m256i escaped = _mm256_cmpeq_epi32(symbol, _mm256_and_si256(_mm256_srli_epi32(t, 8), low8));
        const __m256i more = _mm256_or_si256(escaped, _mm256_cmpgt_epi32(shift, zero));
        for (unsigned rest = mask_of(_mm256_and_si256(more, kept)); rest; rest &= rest - 1) {
            const unsigned at = static_cast<unsigned>(__builtin_ctz(rest));
            const uint32_t s = symbols[count_of(group.mask & ((1u << at) - 1))];
            const RansStatus status = raw_get_value(raw, s, unpack_info(info[index[i + at]]), values[i + at]);
            if (status != RansStatus::kOk) return status;
        }
        symbols += count_of(group.mask);
    }
    return rans_kernels_scalar().expand(index + i, n - i, skip_below, symbols, info, raw, values + i);
}

std::size_t map_avx2(const int16_t* values, const uint8_t* index, std::size_t n, unsigned skip_below,
                     const RansTables& tables, RawWriter& raw, uint32_t* entries) {
    const uint32_t* const begin = entries;
    const int* const info = reinterpret_cast<const int*>(tables.info());
    const int* const encode = reinterpret_cast<const int*>(tables.encode());
    const __m128i skip = _mm_set1_epi8(static_cast<char>(skip_below));
    const __m256i low8 = _mm256_set1_epi32(255), zero = _mm256_setzero_si256();
    std::size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const Group group = load_group(index + i, skip);
        if (group.mask == 0) continue;
        const __m256i t_index = _mm256_cvtepu8_epi32(group.index);
        const __m256i t = _mm256_i32gather_epi32(info, t_index, 4);
        const __m256i shift = _mm256_and_si256(t, low8), escape = _mm256_and_si256(_mm256_srli_epi32(t, 8), low8);
        const __m256i value = _mm256_cvtepi16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(values + i)));
        // Buckets below the first wrap to large unsigned numbers: one minimum finds both kinds of escape.
        const __m256i bucket = _mm256_sub_epi32(_mm256_srav_epi32(value, shift), _mm256_srai_epi32(t, 16));
        const __m256i symbol = _mm256_min_epu32(bucket, escape);
        const __m256i entry =
            _mm256_i32gather_epi32(encode, _mm256_or_si256(_mm256_slli_epi32(t_index, 8), symbol), 4);
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(entries),
                            _mm256_permutevar8x32_epi32(entry, lane_order(kPack[group.mask])));
        entries += count_of(group.mask);
        const __m256i more = _mm256_or_si256(_mm256_cmpeq_epi32(symbol, escape), _mm256_cmpgt_epi32(shift, zero));
        unsigned rest = mask_of(more) & group.mask;
        if (rest == 0) continue;
        alignas(32) uint32_t symbols[8];
        _mm256_store_si256(reinterpret_cast<__m256i*>(symbols), symbol);
        for (; rest; rest &= rest - 1) {
            const unsigned at = static_cast<unsigned>(__builtin_ctz(rest));
            raw_put_value(raw, values[i + at], symbols[at], unpack_info(tables.info()[index[i + at]]));
        }
    }
    entries += rans_kernels_scalar().map(values + i, index + i, n - i, skip_below, tables, raw, entries);
    return static_cast<std::size_t>(entries - begin);
}

// x / frequency is found in floats: x < frequency * 2^20, so the quotient is below 2^20. Its four roundings
// (of x, of the reciprocal twice, of the product) are each within 2^-24; scaled by 1 - 2^-21 the estimate is
// never above the quotient and less than 2^20 * (2^-21 + 2^-22) < 1 below it: floor is exact or one too
// small, and the remainder tells which.
template <int kVectors>
uint8_t* encode_rounds(uint32_t* states, const uint32_t* entries, std::size_t rounds, uint8_t* words) {
    const __m256i low12 = _mm256_set1_epi32(4095), low16 = _mm256_set1_epi32(0xFFFF), one = _mm256_set1_epi32(1);
    const __m256i total = _mm256_set1_epi32(kProbTotal);
    const __m256 scale = _mm256_set1_ps(1.0f - 0x1p-21f), two16 = _mm256_set1_ps(65536.0f);
    __m256i x[kVectors];
    for (int v = 0; v < kVectors; ++v) x[v] = load32(states + 8 * v);
    while (rounds-- > 0) {
        for (int v = kVectors - 1; v >= 0; --v) {
            const __m256i entry = load32(entries + (rounds * kVectors + static_cast<unsigned>(v)) * 8);
            const __m256i less = _mm256_and_si256(_mm256_srli_epi32(entry, 12), low12);
            const __m256i frequency = _mm256_add_epi32(less, one);
            const __m256i full = _mm256_cmpgt_epi32(_mm256_srli_epi32(x[v], 20), less);
            const unsigned mask = mask_of(full);
            const __m256i out = _mm256_permutevar8x32_epi32(_mm256_and_si256(x[v], low16), lane_order(kPackHigh[mask]));
            // The words end at `words`; what lies before them is overwritten later.
            _mm_storeu_si128(reinterpret_cast<__m128i*>(words - 16),
                             _mm_packus_epi32(_mm256_castsi256_si128(out), _mm256_extracti128_si256(out, 1)));
            words -= 2 * count_of(mask);
            const __m256i y = _mm256_blendv_epi8(x[v], _mm256_srli_epi32(x[v], 16), full);
            const __m256 reciprocal =
                _mm256_mul_ps(_mm256_div_ps(_mm256_set1_ps(1.0f), _mm256_cvtepi32_ps(frequency)), scale);
            const __m256 real = _mm256_fmadd_ps(_mm256_cvtepi32_ps(_mm256_srli_epi32(y, 16)), two16,
                                                _mm256_cvtepi32_ps(_mm256_and_si256(y, low16)));
            const __m256i quotient = _mm256_cvttps_epi32(_mm256_mul_ps(real, reciprocal));
            const __m256i rest = _mm256_sub_epi32(y, _mm256_mullo_epi32(quotient, frequency));
            const __m256i correction =
                _mm256_and_si256(_mm256_cmpgt_epi32(rest, less), _mm256_sub_epi32(total, frequency));
            x[v] = _mm256_add_epi32(
                _mm256_add_epi32(_mm256_slli_epi32(quotient, kProbBits), _mm256_and_si256(entry, low12)),
                _mm256_add_epi32(rest, correction));
        }
    }
    for (int v = 0; v < kVectors; ++v) _mm256_storeu_si256(reinterpret_cast<__m256i*>(states + 8 * v), x[v]);
    return words;
}

uint8_t* encode_avx2(uint32_t* states, unsigned lanes, const uint32_t* entries, std::size_t n, uint8_t* words) {
    if (lanes < 8) return rans_kernels_scalar().encode(states, lanes, entries, n, words);
    const std::size_t rounds = n / lanes, whole = rounds * lanes;
    words = rans_kernels_scalar().encode(states, lanes, entries + whole, n - whole, words);
    return lanes == 8 ? encode_rounds<1>(states, entries, rounds, words)
                      : encode_rounds<4>(states, entries, rounds, words);
}

}  // namespace

const RansKernels& rans_kernels_avx2() noexcept {
    static const RansKernels kernels{compact_avx2, decode_avx2, expand_avx2, map_avx2, encode_avx2};
    return kernels;
}

}  // namespace zvc
