// Collects the calls of one substream; coding happens in finish(), since rANS runs backwards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/isa.h"
#include "rans/tables.h"

namespace zvc {

class RansEncoder {
public:
    void put(const int16_t* values, const uint8_t* index, std::size_t n, unsigned skip_below,
             const RansTables& tables, Isa isa);

    // Lanes for the payload collected so far.
    unsigned suggest_lanes() const noexcept;

    // Writes the substream into `out` and starts a new one. lanes: 1, 4, 8 or 32.
    void finish(unsigned lanes, Isa isa, std::vector<uint8_t>& out);

private:
    std::vector<uint32_t> entries_;        // of all calls; cost bits removed
    std::vector<std::size_t> call_ends_;   // in entries_
    std::vector<uint8_t> raw_;             // in order of writing
    uint64_t raw_held_ = 0;
    unsigned raw_count_ = 0;
    uint64_t cost_ = 0;                    // of entries_, in 1/16 bit
};

}  // namespace zvc
