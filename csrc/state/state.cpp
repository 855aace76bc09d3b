#include "state/state.h"

#include <cstring>

namespace zvc {

const StateKernels& state_kernels(Isa isa) noexcept {
#if defined(__x86_64__)
    // Bound by memory: wider registers than AVX2's gain nothing.
    if (isa >= Isa::kAvx2) return kStateAvx2;
#endif
    (void)isa;
    return kStateScalar;
}

void clear_blocks(std::uint8_t* codes, const std::uint8_t* chosen, std::size_t rows, std::size_t columns, std::size_t channels) noexcept {
    for (std::size_t i = 0; i < rows; ++i) {
        const std::uint8_t* flags = chosen + i / 4 * (columns / 4);
        for (std::size_t j = 0; j < columns / 4; ++j)
            if (flags[j]) std::memset(codes + (i * columns + 4 * j) * channels, 0, 4 * channels);
    }
}

}  // namespace zvc
