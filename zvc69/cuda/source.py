"""Kernel sources: where they are, as one text with all that they include, and what their kernels take."""
from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ..errors import BackendError

MODULES = ("pictures", "compensate", "symbols", "sigma", "rans_encoder", "rans_decoder", "network", "network_half", "loopfilter", "motion_windows",
           "motion_trees", "copying")
"""Files of kernels/; each is compiled as a whole."""

_INCLUDE = re.compile(r'^\s*#include "([^"]+)"\s*$', re.MULTILINE)
_KERNEL = re.compile(r'extern "C" __global__ void(?: __launch_bounds__\([^)]*\))?\s+(\w+)\(([^)]*)\)')


def _roots() -> tuple[Path, Path]:
    """Folders of the kernels and of the headers that they share with the host: in the package, or in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "kernels"
    return (installed, installed / "csrc") if installed.is_dir() else (package.parent / "kernels", package.parent / "csrc")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A kernel's parameter: its C type, whose last character is * of pointers."""

    type: str
    name: str


@lru_cache
def text(module: str) -> str:
    """All of a module's source, every header once, where it is first included; what the compiler is given and the cache's key.

    Raises BackendError if a file is missing.
    """
    seen: set[str] = set()

    def expand(name: str) -> str:
        for root in _roots():
            if (root / name).is_file():
                return _INCLUDE.sub(lambda match: included(match[1]), (root / name).read_text().replace("#pragma once\n", ""))
        raise BackendError(f"the CUDA source {name} is missing: the package is not installed whole")

    def included(name: str) -> str:
        if name in seen:
            return ""
        seen.add(name)
        return expand(name)

    return expand(f"{module}.cu")


@lru_cache
def kernels(module: str) -> dict[str, tuple[Parameter, ...]]:
    """Kernels of a module by name, with their parameters."""
    return kernels_in(text(module))


def kernels_in(program: str) -> dict[str, tuple[Parameter, ...]]:
    """Likewise, of a text."""
    found = {}
    for name, parameters in _KERNEL.findall(re.sub(r"//[^\n]*", "", program)):
        entries = [" ".join(p.replace("__restrict__", "").split()) for p in parameters.split(",")]
        found[name] = tuple(Parameter(_tidy(p[:len(p) - len(n)]), n) for p in entries if (n := re.search(r"\w+$", p)[0]))
    return found


def module_of(kernel: str) -> str:
    """The module that has a kernel. Raises KeyError."""
    for module in MODULES:
        if kernel in kernels(module):
            return module
    raise KeyError(kernel)


def _tidy(c_type: str) -> str:
    return c_type.replace(" *", "*").strip()
