#include "rans/tables.h"

#include <algorithm>
#include <cmath>

namespace zvc {

namespace {

// -log2(f / 4096) in 1/16 bit. It only steers the choice of the lane count, so its last digit does not
// matter to the format; at most 192, hence 8 bits.
uint32_t cost_of(uint32_t frequency) {
    return static_cast<uint32_t>(std::lround(16.0 * (kProbBits - std::log2(frequency))));
}

}  // namespace

RansTables::RansTables(const int16_t* first, const uint8_t* shift, const uint8_t* sizes,
                       const uint16_t* frequencies, std::size_t count)
    : slots_(count << kProbBits), decode_(count << kProbBits), encode_(count << 8), info_(kMaxTables) {
    for (std::size_t t = 0; t < count; ++t) {
        const uint32_t escape = sizes[t] - 1u;
        info_[t] = static_cast<uint32_t>(first[t]) << 16 | escape << 8 | shift[t];
        uint32_t cumulative = 0;
        for (uint32_t symbol = 0; symbol <= escape; ++symbol) {
            const uint32_t frequency = *frequencies++;
            const uint32_t packed = (frequency - 1) << 12;
            encode_[t << 8 | symbol] = cost_of(frequency) << 24 | packed | cumulative;
            const std::size_t begin = (t << kProbBits) + cumulative;
            std::fill_n(&slots_[begin], frequency, static_cast<uint8_t>(symbol));
            for (uint32_t offset = 0; offset < frequency; ++offset)
                decode_[begin + offset] = symbol << 24 | packed | offset;
            cumulative += frequency;
        }
    }
}

}  // namespace zvc
