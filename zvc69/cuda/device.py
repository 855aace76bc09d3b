"""What the pipeline asks of a device: memory and launches. CuPy's is here; tests have one that emulates the kernels on the CPU."""
from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..errors import BackendError
from . import source
from .compiler import ARCHITECTURES, Compiler, Nvrtc

Buffer = Any
"""An array on the device: CuPy's, or in the tests NumPy's. Sliced, reshaped and viewed alike."""

Grid = Sequence[int]

_NUMBERS = {"int": np.int32, "unsigned": np.uint32, "float": np.float32}


class Device(Protocol):
    """Memory and kernels of one GPU. Launches and copies are asynchronous, in order, on the current stream; `download` waits."""

    name: str
    shared_limit: int
    """Bytes of shared memory that a block of threads may have."""
    processors: int
    """How many it has: blocks of threads that run at once, if no two share one."""

    def empty(self, shape: Sequence[int] | int, dtype: DTypeLike) -> Buffer:
        """Uninitialised and C-contiguous. Raises BackendError if there is no memory."""
        ...

    def zeros(self, shape: Sequence[int] | int, dtype: DTypeLike) -> Buffer: ...

    def upload(self, array: NDArray, into: Buffer | None = None) -> Buffer: ...

    def download(self, buffer: Buffer) -> NDArray: ...

    def copy(self, source: Buffer, to: Buffer) -> None:
        """Between buffers of the device."""
        ...

    def fill_zero(self, buffer: Buffer) -> None: ...

    def address(self, buffer: Buffer) -> int: ...

    def synchronise(self) -> None:
        """Waits until all is done."""
        ...

    def recorded(self, work: Callable[[], None]) -> Callable[[], None]:
        """What runs the launches, copies and fills of `work` again, as one. `work` is run once before; it must not allocate, upload or download."""
        ...

    def launch(self, kernel: str, grid: Grid, block: Grid, arguments: Sequence[Any], shared: int = 0) -> None:
        """Runs a kernel of kernels/. arguments: buffers (None: a null pointer) and numbers, in the kernel's order. `shared` in bytes.

        Raises BackendError if it cannot be run, TypeError for arguments that do not fit.
        """
        ...


def blocks_of(items: int, size: int) -> int:
    """Blocks of `size` that cover `items`."""
    return -(-items // size)


def checked(kernel: str, arguments: Sequence[Any]) -> list[tuple[source.Parameter, Any]]:
    """Each parameter with its argument, numbers as the type that the kernel takes. Raises TypeError."""
    parameters = source.kernels(source.module_of(kernel))[kernel]
    if len(parameters) != len(arguments):
        raise TypeError(f"{kernel} takes {len(parameters)} arguments, not {len(arguments)}")
    return [(parameter, _fitting(kernel, parameter, argument)) for parameter, argument in zip(parameters, arguments)]


_POINTED = {"int8_t": "i1", "uint8_t": "u1", "int16_t": "i2", "uint16_t": "u2", "int32_t": "i4", "int": "i4", "uint32_t": "u4", "unsigned": "u4",
            "float": "f4", "uint64_t": "u8", "Stage": "u1", "void": ""}


def _fitting(kernel: str, parameter: source.Parameter, argument: Any) -> Any:
    if not parameter.type.endswith("*"):
        if isinstance(argument, bool | int | float | np.generic):
            return _NUMBERS[parameter.type](argument)
        raise TypeError(f"{kernel}: {parameter.name} is a number, not {type(argument).__name__}")
    if argument is None:
        return None
    wanted = _POINTED[parameter.type.removeprefix("const ").removesuffix("*")]
    dtype = np.dtype(argument.dtype)
    found = "u2" if dtype == np.float16 else "u1" if dtype == np.bool_ else dtype.str[1:]
    if wanted and found != wanted:
        raise TypeError(f"{kernel}: {parameter.name} points to {parameter.type}, not to {dtype}")
    if not argument.flags.c_contiguous:
        raise TypeError(f"{kernel}: {parameter.name} is not contiguous")
    return argument


@lru_cache
def why_not() -> str | None:
    """None where an NVIDIA GPU can be used here, else the reason why not."""
    if importlib.util.find_spec("cupy") is None:
        return "the package cupy is not installed"
    try:
        import cupy
        runtime = cupy.cuda.runtime
    except Exception as error:      # a CuPy that cannot be loaded says so in many ways
        return f"CuPy cannot be loaded: {_line(error)}"
    try:
        if runtime.getDeviceCount() == 0:
            return "there is no NVIDIA GPU"
        properties = runtime.getDeviceProperties(0)
        architecture = 10 * properties["major"] + properties["minor"]
        if architecture < ARCHITECTURES[0]:
            return f"{properties['name'].decode()} (sm_{architecture}) is older than sm_{ARCHITECTURES[0]}: it lacks the tensor cores that the kernels need"
        Nvrtc()
    except runtime.CUDARuntimeError as error:       # no device, or a driver that is too old for this CUDA
        return f"CUDA {_line(error)}"
    except BackendError as error:
        return error.message
    return None


def _line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


class CupyDevice:
    """A GPU by way of CuPy, with kernels that are compiled for it (`compiler`) when they are first launched.

    Raises BackendError if there is none that will do: `why_not`.
    """

    def __init__(self, number: int = 0) -> None:
        if reason := why_not():
            raise BackendError(f"no CUDA device can be used: {reason}")
        import cupy
        self._cupy, self._number = cupy, number
        with cupy.cuda.Device(number):
            properties = cupy.cuda.runtime.getDeviceProperties(number)
            self.name = properties["name"].decode()
            self.architecture = 10 * properties["major"] + properties["minor"]
            self.shared_limit, self.processors = properties["sharedMemPerBlockOptin"], properties["multiProcessorCount"]
        self._compiler = Compiler()
        self._functions: dict[tuple[str, int], Any] = {}

    def empty(self, shape: Sequence[int] | int, dtype: DTypeLike) -> Buffer:
        try:
            return self._cupy.empty(shape, dtype)
        except self._cupy.cuda.memory.OutOfMemoryError as error:
            raise BackendError(f"{self.name}: out of memory ({str(error).splitlines()[0]})") from error

    def zeros(self, shape: Sequence[int] | int, dtype: DTypeLike) -> Buffer:
        buffer = self.empty(shape, dtype)
        self.fill_zero(buffer)
        return buffer

    def copy(self, source: Buffer, to: Buffer) -> None:
        to.data.copy_from_device_async(source.data, to.nbytes)

    def fill_zero(self, buffer: Buffer) -> None:
        buffer.data.memset_async(0, buffer.nbytes)

    def upload(self, array: NDArray, into: Buffer | None = None) -> Buffer:
        buffer = self.empty(array.shape, array.dtype) if into is None else into
        buffer.set(np.ascontiguousarray(array))
        return buffer

    def download(self, buffer: Buffer) -> NDArray:
        try:
            return buffer.get()
        except self._cupy.cuda.runtime.CUDARuntimeError as error:
            raise BackendError(f"{self.name}: {error}") from error

    def address(self, buffer: Buffer) -> int:
        return buffer.data.ptr

    def synchronise(self) -> None:
        try:
            self._cupy.cuda.get_current_stream().synchronize()
        except self._cupy.cuda.runtime.CUDARuntimeError as error:
            raise BackendError(f"{self.name}: {_line(error)}") from error

    def recorded(self, work: Callable[[], None]) -> Callable[[], None]:
        work()       # compiles what is not compiled yet, which cannot be recorded
        stream = self._cupy.cuda.Stream(non_blocking=True)
        stream.wait_event(self._cupy.cuda.get_current_stream().record())
        with stream:
            stream.begin_capture()
            try:
                work()
            finally:
                graph = stream.end_capture()
        return lambda: graph.launch(self._cupy.cuda.get_current_stream())

    def launch(self, kernel: str, grid: Grid, block: Grid, arguments: Sequence[Any], shared: int = 0) -> None:
        values = tuple(np.uint64(0) if argument is None else argument for _, argument in checked(kernel, arguments))
        try:
            self._function(kernel, shared)(tuple(grid), tuple(block), values, shared_mem=shared)
        except (self._cupy.cuda.driver.CUDADriverError, self._cupy.cuda.runtime.CUDARuntimeError) as error:
            raise BackendError(f"{self.name}: {kernel} cannot be run: {error}") from error

    def _function(self, kernel: str, shared: int) -> Any:
        if kernel not in self._functions:
            module = source.module_of(kernel)
            loaded = self._cupy.RawModule(path=str(self._compiler.cubin(module, self.architecture)))
            for name in source.kernels(module):
                self._functions[name] = loaded.get_function(name)
        function = self._functions[kernel]
        if shared > function.max_dynamic_shared_size_bytes:
            function.max_dynamic_shared_size_bytes = shared
        return function
