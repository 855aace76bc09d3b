#include <immintrin.h>

#include "state/fetch_blocks.h"

namespace zvc {
namespace {

inline void move32(const std::uint8_t* from, std::uint8_t* to) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
}

// Too little for a call of memcpy to pay.
void fetch_avx2(const FetchJob& job) noexcept {
    const std::size_t channels = job.channels;
    if (channels < 32) return kStateScalar.fetch(job);
    if (channels == 96) {
        fetch_blocks(job, [](const std::uint8_t* from, std::uint8_t* to) {
            for (std::size_t at = 0; at < 96; at += 32) move32(from + at, to + at);
        });
        return;
    }
    fetch_blocks(job, [=](const std::uint8_t* from, std::uint8_t* to) {
        for (std::size_t at = 0; at + 32 < channels; at += 32) move32(from + at, to + at);
        move32(from + channels - 32, to + channels - 32);
    });
}

}  // namespace

const StateKernels kStateAvx2 = {fetch_avx2};

}  // namespace zvc
