// Byte permutations for 8-bit masks: what vpcompress and vpexpand do, for AVX2.
// Internal linkage, see rawbits.h.
#pragma once

#include <array>
#include <cstdint>

namespace zvc {

using Permutations = std::array<uint64_t, 256>;  // 8 byte indices, lowest byte first; 0x80 = none

// pack[mask]: positions of the set bits, ascending, from byte 0 on (`high`: up to byte 7).
static constexpr Permutations make_pack(bool high) {
    Permutations table{};
    for (unsigned mask = 0; mask < 256; ++mask) {
        uint64_t packed = 0;
        unsigned count = 0;
        for (unsigned bit = 0; bit < 8; ++bit)
            if (mask >> bit & 1) packed |= uint64_t{bit} << (8 * count++);
        const uint64_t none = 0x8080808080808080u;
        if (count == 0)
            table[mask] = none;
        else if (count == 8)
            table[mask] = packed;
        else
            table[mask] = high ? packed << (64 - 8 * count) | none >> (8 * count) : packed | none << (8 * count);
    }
    return table;
}

// spread[mask]: the rank of each set bit among the set ones.
static constexpr Permutations make_spread() {
    Permutations table{};
    for (unsigned mask = 0; mask < 256; ++mask) {
        unsigned rank = 0;
        for (unsigned bit = 0; bit < 8; ++bit)
            table[mask] |= uint64_t{mask >> bit & 1 ? rank++ : 0x80} << (8 * bit);
    }
    return table;
}

alignas(64) static constexpr Permutations kPack = make_pack(false);
alignas(64) static constexpr Permutations kPackHigh = make_pack(true);
alignas(64) static constexpr Permutations kSpread = make_spread();

}  // namespace zvc
