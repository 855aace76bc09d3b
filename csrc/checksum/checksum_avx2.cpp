#include <immintrin.h>

#include <cstring>

#include "checksum/checksum.h"

namespace zvc {
namespace {

std::uint32_t crc32c_avx2(std::uint32_t crc, const std::uint8_t* p, std::size_t size) noexcept {
    std::uint64_t state = static_cast<std::uint32_t>(~crc);
    for (; size >= 8; size -= 8, p += 8) {
        std::uint64_t word;
        std::memcpy(&word, p, 8);
        state = _mm_crc32_u64(state, word);
    }
    std::uint32_t tail = static_cast<std::uint32_t>(state);
    for (; size > 0; --size, ++p) tail = _mm_crc32_u8(tail, *p);
    return ~tail;
}

}  // namespace

const ChecksumKernels kChecksumAvx2 = {crc32c_avx2};

}  // namespace zvc
