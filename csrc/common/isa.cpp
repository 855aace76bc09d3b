#include "common/isa.h"

namespace zvc {

Isa detect_isa() noexcept {
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
    // The builtin checks XCR0 too: a register state that the system does not save is not offered.
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                      __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("fma");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                        __builtin_cpu_supports("avx512vnni");
    return avx512 ? Isa::kAvx512 : avx2 ? Isa::kAvx2 : Isa::kScalar;
#else
    return Isa::kScalar;
#endif
}

}  // namespace zvc
