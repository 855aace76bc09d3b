#include "mctf/mctf_row.h"

namespace zvc {
namespace {

template <class Sample>
void blend_scalar(const BlendRow& row) noexcept {
    blend_from<Sample>(row, 0);
}

template <class Sample>
void differences_scalar(const DifferenceRow& row) noexcept {
    differences_of<Sample>(row);
}

}  // namespace

const MctfKernels kMctfScalar = {{blend_scalar<std::uint8_t>, blend_scalar<std::uint16_t>},
                                 {differences_scalar<std::uint8_t>, differences_scalar<std::uint16_t>}};

}  // namespace zvc
