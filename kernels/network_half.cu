// Programs of the networks with sums in halves, but for stages that are to be exact: GeForce cards take half as long for them.
#include "network.h"

// With sums in halves two would not do with their registers on an A100, which has nothing of such sums.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ == 800
#define ZVC_LARGE_HALF_BLOCKS 1
#else
#define ZVC_LARGE_HALF_BLOCKS ZVC_LARGE_BLOCKS
#endif

// A block of threads for each tile of `rows` x `columns` positions.
extern "C" __global__ void __launch_bounds__(256, ZVC_LARGE_HALF_BLOCKS) tile_program_half_64(const void* stages, int count, int rows, int columns, const int* qp,
                                                                       const float* blend) {
    zvc::run_program<64, true>(static_cast<const zvc::Stage*>(stages), count, rows, columns, *qp, *blend);
}

extern "C" __global__ void __launch_bounds__(256, 2) tile_program_half_32(const void* stages, int count, int rows, int columns, const int* qp,
                                                                       const float* blend) {
    zvc::run_program<32, true>(static_cast<const zvc::Stage*>(stages), count, rows, columns, *qp, *blend);
}

extern "C" __global__ void __launch_bounds__(256, 2) tile_program_half_16(const void* stages, int count, int rows, int columns, const int* qp,
                                                                       const float* blend) {
    zvc::run_program<16, true>(static_cast<const zvc::Stage*>(stages), count, rows, columns, *qp, *blend);
}
