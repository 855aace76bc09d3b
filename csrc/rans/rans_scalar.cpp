#include "rans/rans_steps.h"

namespace zvc {

namespace {

std::size_t compact_scalar(const uint8_t* index, std::size_t n, unsigned skip_below, uint8_t* out) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < n; ++i) {
        out[kept] = index[i];
        kept += index[i] >= skip_below;
    }
    return kept;
}

const uint8_t* decode_scalar(uint32_t* states, unsigned lanes, const uint8_t* words, const uint8_t* end,
                             const uint32_t* table, const uint8_t* index, std::size_t n, uint8_t* symbols) {
    std::size_t i = 0;
    for (; i < n && words <= end; i += lanes) {  // a round reads at most 2 * lanes <= slack bytes
        const std::size_t round = n - i < lanes ? n - i : lanes;
        for (std::size_t lane = 0; lane < round; ++lane)
            symbols[i + lane] = static_cast<uint8_t>(decode_symbol(states[lane], words, table, index[i + lane]));
    }
    return words;
}

RansStatus expand_scalar(const uint8_t* index, std::size_t n, unsigned skip_below, const uint8_t* symbols,
                         const uint32_t* info, RawReader& raw, int16_t* values) {
    for (std::size_t i = 0; i < n; ++i) {
        if (index[i] < skip_below) {
            values[i] = 0;
            continue;
        }
        const TableInfo t = unpack_info(info[index[i]]);
        const uint32_t symbol = *symbols++;
        values[i] = static_cast<int16_t>(t.first + static_cast<int32_t>(symbol));
        if (t.shift == 0 && symbol != t.escape) continue;
        if (const RansStatus status = raw_get_value(raw, symbol, t, values[i]); status != RansStatus::kOk) return status;
    }
    return RansStatus::kOk;
}

std::size_t map_scalar(const int16_t* values, const uint8_t* index, std::size_t n, unsigned skip_below,
                       const RansTables& tables, RawWriter& raw, uint32_t* entries) {
    const uint32_t* const begin = entries;
    for (std::size_t i = 0; i < n; ++i)
        if (index[i] >= skip_below) *entries++ = map_symbol(values[i], index[i], tables, raw);
    return static_cast<std::size_t>(entries - begin);
}

uint8_t* encode_scalar(uint32_t* states, unsigned lanes, const uint32_t* entries, std::size_t n, uint8_t* words) {
    for (std::size_t i = n; i-- > 0;) encode_symbol(states[i & (lanes - 1)], words, entries[i]);
    return words;
}

}  // namespace

const RansKernels& rans_kernels_scalar() noexcept {
    static const RansKernels kernels{compact_scalar, decode_scalar, expand_scalar, map_scalar, encode_scalar};
    return kernels;
}

const RansKernels& rans_kernels(Isa isa) noexcept {
#if defined(__x86_64__)
    if (isa == Isa::kAvx512) return rans_kernels_avx512();
    if (isa == Isa::kAvx2) return rans_kernels_avx2();
#endif
    (void)isa;
    return rans_kernels_scalar();
}

}  // namespace zvc
