"""Compiles the trainer's C++ for this machine's CPU, once: the library is kept under a name made of source, compiler and CPU."""
from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path

SOURCES = ("layers.cpp", "warp.cpp")
FLAGS = ("-std=c++20", "-O3", "-march=native", "-ffp-contract=fast", "-fno-math-errno", "-shared", "-fPIC", "-Wno-psabi")
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "zvc69"


@lru_cache(1)
def compiled() -> ctypes.CDLL | None:
    """The compiled functions; None where there is no C++ compiler, or with ZVC69_TRAIN_KERNELS=0: PyTorch's own operators do then."""
    compiler = shutil.which(os.environ.get("CXX", "g++"))
    if compiler is None or os.environ.get("ZVC69_TRAIN_KERNELS") == "0":
        return None
    folder = Path(__file__).parent
    text = b"".join((folder / name).read_bytes() for name in (*SOURCES, "vectors.h"))
    path = CACHE / f"train-{hashlib.sha256(text + ' '.join((compiler, *FLAGS, _cpu())).encode()).hexdigest()[:16]}.so"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}")
        subprocess.run([compiler, *FLAGS, "-o", str(partial), *(str(folder / name) for name in SOURCES)], check=True)
        partial.replace(path)
    return ctypes.CDLL(str(path))


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith("flags")), "")
