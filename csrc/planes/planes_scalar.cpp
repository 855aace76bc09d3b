#include "planes/error_block.h"
#include "planes/planes.h"

namespace zvc {
namespace {

template <class Sample>
void average_scalar(const void* a, const void* b, void* out, std::size_t count) noexcept {
    const auto *x = static_cast<const Sample*>(a), *y = static_cast<const Sample*>(b);
    auto* to = static_cast<Sample*>(out);
    for (std::size_t n = 0; n < count; ++n) to[n] = static_cast<Sample>((x[n] + y[n] + 1) >> 1);
}

template <class Sample>
void errors_scalar(const ErrorRow& row) noexcept {
    for (std::size_t block = 0; block * kErrorBlock < row.width; ++block) error_block<Sample>(row, block);
}

}  // namespace

const PlaneKernels kPlaneScalar = {{average_scalar<std::uint8_t>, average_scalar<std::uint16_t>},
                                   {errors_scalar<std::uint8_t>, errors_scalar<std::uint16_t>}};

}  // namespace zvc
