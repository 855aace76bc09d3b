// Raw bits: low bits of wide buckets and escaped values. Written most significant bit first; a substream
// holds the bytes in reverse, so that they are read from its end.
//
// Everything here has internal linkage: the header is compiled into files of different instruction
// sets, and the linker must not pick an AVX-512 copy of a function for an old CPU.
#pragma once

#include <cstring>

#include "rans/tables.h"

namespace zvc {

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

// The raw bits of `value`, whose symbol is `symbol`, in a table that has some for it.
static inline void raw_put_value(RawWriter& raw, int32_t value, uint32_t symbol, TableInfo t) {
    const RawCode code = raw_code(value, symbol, t);
    raw_put(raw, code.bits, code.count);
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
    const RawValue read = raw_value(window, symbol, t);
    if (!read.valid) return RansStatus::kBadEscape;
    raw.used += read.count;
    if (raw.used > raw.limit) return RansStatus::kRawEnd;
    out = static_cast<int16_t>(read.value);
    return RansStatus::kOk;
}

}  // namespace zvc
