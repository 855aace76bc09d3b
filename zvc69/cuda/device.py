"""What the pipeline asks of a device: memory and launches. CuPy's is here; tests have one that emulates the kernels on the CPU."""
from __future__ import annotations

import importlib.util
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..errors import BackendError
from . import source
from .compiler import ARCHITECTURES, Compiler, Nvrtc, shipped

Buffer = Any
"""An array on the device: CuPy's, or in the tests NumPy's. Sliced, reshaped and viewed alike."""

Grid = Sequence[int]

Queue = Any
"""What runs in order: a CUDA stream."""

Event = Any
"""A point in a queue, of which others can know whether it is reached."""

_NUMBERS = {"int": np.int32, "unsigned": np.uint32, "float": np.float32}


@dataclass(slots=True)
class Counts:
    """What a device was asked for so far; a stream in its stride adds `waits` alone: for events of frames that are to be given out."""

    allocations: int = 0
    """Of memory, on the device or pinned on the host."""
    synchronisations: int = 0
    """The host waited for all that a queue had to do."""
    waits: int = 0
    """The host waited for an event."""


class Device(Protocol):
    """Memory and kernels of one GPU. Launches and copies are asynchronous, in order, on the current queue of the thread; `download` waits."""

    name: str
    shared_limit: int
    """Bytes of shared memory that a block of threads may have."""
    processors: int
    """How many it has: blocks of threads that run at once, if no two share one."""
    counts: Counts

    def empty(self, shape: Sequence[int] | int, dtype: DTypeLike) -> Buffer:
        """Uninitialised and C-contiguous. Raises BackendError if there is no memory."""
        ...

    def zeros(self, shape: Sequence[int] | int, dtype: DTypeLike) -> Buffer: ...

    def upload(self, array: NDArray, into: Buffer | None = None) -> Buffer:
        """The array may be changed as soon as this returns. Without `into` memory is asked for."""
        ...

    def download(self, buffer: Buffer) -> NDArray: ...

    def pinned(self, size: int) -> NDArray[np.uint8]:
        """Bytes of the host that `send` and `fetch` take. Raises BackendError if there is no memory."""
        ...

    def send(self, host: NDArray, to: Buffer) -> None:
        """Bytes of pinned memory, which must stay as they are until the copy is done."""
        ...

    def fetch(self, buffer: Buffer, host: NDArray) -> None:
        """Bytes to pinned memory, which has them when the copy is done."""
        ...

    def adopted(self, array: Any) -> Buffer:
        """An array of another library that is on this device (DLPack, `__cuda_array_interface__`), where it is; the current queue waits for what made it, if
        the library says. Raises BackendError if it is elsewhere, or of a type that no library shares."""
        ...

    def queue(self) -> Queue:
        """A queue of its own, which waits for no other one."""
        ...

    def using(self, queue: Queue) -> AbstractContextManager:
        """Makes it the thread's current one."""
        ...

    def event(self) -> Event: ...

    def record(self, event: Event) -> None:
        """The event is reached when the current queue has done what it has been told so far."""
        ...

    def follow(self, event: Event) -> None:
        """The current queue goes on when the event is reached."""
        ...

    def wait_for(self, event: Event) -> None:
        """The host goes on when the event is reached. Raises BackendError for what failed until then."""
        ...

    def reached(self, event: Event) -> bool: ...

    def memory_used(self) -> int:
        """Bytes of the device that are taken, by whomever, and what is held in reserve included."""
        ...

    def release(self) -> None:
        """Gives back what is held in reserve."""
        ...

    def copy(self, source: Buffer, to: Buffer) -> None:
        """Between buffers of the device."""
        ...

    def fill_zero(self, buffer: Buffer) -> None: ...

    def address(self, buffer: Buffer) -> int: ...

    def synchronise(self) -> None:
        """Waits until all that the current queue has been told is done."""
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
        if not all(shipped(module, architecture) for module in source.MODULES):
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
        self._functions: dict[str, Any] = {}
        self._pieces = _Pieces(self)
        self.counts = Counts()

    def empty(self, shape: Sequence[int] | int, dtype: DTypeLike) -> Buffer:
        pool = self._cupy.get_default_memory_pool()
        before = pool.total_bytes()
        try:
            buffer = self._cupy.empty(shape, dtype)
        except self._cupy.cuda.memory.OutOfMemoryError as error:
            raise BackendError(f"{self.name}: out of memory ({str(error).splitlines()[0]})") from error
        self.counts.allocations += pool.total_bytes() != before      # else it has been given back before
        return buffer

    def zeros(self, shape: Sequence[int] | int, dtype: DTypeLike) -> Buffer:
        buffer = self.empty(shape, dtype)
        self.fill_zero(buffer)
        return buffer

    def copy(self, source: Buffer, to: Buffer) -> None:
        to.data.copy_from_device_async(source.data, to.nbytes)

    def fill_zero(self, buffer: Buffer) -> None:
        buffer.data.memset_async(0, buffer.nbytes)

    def upload(self, array: NDArray, into: Buffer | None = None) -> Buffer:
        array = np.ascontiguousarray(array)
        if into is None:
            into = self.empty(array.shape, array.dtype)
            into.set(array)
        elif array.nbytes:
            self._pieces.upload(array, into)
        return into

    def download(self, buffer: Buffer) -> NDArray:
        self.counts.synchronisations += 1
        try:
            return buffer.get()
        except self._cupy.cuda.runtime.CUDARuntimeError as error:
            raise BackendError(f"{self.name}: {error}") from error

    def pinned(self, size: int) -> NDArray[np.uint8]:
        self.counts.allocations += 1
        try:
            return np.frombuffer(self._cupy.cuda.alloc_pinned_memory(max(size, 1)), np.uint8, size)
        except self._cupy.cuda.runtime.CUDARuntimeError as error:
            raise BackendError(f"{self.name}: no pinned memory ({_line(error)})") from error

    def send(self, host: NDArray, to: Buffer) -> None:
        to.data.copy_from_host_async(host.ctypes.data, host.nbytes)

    def fetch(self, buffer: Buffer, host: NDArray) -> None:
        buffer.data.copy_to_host_async(host.ctypes.data, host.nbytes)

    def adopted(self, array: Any) -> Buffer:
        cupy = self._cupy
        try:
            if isinstance(array, cupy.ndarray):
                buffer = array
            elif hasattr(array, "__dlpack__"):      # first: its makers order streams, where the other protocol has the host wait
                buffer = cupy.from_dlpack(array)
            elif hasattr(array, "__cuda_array_interface__"):
                buffer = cupy.asarray(array)
            else:
                raise TypeError("it has neither DLPack nor the CUDA array interface")
        except (TypeError, ValueError, RuntimeError, BufferError, NotImplementedError) as error:
            raise BackendError(f"{self.name}: {type(array).__name__} cannot be taken as memory of this GPU: {_line(error)}") from error
        if buffer.data.device_id != self._number:
            raise BackendError(f"{self.name}: the array is on GPU {buffer.data.device_id}, the codec on GPU {self._number}")
        return buffer

    def queue(self) -> Queue:
        return self._cupy.cuda.Stream(non_blocking=True)

    def using(self, queue: Queue) -> AbstractContextManager:
        return queue

    def event(self) -> Event:
        return self._cupy.cuda.Event(disable_timing=True)

    def record(self, event: Event) -> None:
        event.record()

    def follow(self, event: Event) -> None:
        self._cupy.cuda.get_current_stream().wait_event(event)

    def wait_for(self, event: Event) -> None:
        self.counts.waits += 1
        try:
            event.synchronize()
        except self._cupy.cuda.runtime.CUDARuntimeError as error:
            raise BackendError(f"{self.name}: {_line(error)}") from error

    def reached(self, event: Event) -> bool:
        return event.done

    def memory_used(self) -> int:
        free, total = self._cupy.cuda.runtime.memGetInfo()
        return total - free

    def release(self) -> None:
        self._cupy.get_default_memory_pool().free_all_blocks()

    def address(self, buffer: Buffer) -> int:
        return buffer.data.ptr

    def synchronise(self) -> None:
        self.counts.synchronisations += 1
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

    def load(self, module: str) -> None:
        """A file of kernels/, compiled if it has to be; launches do that themselves when they need it. Raises BackendError."""
        if (path := shipped(module, self.architecture)) is not None:
            try:
                return self._take(module, path)
            except self._cupy.cuda.driver.CUDADriverError:
                pass        # a driver that is older than the compiler: what NVRTC makes fits
        return self._take(module, self._compiler.cubin(module, self.architecture))

    def _take(self, module: str, path: Path) -> None:
        loaded = self._cupy.RawModule(path=str(path))
        functions = {name: loaded.get_function(name) for name in source.kernels(module)}
        next(iter(functions.values())).compile()      # the module is loaded, or fails
        self._functions |= functions

    def _function(self, kernel: str, shared: int) -> Any:
        if kernel not in self._functions:
            self.load(source.module_of(kernel))
        function = self._functions[kernel]
        if shared > function.max_dynamic_shared_size_bytes:
            function.max_dynamic_shared_size_bytes = shared
        return function


class _Pieces:
    """Pinned memory that small uploads go through, in sizes of powers of two; a piece is used again when its copy is done."""

    _MOST = 8
    """Of one size; beyond that the host waits for the oldest copy."""

    def __init__(self, device: CupyDevice) -> None:
        self._device, self._lock = device, threading.Lock()
        self._busy: dict[int, deque[tuple[NDArray[np.uint8], Event]]] = defaultdict(deque)

    def upload(self, array: NDArray, into: Buffer) -> None:
        device, size = self._device, array.nbytes
        with self._lock:
            busy = self._busy[max(12, (size - 1).bit_length())]
            if busy and (len(busy) >= self._MOST or device.reached(busy[0][1])):
                piece, event = busy.popleft()
                if not device.reached(event):
                    device.wait_for(event)
            else:
                piece, event = device.pinned(1 << max(12, (size - 1).bit_length())), device.event()
            piece[:size] = array.reshape(-1).view(np.uint8)
            device.send(piece[:size], into)
            device.record(event)
            busy.append((piece, event))
