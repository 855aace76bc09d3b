"""The device of `zvc69.cuda` on a CPU: kernels compiled as C++, run by emulator.h."""
from __future__ import annotations

import ctypes
import hashlib
import mmap
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from zvc69.cuda import source
from zvc69.cuda.device import Counts, checked
from zvc69.errors import BackendError

HERE = Path(__file__).parent
COMPILER = os.environ.get("CXX") or shutil.which("g++") or shutil.which("c++")

# A GPU faults at vector loads that are not aligned. (Checks of shifts and of overflow are left out: GCC 12 miscompiles conditional operands with them.)
_FLAGS = ["-std=c++20", "-O1", "-fPIC", "-shared", "-w", "-U_FORTIFY_SOURCE", "-ffp-contract=off", "-fno-stack-protector",
          "-fsanitize=alignment", "-fsanitize-undefined-trap-on-error"]


def _wrappers(text: str) -> str:
    """A C function for each kernel that takes its arguments by address."""
    out = []
    for name, parameters in source.kernels_in(text).items():
        arguments = ", ".join(f"*({p.type.removeprefix('const ') if not p.type.endswith('*') else p.type}*)values[{n}]" for n, p in enumerate(parameters))
        out.append(f'extern "C" const char* emulate_{name}(const unsigned* grid, const unsigned* block, size_t shared, unsigned seed, void** values) {{\n'
                   f"    return emulator::launch(grid, block, shared, seed, [&] {{ {name}({arguments}); }});\n}}\n")
    return "".join(out)


@lru_cache
def _library(module: str) -> ctypes.CDLL:
    return compiled(module, source.text(module))


def compiled(module: str, text: str) -> ctypes.CDLL:
    """A library with `emulate_NAME` for every kernel of `text`; made once."""
    program = f'#include "{HERE / "emulator.h"}"\nnamespace zvc {{}}\n{text}\nusing namespace zvc;\n{_wrappers(text)}'
    key = hashlib.sha256((program + (HERE / "emulator.h").read_text() + str(_FLAGS)).encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"zvc69-emulator-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    library = folder / f"{module}-{key}.so"
    if not library.exists():
        unit, made = folder / f"{module}-{key}.cpp", folder / f"{module}-{key}.{os.getpid()}.so"
        unit.write_text(program)
        subprocess.run([COMPILER, *_FLAGS, str(unit), "-o", str(made)], check=True)
        made.replace(library)
    return ctypes.CDLL(str(library))


_ONE_AT_A_TIME = threading.Lock()      # emulator.h has one set of fibers in each library


class _Guarded:
    """Memory that ends at a page which cannot be touched: a kernel that reads or writes behind an array's end crashes."""

    def __init__(self, size: int) -> None:
        page = mmap.PAGESIZE
        body = -(-max(size, 1) // page) * page
        self._map = mmap.mmap(-1, body + page)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mprotect(ctypes.c_void_p(address + body), ctypes.c_size_t(page), 0):
            raise OSError(ctypes.get_errno(), "mprotect")
        start = address + (body - size) // 16 * 16      # kernels may load 16 bytes at once, where the size is a multiple of that
        self.__array_interface__ = {"version": 3, "shape": (size,), "typestr": "|u1", "data": (start, False)}


class OnDevice:
    """An array of another library in the memory of an emulated device."""

    def __init__(self, memory: np.ndarray) -> None:
        self.memory = memory
        self.__cuda_array_interface__ = memory.__array_interface__


class EmulatedDevice:
    """Arrays are NumPy's. `seed` shuffles the order in which threads run."""

    name = "emulated on the CPU"
    processors = 4

    def __init__(self, seed: int = 0, shared_limit: int = 160 << 10) -> None:
        self.seed, self.shared_limit = seed, shared_limit
        self.launches: list[str] = []
        self.counts = Counts()

    def empty(self, shape: Sequence[int] | int, dtype: Any) -> np.ndarray:
        self.counts.allocations += 1
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
        array = np.asarray(_Guarded(size))
        array.fill(0xA5)
        return array.view(dtype).reshape(shape)

    def zeros(self, shape: Sequence[int] | int, dtype: Any) -> np.ndarray:
        array = self.empty(shape, dtype)
        array.fill(0)
        return array

    def upload(self, array: np.ndarray, into: np.ndarray | None = None) -> np.ndarray:
        array = np.asarray(array)
        buffer = self.empty(array.shape, array.dtype) if into is None else into
        buffer[...] = array
        return buffer

    def download(self, buffer: np.ndarray) -> np.ndarray:
        self.counts.synchronisations += 1
        return buffer.copy()

    def pinned(self, size: int) -> np.ndarray:
        return self.empty(size, np.uint8)

    def send(self, host: np.ndarray, to: np.ndarray) -> None:
        to.reshape(-1).view(np.uint8)[:] = host.reshape(-1).view(np.uint8)

    def fetch(self, buffer: np.ndarray, host: np.ndarray) -> None:
        host[:] = buffer.reshape(-1).view(np.uint8)

    def adopted(self, array: Any) -> np.ndarray:
        if not isinstance(array, OnDevice):
            raise BackendError(f"{self.name}: {type(array).__name__} cannot be taken as memory of this GPU")
        return array.memory

    def queue(self) -> Any:
        return None

    def using(self, queue: Any) -> AbstractContextManager:
        return nullcontext()

    def event(self) -> Any:
        return None

    def record(self, event: Any) -> None:
        pass

    def follow(self, event: Any) -> None:
        pass

    def wait_for(self, event: Any) -> None:
        self.counts.waits += 1

    def reached(self, event: Any) -> bool:
        return True

    def memory_used(self) -> int:
        return 0

    def release(self) -> None:
        pass

    def copy(self, source: np.ndarray, to: np.ndarray) -> None:
        to[...] = source

    def fill_zero(self, buffer: np.ndarray) -> None:
        buffer.fill(0)

    def address(self, buffer: np.ndarray) -> int:
        return buffer.ctypes.data

    def synchronise(self) -> None:
        self.counts.synchronisations += 1

    def recorded(self, work: Callable[[], None]) -> Callable[[], None]:
        work()
        return work

    def launch(self, kernel: str, grid: Sequence[int], block: Sequence[int], arguments: Sequence[Any], shared: int = 0) -> None:
        self.launches.append(kernel)
        held = []
        for parameter, argument in checked(kernel, arguments):
            if parameter.type.endswith("*"):
                held.append(ctypes.c_void_p(None if argument is None else argument.ctypes.data))
            else:
                held.append({"int": ctypes.c_int, "unsigned": ctypes.c_uint, "float": ctypes.c_float}[parameter.type](argument.item()))
        run(_library(source.module_of(kernel)), kernel, grid, block, held, shared, self.seed)


def run(library: ctypes.CDLL, kernel: str, grid: Sequence[int], block: Sequence[int], arguments: Sequence[Any], shared: int = 0, seed: int = 0) -> None:
    """Runs a kernel; arguments are ctypes' values. Raises BackendError for what no GPU would do, or what it would do wrongly."""
    values = (ctypes.c_void_p * len(arguments))(*(ctypes.addressof(value) for value in arguments))
    function = getattr(library, f"emulate_{kernel}")
    function.restype = ctypes.c_char_p
    with _ONE_AT_A_TIME:
        problem = function((ctypes.c_uint * 3)(*_three(grid)), (ctypes.c_uint * 3)(*_three(block)), ctypes.c_size_t(shared), seed, values)
    if problem:
        raise BackendError(f"{kernel}: {problem.decode()}")


def _three(size: Sequence[int]) -> tuple[int, ...]:
    return (*size, 1, 1)[:3]
