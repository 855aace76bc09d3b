#include "rans/rans.h"

namespace zvc {

const RansKernels& rans_kernels_avx2() noexcept { return rans_kernels_scalar(); }

}  // namespace zvc
