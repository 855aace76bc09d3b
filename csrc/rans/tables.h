// Frequency tables in the forms that the kernels gather from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "rans/arithmetic.h"

namespace zvc {

// Words are packed so that one 32-bit gather brings all that a lane needs.
//   slots[table << 12 | slot]    symbol: what plain code looks up first, 256 kB for 64 tables, so that it stays in L2
//   decode[table << 12 | slot]   symbol 8 | frequency - 1: 12 | slot - cumulative: 12. Four times as large, but
//                                a second gather would cost vector code more than the misses do
//   encode[table << 8 | symbol]  cost in 1/16 bit: 8 | frequency - 1: 12 | cumulative: 12
//   info[table]                  first bucket, signed: 16 | escape symbol: 8 | shift: 8      (256 entries always)
class RansTables {
public:
    // `frequencies` holds sizes[0] values of table 0, then those of table 1, ... The caller has checked
    // every count, sum and range (zvc69.core.entropy.Tables).
    RansTables(const int16_t* first, const uint8_t* shift, const uint8_t* sizes, const uint16_t* frequencies,
               std::size_t count);

    const uint32_t* decode() const noexcept { return decode_.data(); }
    const uint8_t* slots() const noexcept { return slots_.data(); }
    const uint32_t* encode() const noexcept { return encode_.data(); }
    const uint32_t* info() const noexcept { return info_.data(); }

private:
    std::vector<uint8_t> slots_;
    std::vector<uint32_t> decode_, encode_, info_;
};

}  // namespace zvc
