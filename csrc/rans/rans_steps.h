// One symbol of one lane: the plain code of the scalar variant, and of the others' rests.
// Internal linkage throughout, see rawbits.h.
#pragma once

#include "rans/rans.h"

namespace zvc {

static inline uint32_t decode_symbol(uint32_t& state, const uint8_t*& words, const RansTables& tables, uint32_t index) {
    uint32_t x = state;
    const uint32_t slot = x & (kProbTotal - 1);
    const uint32_t symbol = tables.slots()[index << kProbBits | slot];
    const uint32_t entry = tables.encode()[index << 8 | symbol];
    // < 2^32: frequency <= 2^12, x >> 12 < 2^20, and the offset is below the frequency.
    x = ((entry >> 12 & 4095) + 1) * (x >> kProbBits) + slot - (entry & 4095);
    if (x < kLowerBound) {
        uint16_t word;
        std::memcpy(&word, words, 2);
        words += 2;
        x = x << 16 | word;
    }
    state = x;
    return symbol;
}

static inline void encode_symbol(uint32_t& state, uint8_t*& words, uint32_t entry) {
    const uint32_t frequency = (entry >> 12 & 4095) + 1;
    uint32_t x = state;
    if (x >> 20 >= frequency) {  // x >= frequency * 2^20 would leave 32 bits
        const uint16_t word = static_cast<uint16_t>(x);
        words -= 2;
        std::memcpy(words, &word, 2);
        x >>= 16;
    }
    state = (x / frequency << kProbBits) + x % frequency + (entry & 4095);
}

static inline uint32_t map_symbol(int32_t value, uint32_t index, const RansTables& tables, RawWriter& raw) {
    const TableInfo t = unpack_info(tables.info()[index]);
    const uint32_t bucket = static_cast<uint32_t>((value >> t.shift) - t.first);
    const uint32_t symbol = bucket < t.escape ? bucket : t.escape;
    if (t.shift != 0 || symbol == t.escape) raw_put_value(raw, value, symbol, t);
    return tables.encode()[index << 8 | symbol];
}

}  // namespace zvc
