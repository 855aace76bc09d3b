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

template <class Sample, int kBlock>
void split_last_scalar(const void* row, std::size_t blocks, float scale, float* out, std::ptrdiff_t block) noexcept {
    split_blocks_last<Sample, kBlock>(static_cast<const Sample*>(row), blocks, scale, out, block);
}

template <class Sample, int kBlock>
void merge_last_scalar(const float* in, std::ptrdiff_t block, std::size_t blocks, float scale, float limit,
                       void* row) noexcept {
    merge_blocks_last<Sample, kBlock>(in, block, blocks, scale, limit, static_cast<Sample*>(row));
}

}  // namespace

const PackKernels kPackScalar = {
    {{split_scalar<std::uint8_t, 8>, split_scalar<std::uint8_t, 4>},
     {split_scalar<std::uint16_t, 8>, split_scalar<std::uint16_t, 4>}},
    {{merge_scalar<std::uint8_t, 8>, merge_scalar<std::uint8_t, 4>},
     {merge_scalar<std::uint16_t, 8>, merge_scalar<std::uint16_t, 4>}},
    {{split_last_scalar<std::uint8_t, 8>, split_last_scalar<std::uint8_t, 4>},
     {split_last_scalar<std::uint16_t, 8>, split_last_scalar<std::uint16_t, 4>}},
    {{merge_last_scalar<std::uint8_t, 8>, merge_last_scalar<std::uint8_t, 4>},
     {merge_last_scalar<std::uint16_t, 8>, merge_last_scalar<std::uint16_t, 4>}},
};

}  // namespace zvc
