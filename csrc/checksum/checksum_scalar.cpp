#include <array>

#include "checksum/checksum.h"

namespace zvc {
namespace {

constexpr int kSlices = 8;
using Tables = std::array<std::array<std::uint32_t, 256>, kSlices>;

// table[s][b]: effect of byte b followed by s zero bytes, so that eight bytes are eight independent look-ups
// (slicing-by-8, Kounavis and Berry 2005).
constexpr Tables make_tables() {
    Tables table{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t crc = byte;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0x82F63B78u : 0u);
        table[0][byte] = crc;
    }
    for (int s = 1; s < kSlices; ++s)
        for (int byte = 0; byte < 256; ++byte)
            table[s][byte] = (table[s - 1][byte] >> 8) ^ table[0][table[s - 1][byte] & 255];
    return table;
}

constexpr Tables kTable = make_tables();

std::uint32_t crc32c_scalar(std::uint32_t crc, const std::uint8_t* p, std::size_t size) noexcept {
    crc = ~crc;
    for (; size >= kSlices; size -= kSlices, p += kSlices) {
        // Bytes, not words: the same on a big-endian machine and at any alignment.
        crc = kTable[7][(crc & 255) ^ p[0]] ^ kTable[6][((crc >> 8) & 255) ^ p[1]] ^
              kTable[5][((crc >> 16) & 255) ^ p[2]] ^ kTable[4][(crc >> 24) ^ p[3]] ^
              kTable[3][p[4]] ^ kTable[2][p[5]] ^ kTable[1][p[6]] ^ kTable[0][p[7]];
    }
    for (; size > 0; --size, ++p) crc = (crc >> 8) ^ kTable[0][(crc ^ *p) & 255];
    return ~crc;
}

}  // namespace

const ChecksumKernels kChecksumScalar = {crc32c_scalar};

}  // namespace zvc
