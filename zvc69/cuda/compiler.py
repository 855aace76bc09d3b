"""Kernels to machine code, for the GPU at hand: what the package brings if it was built where nvcc is, else NVRTC and a folder that keeps what it made."""
from __future__ import annotations

import ctypes
import ctypes.util
import hashlib
import importlib.util
import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..errors import BackendError
from . import source

OPTIONS = ("-std=c++17", "-default-device", "--ptxas-options=-v", "-diag-suppress=177")
ARCHITECTURES = (75, 80, 86, 89, 90, 100, 120)
"""What the kernels are tested to compile for; 75 (Turing) is the oldest with the tensor-core products that they use."""

MANIFEST = "fatbins.json"
"""Beside the fatbins of a package (cmake/fatbin.py): for which architectures they are, and a digest of each module's source."""

_RESOURCES = re.compile(r"Function properties for (\w+)\s+(?:ptxas\s+\.\s+)?(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads\s+"
                        r"ptxas info\s*: Used (\d+) registers")


@dataclass(frozen=True, slots=True)
class Resources:
    """What ptxas says that a thread of a kernel takes: bytes of local memory, and registers."""

    stack: int
    spills: int
    registers: int


def libraries() -> Iterator[str]:
    """Where NVRTC may be, best first: its wheels, the system, the toolkit's folder."""
    for package in ("nvidia.cu13", "nvidia.cuda_nvrtc"):
        try:
            found = importlib.util.find_spec(package)
        except ModuleNotFoundError:
            continue
        for folder in (found.submodule_search_locations or ()) if found else ():
            yield from (str(path) for path in sorted(Path(folder, "lib").glob("libnvrtc.so.*"), reverse=True) if "alt" not in path.name)
    if name := ctypes.util.find_library("nvrtc"):
        yield name
    for folder in (os.environ.get("CUDA_PATH", ""), os.environ.get("CUDA_HOME", ""), "/usr/local/cuda"):
        for sub in ("lib64", "targets/x86_64-linux/lib") if folder else ():
            yield from (str(path) for path in sorted(Path(folder, sub).glob("libnvrtc.so.*"), reverse=True) if "alt" not in path.name)


class Nvrtc:
    """NVIDIA's runtime compiler. Raises BackendError if it is not here."""

    def __init__(self) -> None:
        for name in libraries():
            try:
                self._library = ctypes.CDLL(name)
                break
            except OSError:
                continue
        else:
            raise BackendError("NVRTC is not installed (pip install nvidia-cuda-nvrtc, or a CUDA toolkit)")
        self._library.nvrtcGetErrorString.restype = ctypes.c_char_p
        major, minor = ctypes.c_int(), ctypes.c_int()
        self._call("nvrtcVersion", ctypes.byref(major), ctypes.byref(minor))
        self.version = f"{major.value}.{minor.value}"

    def _call(self, function: str, *arguments) -> None:
        code = getattr(self._library, function)(*arguments)
        if code:
            raise BackendError(f"{function}: {self._library.nvrtcGetErrorString(code).decode()}")

    @cached_property
    def architectures(self) -> tuple[int, ...]:
        """That it compiles for."""
        count = ctypes.c_int()
        self._call("nvrtcGetNumSupportedArchs", ctypes.byref(count))
        found = (ctypes.c_int * count.value)()
        self._call("nvrtcGetSupportedArchs", found)
        return tuple(found)

    def compile(self, module: str, architecture: int) -> tuple[bytes, dict[str, Resources]]:
        """A module's cubin and what its kernels take. Raises BackendError with the compiler's first error."""
        program, options = ctypes.c_void_p(), [*OPTIONS, f"-arch=sm_{architecture}"]
        self._call("nvrtcCreateProgram", ctypes.byref(program), source.text(module).encode(), f"{module}.cu".encode(), 0, None, None)
        try:
            code = self._library.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*(o.encode() for o in options)))
            log = self._text("nvrtcGetProgramLogSize", "nvrtcGetProgramLog", program).decode(errors="replace")
            if code:
                errors = [line for line in log.splitlines() if "error" in line] or [self._library.nvrtcGetErrorString(code).decode()]
                raise BackendError(f"{module}.cu does not compile for sm_{architecture}: {errors[0]}")
            cubin = self._text("nvrtcGetCUBINSize", "nvrtcGetCUBIN", program)
        finally:
            self._library.nvrtcDestroyProgram(ctypes.byref(program))
        return cubin, resources(log)

    def _text(self, size_of: str, get: str, program: ctypes.c_void_p) -> bytes:
        size = ctypes.c_size_t()
        self._call(size_of, program, ctypes.byref(size))
        out = ctypes.create_string_buffer(size.value)
        self._call(get, program, out)
        return out.raw


def resources(log: str) -> dict[str, Resources]:
    """From ptxas' own words, by kernel."""
    return {name: Resources(int(stack), int(stores) + int(loads), int(registers)) for name, stack, stores, loads, registers in _RESOURCES.findall(log)}


def cache_folder() -> Path:
    """ZVC69_KERNEL_CACHE, or a folder in the user's cache."""
    base = os.environ.get("ZVC69_KERNEL_CACHE")
    return Path(base) if base else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zvc69" / "kernels"


def digest(module: str) -> str:
    """Of a module's source with all that it includes."""
    return hashlib.sha256(source.text(module).encode()).hexdigest()


def fits(compiled_for: int, architecture: int) -> bool:
    """Whether machine code for one architecture (75, 80, ...) runs on another: one of the same generation that is no older."""
    return compiled_for <= architecture and compiled_for // 10 == architecture // 10


def shipped(module: str, architecture: int, folder: Path | None = None) -> Path | None:
    """The package's fatbin of a module, if it is of this very source and has code for the architecture."""
    folder = folder or Path(__file__).parents[1] / "kernels" / "fatbin"
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        fitting = manifest["sources"][module] == digest(module) and any(fits(a, architecture) for a in manifest["architectures"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    path = folder / f"{module}.fatbin"
    return path if fitting and path.is_file() else None


class Compiler:
    """Compiles each module once for each source, set of options, architecture and version of NVRTC, then takes it from the folder."""

    def __init__(self, folder: Path | None = None, nvrtc: Nvrtc | None = None) -> None:
        self._folder, self._given = folder or cache_folder(), nvrtc

    @cached_property
    def _nvrtc(self) -> Nvrtc:
        return self._given or Nvrtc()

    def cubin(self, module: str, architecture: int) -> Path:
        """File of a module's machine code for `architecture` (75, 80, ...). Raises BackendError."""
        if architecture < ARCHITECTURES[0]:
            raise BackendError(f"this GPU (sm_{architecture}) is older than sm_{ARCHITECTURES[0]}: it lacks tensor cores that the kernels need")
        fitting = [a for a in self._nvrtc.architectures if fits(a, architecture)]
        if not fitting:
            raise BackendError(f"NVRTC {self._nvrtc.version} does not know this GPU (sm_{architecture}): a newer CUDA is needed")
        target = max(fitting)
        key = hashlib.sha256("\0".join((source.text(module), *OPTIONS, str(target), self._nvrtc.version)).encode()).hexdigest()[:24]
        path = self._folder / f"{module}-sm_{target}-{key}.cubin"
        if not path.is_file():
            data, _ = self._nvrtc.compile(module, target)
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
                file.write(data)
            os.replace(file.name, path)      # whole or not at all, also when two processes compile
        return path
