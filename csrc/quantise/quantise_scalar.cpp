#include "quantise/quantise_tile.h"

namespace zvc {
namespace {

struct Scalar {
    static std::int32_t reached(float magnitude, const float* row) {
        return thresholds_reached(magnitude, row);
    }
    static unsigned coded_of_8(const std::uint8_t* index, int skip_below) {
        unsigned bits = 0;
        for (int n = 0; n < 8; ++n) bits |= static_cast<unsigned>(index[n] >= skip_below) << n;
        return bits;
    }
};

void quantise_scalar(const QuantiseJob& job) noexcept { quantise_frame<Scalar>(job); }

}  // namespace

const QuantiseKernels kQuantiseScalar = {quantise_scalar};

}  // namespace zvc
