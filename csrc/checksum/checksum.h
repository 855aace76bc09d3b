// CRC-32C (Castagnoli, RFC 3720 appendix B.4): reflected polynomial 0x82F63B78, register and result inverted.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/isa.h"

namespace zvc {

struct ChecksumKernels {
    // Checksum of `size` bytes appended to data whose checksum is `crc` (0 for none).
    std::uint32_t (*crc32c)(std::uint32_t crc, const std::uint8_t* data, std::size_t size) noexcept;
};

const ChecksumKernels& checksum_kernels(Isa isa) noexcept;

extern const ChecksumKernels kChecksumScalar;
extern const ChecksumKernels kChecksumAvx2;

}  // namespace zvc
