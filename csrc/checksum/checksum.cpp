#include "checksum/checksum.h"

namespace zvc {

const ChecksumKernels& checksum_kernels(Isa isa) noexcept {
#if defined(__x86_64__)
    // The crc32 instruction is SSE4.2; wider registers add nothing to it.
    if (isa >= Isa::kAvx2) return kChecksumAvx2;
#endif
    (void)isa;
    return kChecksumScalar;
}

}  // namespace zvc
