#include "planes/planes.h"

namespace zvc {
namespace {

template <class Sample>
void average_scalar(const void* a, const void* b, void* out, std::size_t count) noexcept {
    const auto *x = static_cast<const Sample*>(a), *y = static_cast<const Sample*>(b);
    auto* to = static_cast<Sample*>(out);
    for (std::size_t n = 0; n < count; ++n) to[n] = static_cast<Sample>((x[n] + y[n] + 1) >> 1);
}

}  // namespace

const PlaneKernels kPlaneScalar = {{average_scalar<std::uint8_t>, average_scalar<std::uint16_t>}};

}  // namespace zvc
