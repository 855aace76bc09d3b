// Programs of the networks with sums in floats.
#include "network.h"

// A block of threads for each tile of `rows` x `columns` positions.
extern "C" __global__ void __launch_bounds__(256, ZVC_LARGE_BLOCKS) tile_program_64(const void* stages, int count, int rows, int columns, const int* qp,
                                                                       const float* blend) {
    zvc::run_program<64, false>(static_cast<const zvc::Stage*>(stages), count, rows, columns, *qp, *blend);
}

extern "C" __global__ void __launch_bounds__(256, 2) tile_program_32(const void* stages, int count, int rows, int columns, const int* qp,
                                                                       const float* blend) {
    zvc::run_program<32, false>(static_cast<const zvc::Stage*>(stages), count, rows, columns, *qp, *blend);
}

extern "C" __global__ void __launch_bounds__(256, 2) tile_program_16(const void* stages, int count, int rows, int columns, const int* qp,
                                                                       const float* blend) {
    zvc::run_program<16, false>(static_cast<const zvc::Stage*>(stages), count, rows, columns, *qp, *blend);
}
