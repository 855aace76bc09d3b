// Runs CUDA kernels on a CPU, one block after another, so that their index arithmetic and synchronisation are tested without a GPU.
//
// Every thread of a block is a fiber. A fiber runs until it meets a barrier or a warp's collective, and goes on when all that must
// meet there have come. Which one runs first is shuffled by a seed: a kernel whose result depends on that has a race. Barriers that
// threads of a block meet at different lines, collectives of lanes that have ended, and deadlocks are errors.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#define ZVC_EMULATED 1
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __constant__ static const
#define __shared__ static
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __syncthreads() emulator::meet_block(__LINE__)
#define __syncwarp(...) emulator::exchange(0, __VA_ARGS__ __VA_OPT__(,) emulator::kAll, __LINE__)
#define ZVC_DYNAMIC_SHARED(name) unsigned char* const name = emulator::shared_memory()

struct uint3 { unsigned x, y, z; };
struct dim3 { unsigned x = 1, y = 1, z = 1; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
struct alignas(8) int2 { int x, y; };
struct alignas(16) int4 { int x, y, z, w; };
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(4) short2 { short x, y; };
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }

namespace emulator {

constexpr unsigned kAll = 0xFFFFFFFFu, kLanes = 32;
constexpr std::size_t kStack = 128 << 10, kSlot = 64, kMaxShared = 228 << 10;

enum class Wait { kNothing, kBlock, kWarp, kEnded };

struct Fiber {
    jmp_buf resume;
    ucontext_t start;
    std::unique_ptr<char[]> stack{new char[kStack]};
    Wait wait;
    int line;           // of the barrier
    unsigned mask;      // of the collective
    unsigned meetings;  // collectives so far
    uint3 index;
};

struct Warp {
    alignas(16) unsigned char slots[2][kLanes][kSlot];
};

inline std::vector<Fiber> fibers;
inline std::vector<Warp> warps;
inline jmp_buf scheduler;
inline unsigned current;
inline unsigned count;
inline const std::function<void()>* body;
inline std::string problem;
alignas(16) inline unsigned char shared[kMaxShared];

inline unsigned char* shared_memory() { return shared; }

}  // namespace emulator

inline uint3 threadIdx, blockIdx;
inline dim3 blockDim, gridDim;

namespace emulator {

// What the scheduler finds in a fiber it returned from is in the fiber; nothing is kept in registers over a switch.
[[gnu::noinline]] inline void yield() {
    if (_setjmp(fibers[current].resume) == 0) _longjmp(scheduler, 1);
}

inline void meet_block(int line) {
    fibers[current].wait = Wait::kBlock;
    fibers[current].line = line;
    yield();
}

// Gives `value` to the other lanes of `mask`, once all of them have come here.
template <class T>
inline const unsigned char (*exchange(const T& value, unsigned mask, int line))[kSlot] {
    static_assert(sizeof(T) <= kSlot && std::is_trivially_copyable_v<T>);
    Fiber& fiber = fibers[current];
    Warp& warp = warps[current / kLanes];
    const unsigned phase = fiber.meetings++ & 1;
    std::memcpy(warp.slots[phase][current % kLanes], &value, sizeof value);
    fiber.wait = Wait::kWarp;
    fiber.line = line;
    fiber.mask = mask;
    yield();
    return warp.slots[phase];
}

template <class T>
inline T value_of(const unsigned char (*slots)[kSlot], unsigned lane) {
    T value;
    std::memcpy(&value, slots[lane], sizeof value);
    return value;
}

inline void run_fiber() {
    (*body)();
    fibers[current].wait = Wait::kEnded;
    _longjmp(scheduler, 1);
}

[[gnu::noinline]] inline void resume(unsigned n, bool first) {
    current = n;
    threadIdx = fibers[n].index;
    fibers[n].wait = Wait::kNothing;
    if (_setjmp(scheduler) != 0) return;
    if (first) {
        setcontext(&fibers[n].start);
    } else {
        _longjmp(fibers[n].resume, 1);
    }
}

inline bool fail(const std::string& what) {
    if (problem.empty())
        problem = what + " in block (" + std::to_string(blockIdx.x) + ", " + std::to_string(blockIdx.y) + ", " + std::to_string(blockIdx.z) + ")";
    return false;
}

// Lets a warp's collective go on where all of its lanes have come.
inline bool release_warp(unsigned first, bool& moved) {
    for (unsigned n = first; n < std::min(first + kLanes, count); ++n) {
        if (fibers[n].wait != Wait::kWarp) continue;
        const unsigned mask = fibers[n].mask;
        bool all = true;
        for (unsigned lane = 0; lane < kLanes; ++lane) {
            if (!(mask >> lane & 1)) continue;
            if (first + lane >= count || fibers[first + lane].wait == Wait::kEnded)
                return fail("a lane that has ended is waited for at line " + std::to_string(fibers[n].line));
            const Fiber& other = fibers[first + lane];
            all &= other.wait == Wait::kWarp;
            if (other.wait == Wait::kWarp && (other.mask != mask || other.line != fibers[n].line))
                return fail("lanes of a warp meet at lines " + std::to_string(fibers[n].line) + " and " + std::to_string(other.line));
        }
        if (!all) continue;
        for (unsigned lane = 0; lane < kLanes; ++lane)
            if (mask >> lane & 1) fibers[first + lane].wait = Wait::kNothing;
        moved = true;
    }
    return true;
}

inline bool release_block(bool& moved) {
    int line = -1;
    for (unsigned n = 0; n < count; ++n) {
        if (fibers[n].wait == Wait::kEnded) continue;
        if (fibers[n].wait != Wait::kBlock) return true;
        if (line >= 0 && fibers[n].line != line)
            return fail("threads of a block meet at lines " + std::to_string(line) + " and " + std::to_string(fibers[n].line));
        line = fibers[n].line;
    }
    for (unsigned n = 0; n < count; ++n)
        if (fibers[n].wait == Wait::kBlock) fibers[n].wait = Wait::kNothing, moved = true;
    return true;
}

// Copies are made when they are waited for, no sooner. A thread's groups, the last one still open.
struct Copies {
    std::deque<std::vector<std::pair<void*, const void*>>> groups{1};
    void make(std::size_t left) {
        for (; groups.size() > left; groups.pop_front())
            for (const auto& [to, from] : groups.front()) *static_cast<uint4*>(to) = *static_cast<const uint4*>(from);
    }
};
inline std::map<unsigned, Copies> copies;

inline bool run_block(std::mt19937& random) {
    copies.clear();     // those of threads that have ended are lost
    std::memset(shared, 0xA5, sizeof shared);   // what nobody wrote is not zero
    std::vector<unsigned> order(count);
    for (unsigned n = 0; n < count; ++n) {
        order[n] = n;
        Fiber& fiber = fibers[n];
        fiber.index = {n % blockDim.x, n / blockDim.x % blockDim.y, n / (blockDim.x * blockDim.y)};
        fiber.wait = Wait::kNothing;
        fiber.meetings = 0;
        getcontext(&fiber.start);
        fiber.start.uc_stack.ss_sp = fiber.stack.get();
        fiber.start.uc_stack.ss_size = kStack;
        fiber.start.uc_link = nullptr;
        makecontext(&fiber.start, run_fiber, 0);
    }
    std::vector<char> begun(count, 0);
    for (;;) {
        std::shuffle(order.begin(), order.end(), random);
        bool moved = false;
        unsigned ended = 0;
        for (const unsigned n : order) {
            if (fibers[n].wait == Wait::kNothing) {
                resume(n, !begun[n]);
                begun[n] = 1;
                moved = true;
            }
            ended += fibers[n].wait == Wait::kEnded;
        }
        if (ended == count) return true;
        for (unsigned first = 0; first < count; first += kLanes)
            if (!release_warp(first, moved)) return false;
        if (!release_block(moved)) return false;
        if (!moved) return fail("threads wait for each other");
    }
}

// Returns null, or what is wrong.
inline const char* launch(const unsigned grid[3], const unsigned block[3], std::size_t shared_bytes, unsigned seed, const std::function<void()>& kernel) {
    problem.clear();
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    count = block[0] * block[1] * block[2];
    if (count == 0 || count > 1024 || shared_bytes > kMaxShared) return "a block that no GPU runs";
    if (fibers.size() < count) fibers = std::vector<Fiber>(count);
    warps.resize((count + kLanes - 1) / kLanes);
    body = &kernel;
    std::mt19937 random(seed);
    for (blockIdx.z = 0; blockIdx.z < gridDim.z; ++blockIdx.z)
        for (blockIdx.y = 0; blockIdx.y < gridDim.y; ++blockIdx.y)
            for (blockIdx.x = 0; blockIdx.x < gridDim.x; ++blockIdx.x)
                if (!run_block(random)) return problem.c_str();
    return problem.empty() ? nullptr : problem.c_str();
}

}  // namespace emulator

#define __shfl_sync(mask, value, lane) emulator::value_of<std::decay_t<decltype(value)>>(emulator::exchange(value, mask, __LINE__), (lane) & 31)
#define __shfl_up_sync(mask, value, step) emulator::shuffle_up(mask, value, step, __LINE__)
#define __shfl_xor_sync(mask, value, lanes) \
    emulator::value_of<std::decay_t<decltype(value)>>(emulator::exchange(value, mask, __LINE__), emulator::lane() ^ (lanes))
#define __ballot_sync(mask, predicate) emulator::ballot(mask, predicate, __LINE__)
#define __any_sync(mask, predicate) (emulator::ballot(mask, predicate, __LINE__) != 0)

namespace emulator {

inline unsigned lane() { return current % kLanes; }

template <class T>
inline T shuffle_up(unsigned mask, T value, unsigned step, int line) {
    const auto* slots = exchange(value, mask, line);
    return lane() < step ? value : value_of<T>(slots, lane() - step);
}

inline unsigned ballot(unsigned mask, bool predicate, int line) {
    const auto* slots = exchange(predicate, mask, line);
    unsigned bits = 0;
    for (unsigned n = 0; n < kLanes; ++n)
        if (mask >> n & 1) bits |= static_cast<unsigned>(value_of<bool>(slots, n)) << n;
    return bits;
}

}  // namespace emulator

inline int __popc(unsigned value) { return std::popcount(value); }
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
    return static_cast<unsigned>((static_cast<std::uint64_t>(high) << 32 | low) >> (shift & 31));
}
inline int __ffs(int value) { return __builtin_ffs(value); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline unsigned __float_as_uint(float value) { return std::bit_cast<unsigned>(value); }
inline float __uint_as_float(unsigned value) { return std::bit_cast<float>(value); }
inline float __saturatef(float x) { return x < 0 ? 0 : x > 1 ? 1 : x; }
template <class T>
inline T atomicAdd(T* at, T value) { T old = *at; *at += value; return old; }
inline unsigned atomicOr(unsigned* at, unsigned value) { unsigned old = *at; *at |= value; return old; }
template <class T>
inline T atomicMin(T* at, T value) { T old = *at; *at = std::min(old, value); return old; }
template <class T>
inline T atomicMax(T* at, T value) { T old = *at; *at = std::max(old, value); return old; }
template <class T>
inline T __ldg(const T* at) { return *at; }

namespace zvc::device {

inline float to_float(uint16_t half) { return static_cast<float>(std::bit_cast<_Float16>(half)); }
inline uint16_t to_half(float value) { return std::bit_cast<uint16_t>(static_cast<_Float16>(value)); }
inline uint32_t to_halves(float low, float high) { return to_half(low) | static_cast<uint32_t>(to_half(high)) << 16; }

inline void copy_sixteen(void* to, const void* from) { emulator::copies[emulator::current].groups.back().emplace_back(to, from); }
inline void copy_cached(void* to, const void* from) { copy_sixteen(to, from); }
inline void end_group() { emulator::copies[emulator::current].groups.emplace_back(); }
inline void await_copies() {
    emulator::copies[emulator::current].make(0);
    end_group();
}
template <int kLater>
inline void await_groups() { emulator::copies[emulator::current].make(kLater + 1); }

inline int dp4a(uint32_t a, uint32_t b, int c) {
    for (int n = 0; n < 32; n += 8) c += static_cast<int>(a >> n & 255) * static_cast<int8_t>(b >> n);
    return c;
}

inline uint32_t sad4(uint32_t a, uint32_t b, uint32_t c) {
    for (int n = 0; n < 32; n += 8) c += static_cast<uint32_t>(std::abs(static_cast<int>(a >> n & 255) - static_cast<int>(b >> n & 255)));
    return c;
}

using Shared = uint32_t;
inline Shared shared_address(const void* at) { return static_cast<Shared>(static_cast<const unsigned char*>(at) - emulator::shared); }

template <class T>
inline uint32_t load_shared(Shared at) {
    if (at + sizeof(T) > emulator::kMaxShared || at % sizeof(T)) emulator::fail("a load from an address that is not in shared memory or not aligned");
    T out;
    std::memcpy(&out, emulator::shared + std::min<std::size_t>(at, emulator::kMaxShared - sizeof(T)), sizeof(T));
    return out;
}

inline uint32_t load_byte(Shared at) { return load_shared<uint8_t>(at); }
inline uint32_t load_word(Shared at) { return load_shared<uint32_t>(at); }

inline uint32_t pack_bytes(int a, int b, int c, int d) {
    const auto byte = [](int value) { return static_cast<uint32_t>(std::clamp(value, 0, 255)); };
    return byte(a) | byte(b) << 8 | byte(c) << 16 | byte(d) << 24;
}

inline void load_matrices(uint32_t (&out)[4], Shared address) {
    if (address + 16 > emulator::kMaxShared || address % 16) emulator::fail("ldmatrix from an address that is not in shared memory or not aligned");
    const auto* row = reinterpret_cast<const uint16_t*>(emulator::shared + std::min<std::size_t>(address, emulator::kMaxShared - 16));
    const auto* slots = emulator::exchange(row, emulator::kAll, __LINE__);
    for (unsigned matrix = 0; matrix < 4; ++matrix) {
        const auto* from = emulator::value_of<const uint16_t*>(slots, 8 * matrix + emulator::lane() / 4) + 2 * (emulator::lane() % 4);
        out[matrix] = from[0] | static_cast<uint32_t>(from[1]) << 16;
    }
}

struct Operands {
    uint32_t a[4], b[2];
};

// Row g = lane / 4 and g + 8 of a against columns 2 (lane % 4) and the next of b, k = 0..15 (PTX ISA, mma.m16n8k16).
template <class Sum>
inline void products(const Operands& mine, Sum (&sum)[4]) {
    const auto* slots = emulator::exchange(mine, emulator::kAll, __LINE__);
    const unsigned g = emulator::lane() / 4, t = emulator::lane() % 4;
    const auto half = [](uint32_t pair, unsigned n) { return to_float(static_cast<uint16_t>(pair >> 16 * n)); };
    for (unsigned k = 0; k < 16; ++k) {
        const unsigned group = k / 2 % 4, upper = k / 8, element = k % 2;
        const Operands left = emulator::value_of<Operands>(slots, 4 * g + group);
        for (unsigned n = 0; n < 2; ++n) {
            const Operands right = emulator::value_of<Operands>(slots, 4 * (2 * t + n) + group);
            const float b = half(right.b[upper], element);
            sum[n] += static_cast<Sum>(half(left.a[2 * upper], element) * b);
            sum[2 + n] += static_cast<Sum>(half(left.a[2 * upper + 1], element) * b);
        }
    }
}

inline void multiply_add(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    products({{a[0], a[1], a[2], a[3]}, {b[0], b[1]}}, d);
}

inline void multiply_add(uint32_t (&d)[2], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    float sum[4] = {to_float(static_cast<uint16_t>(d[0])), to_float(static_cast<uint16_t>(d[0] >> 16)), to_float(static_cast<uint16_t>(d[1])),
                    to_float(static_cast<uint16_t>(d[1] >> 16))};
    products({{a[0], a[1], a[2], a[3]}, {b[0], b[1]}}, sum);
    for (int n = 0; n < 2; ++n) d[n] = to_half(sum[2 * n]) | static_cast<uint32_t>(to_half(sum[2 * n + 1])) << 16;
}

// Row g = lane / 4 and g + 8 of a against columns 2 (lane % 4) and the next of b, k = 0..31 (PTX ISA, mma.m16n8k32): a's registers have k = 4 (lane % 4) to 3
// further of row g and of row g + 8, then the same 16 behind; b's those of column g, then 16 behind.
inline void multiply_add(int (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    const auto* slots = emulator::exchange(Operands{{a[0], a[1], a[2], a[3]}, {b[0], b[1]}}, emulator::kAll, __LINE__);
    const unsigned g = emulator::lane() / 4, t = emulator::lane() % 4;
    for (unsigned k = 0; k < 32; ++k) {
        const unsigned group = k / 4 % 4, upper = k / 16, place = k % 4 * 8;
        const Operands left = emulator::value_of<Operands>(slots, 4 * g + group);
        for (unsigned n = 0; n < 2; ++n) {
            const Operands right = emulator::value_of<Operands>(slots, 4 * (2 * t + n) + group);
            const int weight = static_cast<int8_t>(right.b[upper] >> place);
            d[n] += static_cast<int>(left.a[2 * upper] >> place & 255) * weight;
            d[2 + n] += static_cast<int>(left.a[2 * upper + 1] >> place & 255) * weight;
        }
    }
}

}  // namespace zvc::device
