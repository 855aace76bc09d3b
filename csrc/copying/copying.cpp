#include "copying/copying.h"

#include <vector>

namespace zvc {

const CopyingKernels& copying_kernels(Isa isa) noexcept {
#if defined(__x86_64__)
    if (isa >= Isa::kAvx512) return kCopyingAvx512;
    if (isa >= Isa::kAvx2) return kCopyingAvx2;
#endif
    (void)isa;
    return kCopyingScalar;
}

void copying_gains(Isa isa, const GainsJob& job) {
    const CopyingKernels& kernels = copying_kernels(isa);
    std::vector<float> sums(job.columns);
    float* out = job.out;
    for (std::size_t band = 0; band < job.rows / 4; ++band) {
        kernels.band(job, band, sums.data());
        for (std::size_t j = 0; j < job.columns; j += 4) *out++ = (sums[j] + sums[j + 1]) + (sums[j + 2] + sums[j + 3]);
    }
}

}  // namespace zvc
