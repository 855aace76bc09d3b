"""Integer sigma network (csrc/scale). Arguments are checked in zvc69.core.scale."""
from libc.stddef cimport size_t
from libc.stdint cimport int8_t, int16_t, int32_t, uint8_t, uint16_t
from libcpp.memory cimport unique_ptr


cdef extern from "common/isa.h" namespace "zvc" nogil:
    cdef enum class Isa(int):
        pass

cdef extern from "scale/network.h" namespace "zvc" nogil:
    cdef cppclass LayerArrays:
        const int8_t* weight
        const int32_t* bias
        const uint8_t* shift
    cdef cppclass SigmaSizes:
        int latent, hyper, hyper_width
        int step_width[4]
        int mix_width[4]
    cdef cppclass StepArrays:
        LayerArrays c_in "in"
        LayerArrays spatial, mix, out
    cdef cppclass SigmaArrays:
        LayerArrays hyper_in, hyper_spatial, hyper_out, z_index
        StepArrays step[4]
    cdef cppclass StepJob:
        int step
        size_t rows, columns
        const uint8_t* hyper
        const uint8_t* magnitude
        const uint8_t* index
        const uint8_t* known[3]
        const int32_t* bias_in
        const int32_t* bias_out
        uint8_t* out
        const uint8_t* left_out
        int threads
    cdef cppclass SigmaNetwork:
        SigmaNetwork(Isa isa, const SigmaSizes& sizes, const SigmaArrays& arrays) except +
        void hyper(const int16_t* z, size_t rows, size_t columns, uint8_t* hs) except +
        void z_indices(const uint8_t* magnitude, const uint8_t* index, size_t rows, size_t columns,
                       const int32_t* bias, uint8_t* out) except +
        void indices(const StepJob& job) except +

cdef extern from "scale/symbols.h" namespace "zvc" nogil:
    const int kIndexShift
    cdef cppclass SymbolKernels:
        void magnitude_codes(const int16_t* r, size_t count, uint8_t* code) noexcept
    const SymbolKernels& symbol_kernels(Isa isa) noexcept
    void gather_state(Isa isa, const uint8_t** step, size_t rows, size_t columns, size_t symbols, int shift,
                      uint8_t* out) noexcept
    void gather_residual(Isa isa, const int16_t** step, size_t rows, size_t columns, size_t symbols,
                         bint channel_last, float* out) noexcept
    void gather_residual_bfloat16(Isa isa, const int16_t** step, size_t rows, size_t columns, size_t symbols,
                                  uint16_t* out) noexcept


cdef LayerArrays layer(dict arrays, str name):
    """Pointers into the arrays of one layer; a bias that depends on the QP is two-dimensional and not taken."""
    cdef LayerArrays result
    cdef const int8_t[::1] weight = arrays[name + ".weight"].reshape(-1)
    cdef const uint8_t[::1] shift = arrays[name + ".shift"]
    cdef const int32_t[::1] bias
    result.weight, result.shift = &weight[0], &shift[0]
    result.bias = NULL
    if arrays[name + ".bias"].ndim == 1:
        bias = arrays[name + ".bias"]
        result.bias = &bias[0]
    return result


cdef class Network:
    """A network packed for one instruction set; immutable, so that threads may share it."""
    cdef unique_ptr[SigmaNetwork] network
    cdef Isa isa

    def __cinit__(self, int level, dict arrays):
        cdef SigmaSizes sizes
        cdef SigmaArrays all
        cdef int k
        self.isa = <Isa>level
        sizes.hyper_width, sizes.hyper = arrays["hyper_in.weight"].shape
        sizes.latent = arrays["step0_out.weight"].shape[0]
        all.hyper_in, all.hyper_spatial = layer(arrays, "hyper_in"), layer(arrays, "hyper_spatial")
        all.hyper_out, all.z_index = layer(arrays, "hyper_out"), layer(arrays, "z_index")
        for k in range(4):
            sizes.step_width[k] = arrays[f"step{k}_in.weight"].shape[0]
            sizes.mix_width[k] = arrays[f"step{k}_mix.weight"].shape[0]
            all.step[k].c_in, all.step[k].spatial = layer(arrays, f"step{k}_in"), layer(arrays, f"step{k}_spatial")
            all.step[k].mix, all.step[k].out = layer(arrays, f"step{k}_mix"), layer(arrays, f"step{k}_out")
        self.network.reset(new SigmaNetwork(self.isa, sizes, all))

    def hyper(self, const int16_t[:, :, ::1] z, uint8_t[:, :, ::1] hs):
        with nogil:
            self.network.get().hyper(&z[0, 0, 0], z.shape[0], z.shape[1], &hs[0, 0, 0])

    def z_indices(self, const uint8_t[:, :, ::1] magnitude, const uint8_t[:, :, ::1] index, const int32_t[::1] bias,
                  uint8_t[:, :, ::1] out):
        with nogil:
            self.network.get().z_indices(&magnitude[0, 0, 0], &index[0, 0, 0], out.shape[0], out.shape[1], &bias[0],
                                         &out[0, 0, 0])

    def indices(self, int step, const uint8_t[:, :, ::1] hs, const uint8_t[:, :, ::1] magnitude,
                const uint8_t[:, :, ::1] index, const uint8_t[:, :, :, ::1] known, const int32_t[::1] bias_in,
                const int32_t[::1] bias_out, uint8_t[:, :, ::1] out, const uint8_t[:, ::1] left_out, int threads):
        cdef StepJob job
        cdef int m
        job.step, job.threads = step, threads
        job.rows, job.columns = hs.shape[0], hs.shape[1]
        job.hyper = &hs[0, 0, 0]
        job.magnitude = job.index = NULL
        if magnitude is not None:
            job.magnitude, job.index = &magnitude[0, 0, 0], &index[0, 0, 0]
        for m in range(3):
            job.known[m] = &known[m, 0, 0, 0]
        job.bias_in, job.bias_out, job.out = &bias_in[0], &bias_out[0], &out[0, 0, 0]
        job.left_out = NULL
        if left_out is not None:
            job.left_out = &left_out[0, 0]
        with nogil:
            self.network.get().indices(job)


def magnitude_codes(int level, const int16_t[:, :, ::1] r, uint8_t[:, :, ::1] code):
    cdef size_t count = <size_t>r.shape[0] * <size_t>r.shape[1] * <size_t>r.shape[2]
    with nogil:
        symbol_kernels(<Isa>level).magnitude_codes(&r[0, 0, 0], count, &code[0, 0, 0])


def state(int level, const uint8_t[:, :, :, ::1] magnitude, const uint8_t[:, :, :, ::1] index,
          uint8_t[:, :, ::1] magnitude_out, uint8_t[:, :, ::1] index_out):
    cdef const uint8_t* magnitudes[4]
    cdef const uint8_t* indices[4]
    cdef int k
    for k in range(4):
        magnitudes[k], indices[k] = &magnitude[k, 0, 0, 0], &index[k, 0, 0, 0]
    cdef size_t rows = magnitude.shape[1], columns = magnitude.shape[2], symbols = magnitude.shape[3]
    with nogil:
        gather_state(<Isa>level, magnitudes, rows, columns, symbols, 0, &magnitude_out[0, 0, 0])
        gather_state(<Isa>level, indices, rows, columns, symbols, kIndexShift, &index_out[0, 0, 0])


def residual(int level, const int16_t[:, :, :, ::1] r, bint channel_last, float[:, :, ::1] out):
    cdef const int16_t* steps[4]
    cdef int k
    for k in range(4):
        steps[k] = &r[k, 0, 0, 0]
    cdef size_t rows = r.shape[1], columns = r.shape[2], symbols = r.shape[3]
    with nogil:
        gather_residual(<Isa>level, steps, rows, columns, symbols, channel_last, &out[0, 0, 0])


def residual_bfloat16(int level, const int16_t[:, :, :, ::1] r, uint16_t[:, :, ::1] out):
    cdef const int16_t* steps[4]
    cdef int k
    for k in range(4):
        steps[k] = &r[k, 0, 0, 0]
    cdef size_t rows = r.shape[1], columns = r.shape[2], symbols = r.shape[3]
    with nogil:
        gather_residual_bfloat16(<Isa>level, steps, rows, columns, symbols, &out[0, 0, 0])
