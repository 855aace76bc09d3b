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
    x = decoded_state(x, slot, entry);
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
    uint32_t x = state;
    if (gives_word(x, entry)) {
        const uint16_t word = static_cast<uint16_t>(x);
        words -= 2;
        std::memcpy(words, &word, 2);
        x >>= 16;
    }
    state = encoded_state(x, entry);
}

static inline uint32_t map_symbol(int32_t value, uint32_t index, const RansTables& tables, RawWriter& raw) {
    const TableInfo t = unpack_info(tables.info()[index]);
    const uint32_t symbol = symbol_of(value, t);
    if (has_raw_bits(symbol, t)) raw_put_value(raw, value, symbol, t);
    return tables.encode()[index << 8 | symbol];
}

}  // namespace zvc
