#include "scale/symbols.h"

#include "scale/network.h"

namespace zvc {
namespace {

template <class T>
struct Sources {
    const T* of[4];

    Sources(const T* const step[4], std::size_t i, std::size_t row_size) {
        for (int k = 0; k < kSteps; ++k) of[coded_channel(k, static_cast<unsigned>(i), 0)] = step[k] + i * row_size;
    }
};

}  // namespace

const SymbolKernels& symbol_kernels(Isa isa) noexcept {
#if defined(__x86_64__)
    if (isa >= Isa::kAvx2) return kSymbolAvx2;
#endif
    (void)isa;
    return kSymbolScalar;
}

void gather_state(Isa isa, const std::uint8_t* const step[4], std::size_t rows, std::size_t columns,
                  std::size_t symbols, int shift, std::uint8_t* out) noexcept {
    for (std::size_t i = 0; i < rows; ++i) {
        const Sources<std::uint8_t> source(step, i, columns * symbols);
        symbol_kernels(isa).state_row(source.of, columns, symbols, shift, out + i * columns * 4 * symbols);
    }
}

void gather_residual(Isa isa, const std::int16_t* const step[4], std::size_t rows, std::size_t columns,
                     std::size_t symbols, bool channel_last, float* out) noexcept {
    const SymbolKernels& kernels = symbol_kernels(isa);
    for (std::size_t i = 0; i < rows; ++i) {
        const Sources<std::int16_t> source(step, i, columns * symbols);
        if (channel_last) {
            kernels.residual_row_last(source.of, columns, symbols, out + i * columns * 4 * symbols);
        } else {
            kernels.residual_row(source.of, columns, symbols, out + i * columns, rows * columns);
        }
    }
}

void gather_residual_bfloat16(Isa isa, const std::int16_t* const step[4], std::size_t rows, std::size_t columns,
                              std::size_t symbols, std::uint16_t* out) noexcept {
    for (std::size_t i = 0; i < rows; ++i) {
        const Sources<std::int16_t> source(step, i, columns * symbols);
        symbol_kernels(isa).residual_row_bfloat16(source.of, columns, symbols, out + i * columns * 4 * symbols);
    }
}

}  // namespace zvc
