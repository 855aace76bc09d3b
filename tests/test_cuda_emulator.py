"""The emulator itself: what it must find in kernels that are wrong, and what the instructions that it stands for do."""
from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from zvc69.errors import BackendError

from .emulator import COMPILER, EmulatedDevice, compiled, run

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")

KERNELS = r'''
extern "C" __global__ void reversed(float* x, int barrier) {
    __shared__ float all[64];
    all[threadIdx.x] = x[threadIdx.x];
    if (barrier) __syncthreads();
    x[threadIdx.x] = all[63 - threadIdx.x];
}
extern "C" __global__ void other_barrier(float* x, int n) {
    if (threadIdx.x < 32) {
        __syncthreads();
    } else {
        __syncthreads();
    }
}
extern "C" __global__ void ended_lane(float* x, int n) {
    if (threadIdx.x == 5) return;
    x[threadIdx.x] = __shfl_sync(0xFFFFFFFFu, x[threadIdx.x], 0);
}
extern "C" __global__ void deadlock(float* x, int n) {
    if (threadIdx.x < 16) {
        __ballot_sync(0x0000FFFFu, true);
        __syncthreads();
    } else {
        __ballot_sync(0xFFFFFFFFu, true);
    }
}
extern "C" __global__ void scan(float* x, int n) {
    float sum = x[threadIdx.x];
    for (unsigned step = 1; step < 32; step *= 2) {
        const float other = __shfl_up_sync(0xFFFFFFFFu, sum, step);
        if (threadIdx.x % 32 >= step) sum += other;
    }
    x[threadIdx.x] = sum;
}
extern "C" __global__ void bytes_multiplied(const uint32_t* a, const uint32_t* b, int* d) {
    uint32_t left[4], right[2];
    int sum[4];
    for (int n = 0; n < 4; ++n) left[n] = a[4 * threadIdx.x + n], sum[n] = d[4 * threadIdx.x + n];
    for (int n = 0; n < 2; ++n) right[n] = b[2 * threadIdx.x + n];
    zvc::device::multiply_add(sum, left, right);
    for (int n = 0; n < 4; ++n) d[4 * threadIdx.x + n] = sum[n];
}
extern "C" __global__ void bytes_packed(const int* x, uint32_t* out) {
    out[threadIdx.x] = zvc::device::pack_bytes(x[4 * threadIdx.x], x[4 * threadIdx.x + 1], x[4 * threadIdx.x + 2], x[4 * threadIdx.x + 3]);
}
extern "C" __global__ void beyond(float* x, int n) { x[threadIdx.x + n] = 1; }
extern "C" __global__ void unaligned(float* x, int n) { reinterpret_cast<uint4*>(x + n)->x = 1; }
'''


@lru_cache
def library() -> ctypes.CDLL:
    return compiled("self", KERNELS)


def launched(kernel: str, x: np.ndarray, number: int = 0, seed: int = 0, threads: int = 64) -> np.ndarray:
    run(library(), kernel, [1], [threads], [ctypes.c_void_p(x.ctypes.data), ctypes.c_int(number)], seed=seed)
    return x


def memory(size: int = 64) -> np.ndarray:
    x = EmulatedDevice().empty(size, np.float32)
    x[:] = np.arange(size)
    return x


def test_barriers_hold():
    for seed in range(4):
        assert np.array_equal(launched("reversed", memory(), 1, seed), np.arange(64)[::-1])


def test_a_missing_barrier_shows_in_some_order():
    # Other values each time: shared memory of the kernel's own keeps what was in it.
    assert any(not np.array_equal(launched("reversed", memory() + np.float32(100 * seed), 0, seed), np.arange(64)[::-1] + 100 * seed) for seed in range(1, 5))


@pytest.mark.parametrize(("kernel", "problem"), [
    ("other_barrier", "threads of a block meet at lines"),
    ("ended_lane", "a lane that has ended is waited for"),
    ("deadlock", "lanes of a warp meet|wait for each other"),
])
def test_threads_that_cannot_meet_are_found(kernel, problem):
    with pytest.raises(BackendError, match=problem):
        launched(kernel, memory())


def test_shuffles_take_the_lanes_of_their_own_warp():
    assert np.array_equal(launched("scan", memory()), np.concatenate([np.cumsum(np.arange(n, n + 32)) for n in (0, 32)]))


def on_a_warp(kernel: str, *arrays: np.ndarray) -> None:
    run(library(), kernel, [1], [32], [ctypes.c_void_p(array.ctypes.data) for array in arrays], seed=1)


def test_byte_products_have_the_manuals_registers():
    """PTX ISA, matrix fragments of mma.m16n8k32 with .u8 and .s8: element i of a lane's a is in row g or g + 8, and so on."""
    rng = np.random.default_rng(3)
    left, right, before = rng.integers(0, 256, (16, 32)), rng.integers(-128, 128, (32, 8)), rng.integers(-1000, 1000, (16, 8))
    lane, i = np.arange(32)[:, None], np.arange(16)
    group, thread = lane // 4, lane % 4
    a = left[np.where((i < 4) | ((i >= 8) & (i < 12)), group, group + 8), thread * 4 + (i & 3) + 16 * (i >= 8)].astype(np.uint8)
    i = np.arange(8)
    b = right[thread * 4 + (i & 3) + 16 * (i >= 4), np.broadcast_to(group, (32, 8))].astype(np.int8)
    i = np.arange(4)
    rows, columns = np.where(i < 2, group, group + 8), thread * 2 + (i & 1)
    d = before[rows, columns].astype(np.int32)
    on_a_warp("bytes_multiplied", a, b, d)
    assert np.array_equal(d, (before + left @ right)[rows, columns])


def test_bytes_saturate_and_the_first_is_the_lowest():
    x = np.random.default_rng(3).integers(-300, 600, (32, 4)).astype(np.int32)
    out = np.zeros(32, np.uint32)
    on_a_warp("bytes_packed", x, out)
    assert np.array_equal(out.view(np.uint8).reshape(32, 4), x.clip(0, 255))


@pytest.mark.parametrize(("kernel", "by"), [("beyond", 1), ("unaligned", 1)])
def test_memory_that_is_not_the_arrays_and_unaligned_vectors_crash(kernel, by):
    code = f"from tests.test_cuda_emulator import *; launched({kernel!r}, memory(), {by}, threads={64 if kernel == 'beyond' else 1})"
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1], capture_output=True)
    assert -done.returncode in (signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGTRAP)
