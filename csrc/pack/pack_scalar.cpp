#include "pack/pack.h"
#include "pack/pack_rows.h"

namespace zvc {
namespace {

template <class Sample, int kBlock>
void split_scalar(const void* row, std::size_t blocks, float scale, float* out, std::ptrdiff_t channel) noexcept {
    split_blocks<Sample, kBlock>(static_cast<const Sample*>(row), blocks, scale, out, channel);
}

template <class Sample, int kBlock>
void merge_scalar(const float* in, std::ptrdiff_t channel, std::size_t blocks, float scale, float limit,
                  void* row) noexcept {
    merge_blocks<Sample, kBlock>(in, channel, blocks, scale, limit, static_cast<Sample*>(row));
}

template <class Sample, int kBlock, class Value>
void split_last_scalar(const void* row, std::size_t blocks, float scale, void* out, std::ptrdiff_t block) noexcept {
    split_blocks_last<Sample, kBlock>(static_cast<const Sample*>(row), blocks, scale, static_cast<Value*>(out), block);
}

template <class Sample, int kBlock, class Value>
void merge_last_scalar(const Levels& in, std::ptrdiff_t block, std::size_t blocks, float scale, float limit,
                       void* row) noexcept {
    merge_blocks_last<Sample, kBlock, Value>(in, block, blocks, scale, limit, static_cast<Sample*>(row));
}

using U8 = std::uint8_t;
using U16 = std::uint16_t;

}  // namespace

const PackKernels kPackScalar = {
    {{split_scalar<U8, 8>, split_scalar<U8, 4>}, {split_scalar<U16, 8>, split_scalar<U16, 4>}},
    {{merge_scalar<U8, 8>, merge_scalar<U8, 4>}, {merge_scalar<U16, 8>, merge_scalar<U16, 4>}},
    {{split_last_scalar<U8, 8, float>, split_last_scalar<U8, 4, float>}, {split_last_scalar<U16, 8, float>, split_last_scalar<U16, 4, float>}},
    {split_last_scalar<U8, 8, U16>, split_last_scalar<U8, 4, U16>},
    {{merge_last_scalar<U8, 8, float>, merge_last_scalar<U8, 4, float>}, {merge_last_scalar<U16, 8, float>, merge_last_scalar<U16, 4, float>}},
    {{merge_last_scalar<U8, 8, U16>, merge_last_scalar<U8, 4, U16>}, {merge_last_scalar<U16, 8, U16>, merge_last_scalar<U16, 4, U16>}},
};

}  // namespace zvc
