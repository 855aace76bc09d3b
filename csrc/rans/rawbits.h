// Raw bits: low bits of wide buckets and escaped values. Written most significant bit first; a substream
// holds the bytes in reverse, so that they are read from its end.
//
// Everything here has internal linkage: the header is compiled into files of different instruction
// sets, and the linker must not pick an AVX-512 copy of a function for an old CPU.
#pragma once

#include <cstring>

#include "rans/tables.h"

namespace zvc {

// Longest code: sign, 14 zeros, one, 14 + 2 bits (order >= 2 and distance + 2^order < 2^17).
constexpr unsigned kMaxRawBits = 32;

struct RawWriter {
    uint8_t* out;        // room for 4 bytes a symbol, and 8
    uint64_t held = 0;   // the low `count` bits are yet to be written
    unsigned count = 0;  // < 8 between symbols
};

static inline void raw_put(RawWriter& raw, uint32_t value, unsigned bits) {
    raw.held = raw.held << bits | value;
    raw.count += bits;
    while (raw.count >= 8) {
        raw.count -= 8;
        *raw.out++ = static_cast<uint8_t>(raw.held >> raw.count);
    }
}

static inline unsigned bit_length(uint32_t value) {
    return value ? 32u - static_cast<unsigned>(__builtin_clz(value)) : 0;
}

// The raw bits of `value`, whose symbol is `symbol`, in a table that has some for it.
static inline void raw_put_value(RawWriter& raw, int32_t value, uint32_t symbol, TableInfo t) {
    if (symbol != t.escape) {
        raw_put(raw, static_cast<uint32_t>(value) & ((1u << t.shift) - 1), t.shift);
        return;
    }
    const int32_t low = t.first * (1 << t.shift);
    const int32_t end = (t.first + static_cast<int32_t>(t.escape)) * (1 << t.shift);
    const bool above = value >= end;  // of an empty range too, where low == end
    const uint32_t distance = static_cast<uint32_t>(above ? value - end : low - 1 - value);
    const unsigned order = t.shift + 2;
    const uint32_t code = distance + (1u << order);
    const unsigned length = bit_length(code);
    raw_put(raw, above, 1);
    raw_put(raw, code, 2 * length - 1 - order);  // its leading zeros are the prefix
}

// Reads behind `used` bits of the end. 16 readable bytes lie before the substream's first.
struct RawReader {
    const uint8_t* end;
    std::size_t used = 0;   // bits
    std::size_t limit = 0;  // bits: what lies between the words read so far and the end
};

enum class RansStatus : int {
    kOk = 0,
    kWordsEnd,   // a word was needed behind the last one
    kRawEnd,     // raw bits reach into the words
    kBadEscape,  // an escape's prefix is too long or its value does not fit
    kBadState,   // a state below the lower bound at the start
    kUnread,     // something is left over at the end, or a state is not where it began
};

// Value of a symbol that has raw bits. Touches at most 8 bytes before the position that `used` stands at,
// which is at or behind the limit, so inside the 16 bytes of padding.
static inline RansStatus raw_get_value(RawReader& raw, uint32_t symbol, TableInfo t, int16_t& out) {
    uint64_t window;
    std::memcpy(&window, raw.end - (raw.used >> 3) - 8, 8);
    window <<= raw.used & 7;  // 57 bits or more, the next one on top
    int32_t value = static_cast<int32_t>(t.first + static_cast<int32_t>(symbol)) * (1 << t.shift);
    unsigned bits = t.shift;
    if (symbol != t.escape) {
        if (bits) value += static_cast<int32_t>(window >> (64 - bits));
    } else {
        const bool above = window >> 63;
        window = window << 1 | 1;  // the one ends the search below
        const unsigned zeros = static_cast<unsigned>(__builtin_clzll(window));
        if (zeros > kMaxPrefix) return RansStatus::kBadEscape;
        const unsigned order = t.shift + 2;
        const unsigned length = zeros + 1 + order;  // of the code behind its prefix: at most 20 + 1 + 14
        bits = 1 + zeros + length;
        const int64_t code = static_cast<int64_t>(window << zeros >> (64 - length));
        const int64_t distance = code - (int64_t{1} << order);
        const int64_t wide = above ? value + distance : t.first * (int64_t{1} << t.shift) - 1 - distance;
        if (wide != static_cast<int16_t>(wide)) return RansStatus::kBadEscape;
        value = static_cast<int32_t>(wide);
    }
    raw.used += bits;
    if (raw.used > raw.limit) return RansStatus::kRawEnd;
    out = static_cast<int16_t>(value);
    return RansStatus::kOk;
}

}  // namespace zvc
