// bfloat16 is the upper half of a float. What is here has internal linkage, as in common/shared.h.
#pragma once

#include <bit>
#include <cstdint>

namespace zvc {
namespace {

// The nearest one of a finite value, halves to even.
inline std::uint16_t to_bfloat16(float value) {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
    return static_cast<std::uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

inline float to_float(std::uint16_t value) { return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16); }
inline float to_float(float value) { return value; }

}  // namespace
}  // namespace zvc
