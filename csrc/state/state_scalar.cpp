#include <cstring>

#include "state/fetch_blocks.h"

namespace zvc {
namespace {

void fetch_scalar(const FetchJob& job) noexcept {
    fetch_blocks(job, [&](const std::uint8_t* from, std::uint8_t* to) { std::memcpy(to, from, job.channels); });
}

}  // namespace

const StateKernels kStateScalar = {fetch_scalar};

}  // namespace zvc
