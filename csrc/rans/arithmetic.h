// The coder's arithmetic, for host and device: states, and the raw bits of wide buckets and escapes.
#pragma once

#include "common/shared.h"

namespace zvc {

constexpr unsigned kProbBits = 12;
constexpr uint32_t kProbTotal = 1u << kProbBits;
constexpr uint32_t kLowerBound = 1u << 16;  // of a state; with 16-bit words one word always restores it
constexpr unsigned kMaxTables = 256;
constexpr unsigned kMaxSymbols = 255;
constexpr unsigned kMaxShift = 12;
constexpr unsigned kMaxPrefix = 20;         // zeros before an Exp-Golomb code's one
// Longest raw code: sign, 14 zeros, one, 14 + 2 bits (order >= 2 and distance + 2^order < 2^17).
constexpr unsigned kMaxRawBits = 32;

// An entry of RansTables::encode: cost 8 | frequency - 1: 12 | cumulative frequency: 12.
ZVC_SHARED uint32_t entry_frequency(uint32_t entry) { return (entry >> 12 & 4095) + 1; }
ZVC_SHARED uint32_t entry_start(uint32_t entry) { return entry & 4095; }

// State after the symbol at `slot`, before it takes a word if it is below kLowerBound.
ZVC_SHARED uint32_t decoded_state(uint32_t x, uint32_t slot, uint32_t entry) {
    // < 2^32: frequency <= 2^12, x >> 12 < 2^20, and the offset is below the frequency.
    return entry_frequency(entry) * (x >> kProbBits) + slot - entry_start(entry);
}

// Whether a state gives its low 16 bits away before the symbol goes in: x >= frequency * 2^20 would leave 32 bits.
ZVC_SHARED bool gives_word(uint32_t x, uint32_t entry) { return x >> 20 >= entry_frequency(entry); }

ZVC_SHARED uint32_t encoded_state(uint32_t x, uint32_t entry) {
    const uint32_t frequency = entry_frequency(entry);
    return (x / frequency << kProbBits) + x % frequency + entry_start(entry);
}

// An entry whose frequency is divided by with a product, for x < frequency * 2^20: what is left of a state that gave its word away.
// packed: 0 in three bits | carry | shift: 4 | frequency - 1: 12 | cumulative frequency: 12.
struct DividedEntry {
    uint32_t factor, packed;
};

constexpr uint32_t kNothing = (kProbTotal - 1) << 12;  // packed, with any factor: leaves every state as it is, and gives no word

// With s = floor(log2 f), x / f is x * m / 2^(32 + s), m = 2^(32 + s) / f rounded up where that adds less than a half, else (x + 1) * m with m
// rounded down (Robison, N-bit unsigned division via N-bit multiply-add, 2005). What rounding adds or takes is at most x / 2^(33 + s) <
// f * 2^20 / 2^(33 + s) <= 1 / f, since f^2 < 2^(2 s + 2) and s <= 11. Of a power of two m is 2^32 - 1, and (x + 1) * m / 2^32 is x.
ZVC_SHARED DividedEntry divided_entry(uint32_t entry) {
    const uint32_t frequency = entry_frequency(entry);
    const unsigned shift = 63 - leading_zeros(frequency);
    const uint64_t whole = uint64_t{1} << (32 + shift);
    const uint64_t rest = whole % frequency;
    const bool carry = 2 * rest <= frequency;
    const uint64_t factor = rest == 0 ? 0xFFFFFFFFu : whole / frequency + !carry;
    return {static_cast<uint32_t>(factor), static_cast<uint32_t>(carry) << 28 | shift << 24 | (entry & 0xFFFFFF)};
}

ZVC_SHARED bool gives_word(uint32_t x, const DividedEntry& entry) { return x > (entry_frequency(entry.packed) << 20) - 1; }

ZVC_SHARED uint32_t quotient(uint32_t x, const DividedEntry& entry) {
    const uint32_t carried = entry.packed >> 28 != 0 ? entry.factor : 0;
    return static_cast<uint32_t>((static_cast<uint64_t>(x) * entry.factor + carried) >> 32) >> (entry.packed >> 24 & 15);
}

ZVC_SHARED uint32_t encoded_state(uint32_t x, const DividedEntry& entry) {
    return quotient(x, entry) * (kProbTotal - entry_frequency(entry.packed)) + (x + entry_start(entry.packed));
}

struct TableInfo {
    int32_t first;
    uint32_t escape;
    unsigned shift;
};

ZVC_SHARED TableInfo unpack_info(uint32_t packed) {
    return {static_cast<int32_t>(packed) >> 16, packed >> 8 & 255, packed & 255};
}

ZVC_SHARED uint32_t symbol_of(int32_t value, const TableInfo& t) {
    const uint32_t bucket = static_cast<uint32_t>((value >> t.shift) - t.first);
    return bucket < t.escape ? bucket : t.escape;
}

ZVC_SHARED bool has_raw_bits(uint32_t symbol, const TableInfo& t) { return t.shift != 0 || symbol == t.escape; }

struct RawCode {
    uint32_t bits;   // the low `count`
    unsigned count;  // at most kMaxRawBits
};

// The raw bits of `value`, whose symbol is `symbol`, in a table that has some for it.
ZVC_SHARED RawCode raw_code(int32_t value, uint32_t symbol, const TableInfo& t) {
    if (symbol != t.escape) return {static_cast<uint32_t>(value) & ((1u << t.shift) - 1), t.shift};
    const int32_t low = t.first * (1 << t.shift);
    const int32_t end = (t.first + static_cast<int32_t>(t.escape)) * (1 << t.shift);
    const bool above = value >= end;  // of an empty range too, where low == end
    const unsigned order = t.shift + 2;
    const uint32_t code = static_cast<uint32_t>(above ? value - end : low - 1 - value) + (1u << order);
    const unsigned count = 2 * (64 - leading_zeros(code)) - 1 - order;  // its leading zeros are the prefix
    return {static_cast<uint32_t>(above) << count | code, count + 1};
}

struct RawValue {
    int32_t value;
    unsigned count;  // bits that were read
    bool valid;
};

// Value of a symbol that has raw bits, of which `window` holds 57 or more, the next one on top.
ZVC_SHARED RawValue raw_value(uint64_t window, uint32_t symbol, const TableInfo& t) {
    const int32_t value = (t.first + static_cast<int32_t>(symbol)) * (1 << t.shift);
    if (symbol != t.escape) return {t.shift ? value + static_cast<int32_t>(window >> (64 - t.shift)) : value, t.shift, true};
    const bool above = window >> 63;
    window = window << 1 | 1;  // the one ends the search below
    const unsigned zeros = leading_zeros(window);
    if (zeros > kMaxPrefix) return {0, 0, false};
    const unsigned order = t.shift + 2;
    const unsigned length = zeros + 1 + order;  // of the code behind its prefix: at most 20 + 1 + 14
    const int64_t code = static_cast<int64_t>(window << zeros >> (64 - length));
    const int64_t distance = code - (int64_t{1} << order);
    const int64_t wide = above ? value + distance : t.first * (int64_t{1} << t.shift) - 1 - distance;
    return {static_cast<int32_t>(wide), 1 + zeros + length, wide == static_cast<int16_t>(wide)};
}

}  // namespace zvc
