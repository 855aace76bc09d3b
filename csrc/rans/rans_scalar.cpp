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

// A lane count known to the compiler keeps the states in registers; a round reads at most 2 * lanes <= slack bytes.
template <unsigned kLanes>
const uint8_t* decode_lanes(uint32_t* states, const uint8_t* words, const uint8_t* end, const RansTables& tables,
                            const uint8_t* index, std::size_t n, uint8_t* symbols) {
    uint32_t x[kLanes];
    std::memcpy(x, states, sizeof x);
    std::size_t i = 0;
    for (; n - i >= kLanes && words <= end; i += kLanes)
        for (unsigned lane = 0; lane < kLanes; ++lane)
            symbols[i + lane] = static_cast<uint8_t>(decode_symbol(x[lane], words, tables, index[i + lane]));
    if (words <= end)
        for (unsigned lane = 0; i < n; ++i, ++lane)
            symbols[i] = static_cast<uint8_t>(decode_symbol(x[lane], words, tables, index[i]));
    std::memcpy(states, x, sizeof x);
    return words;
}

const uint8_t* decode_scalar(uint32_t* states, unsigned lanes, const uint8_t* words, const uint8_t* end,
                             const RansTables& tables, const uint8_t* index, std::size_t n, uint8_t* symbols) {
    const auto decode = lanes == 1   ? decode_lanes<1>
                        : lanes == 4 ? decode_lanes<4>
                        : lanes == 8 ? decode_lanes<8>
                                     : decode_lanes<32>;
    return decode(states, words, end, tables, index, n, symbols);
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
        const RansStatus status = raw_get_value(raw, symbol, t, values[i]);
        if (status != RansStatus::kOk) return status;
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
