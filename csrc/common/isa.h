// Which instruction set a kernel family runs with.
//
// The chosen level is passed into every kernel table lookup (`rans_kernels(isa)`, ...):
// the libraries hold no state of their own. Python keeps the choice (zvc69.core.cpu).
#pragma once

namespace zvc {

enum class Isa : int {
    kScalar = 0,
    kAvx2 = 1,    // AVX2, BMI1/2, FMA, F16C
    kAvx512 = 2,  // AVX-512 F, BW, DQ, VL, VNNI on top of kAvx2
};

// Best level that this CPU and this operating system can run.
Isa detect_isa() noexcept;

}  // namespace zvc
