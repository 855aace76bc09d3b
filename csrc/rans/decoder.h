// Reads one substream call by call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/isa.h"
#include "rans/rawbits.h"

namespace zvc {

class RansDecoder {
public:
    // Copies the bytes, with padding around them: kernels may then load past either end.
    RansDecoder(const uint8_t* data, std::size_t size, unsigned lanes);

    // Whether the states at the start can be those of a substream, and how reading went since.
    RansStatus status() const noexcept { return status_; }

    // A failure is final: every later call returns it again.
    RansStatus get(const uint8_t* index, std::size_t n, unsigned skip_below, const RansTables& tables, Isa isa,
                   int16_t* values);
    RansStatus finish() const noexcept;

private:
    RansStatus decode(const uint8_t* index, std::size_t n, unsigned skip_below, const RansTables& tables, Isa isa,
                      int16_t* values);

    std::vector<uint8_t> buffer_, kept_, symbols_;
    const uint8_t* words_ = nullptr;
    RawReader raw_;
    uint32_t states_[32];
    unsigned lanes_;
    bool empty_;
    bool coded_ = false;
    RansStatus status_ = RansStatus::kOk;
};

}  // namespace zvc
