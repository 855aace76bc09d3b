// A frame's residuals and sigma indices, kept step by step, as the arrays that others want.
//
// Step arrays are (rows, columns, symbols) with symbols = latent / 4; network.h says which channel a symbol is.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/isa.h"
#include "scale/arithmetic.h"

namespace zvc {

struct SymbolKernels {
    void (*magnitude_codes)(const std::int16_t* r, std::size_t count, std::uint8_t* code) noexcept;
    // One row of an even number of columns; symbols is a multiple of 4. source[d] is the row of the step that codes channels 4 n + d at even columns; at odd columns that
    // step codes 4 n + (d ^ 1).
    // out (columns, 4 * symbols): values shifted left.
    void (*state_row)(const std::uint8_t* const source[4], std::size_t columns, std::size_t symbols, int shift,
                      std::uint8_t* out) noexcept;
    // Of 4x4 blocks of `channels` codes each, a multiple of 16, whose rows begin `row` bytes apart: (sum + 8) >> 4 by channel.
    void (*block_means)(const std::uint8_t* codes, std::size_t row, std::size_t channels, std::uint8_t* mean) noexcept;
    // out: channels `plane` floats apart.
    void (*residual_row)(const std::int16_t* const source[4], std::size_t columns, std::size_t symbols, float* out,
                         std::size_t plane) noexcept;
    // out (columns, 4 * symbols)
    void (*residual_row_last)(const std::int16_t* const source[4], std::size_t columns, std::size_t symbols, float* out) noexcept;
    // The same in bfloat16; beyond 256 the nearest one, halves to even.
    void (*residual_row_bfloat16)(const std::int16_t* const source[4], std::size_t columns, std::size_t symbols, std::uint16_t* out) noexcept;
};

const SymbolKernels& symbol_kernels(Isa isa) noexcept;

extern const SymbolKernels kSymbolScalar;
extern const SymbolKernels kSymbolAvx2;

// out: (rows, columns, 4 * symbols)
void gather_state(Isa isa, const std::uint8_t* const step[4], std::size_t rows, std::size_t columns,
                  std::size_t symbols, int shift, std::uint8_t* out) noexcept;
// out: (4 * symbols, rows, columns), or with the channels last
void gather_residual(Isa isa, const std::int16_t* const step[4], std::size_t rows, std::size_t columns,
                     std::size_t symbols, bool channel_last, float* out) noexcept;
// out: (rows, columns, 4 * symbols) bfloat16
void gather_residual_bfloat16(Isa isa, const std::int16_t* const step[4], std::size_t rows, std::size_t columns,
                              std::size_t symbols, std::uint16_t* out) noexcept;

}  // namespace zvc
