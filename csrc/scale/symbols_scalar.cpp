#include "common/bfloat16.h"
#include "scale/symbols.h"

namespace zvc {
namespace {

void magnitude_codes_scalar(const std::int16_t* r, std::size_t count, std::uint8_t* code) noexcept {
    for (std::size_t n = 0; n < count; ++n) code[n] = magnitude_code(r[n]);
}

void state_row_scalar(const std::uint8_t* const source[4], std::size_t columns, std::size_t symbols, int shift,
                      std::uint8_t* out) noexcept {
    for (std::size_t j = 0; j < columns; ++j, out += 4 * symbols)
        for (std::size_t n = 0; n < symbols; ++n)
            for (std::size_t d = 0; d < 4; ++d)
                out[4 * n + d] = static_cast<std::uint8_t>(source[d ^ (j & 1)][j * symbols + n] << shift);
}

void block_means_scalar(const std::uint8_t* codes, std::size_t row, std::size_t channels, std::uint8_t* mean) noexcept {
    for (std::size_t c = 0; c < channels; ++c) {
        unsigned sum = 8;
        for (std::size_t block = 0; block < 16; ++block) sum += codes[block / 4 * row + block % 4 * channels + c];
        mean[c] = static_cast<std::uint8_t>(sum >> 4);
    }
}

void residual_row_scalar(const std::int16_t* const source[4], std::size_t columns, std::size_t symbols, float* out,
                         std::size_t plane) noexcept {
    for (std::size_t n = 0; n < symbols; ++n)
        for (std::size_t d = 0; d < 4; ++d)
            for (std::size_t j = 0; j < columns; ++j)
                out[(4 * n + d) * plane + j] = source[d ^ (j & 1)][j * symbols + n];
}

void residual_row_last_scalar(const std::int16_t* const source[4], std::size_t columns, std::size_t symbols, float* out) noexcept {
    for (std::size_t j = 0; j < columns; ++j, out += 4 * symbols)
        for (std::size_t n = 0; n < symbols; ++n)
            for (std::size_t d = 0; d < 4; ++d) out[4 * n + d] = source[d ^ (j & 1)][j * symbols + n];
}

void residual_row_bfloat16_scalar(const std::int16_t* const source[4], std::size_t columns, std::size_t symbols, std::uint16_t* out) noexcept {
    for (std::size_t j = 0; j < columns; ++j, out += 4 * symbols)
        for (std::size_t n = 0; n < symbols; ++n)
            for (std::size_t d = 0; d < 4; ++d) out[4 * n + d] = to_bfloat16(source[d ^ (j & 1)][j * symbols + n]);
}

}  // namespace

const SymbolKernels kSymbolScalar = {magnitude_codes_scalar, state_row_scalar, block_means_scalar, residual_row_scalar,
                                      residual_row_last_scalar, residual_row_bfloat16_scalar};

}  // namespace zvc
