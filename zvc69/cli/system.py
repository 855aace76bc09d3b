"""What `zvc69 info --system` says: versions, processor, instruction sets, backends, models."""
from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from av import library_versions

from .. import __version__
from ..core import cpu
from ..errors import ModelError
from ..model import auto_backend, available_backends, installed_models

_PACKAGES = ("numpy", "onnxruntime", "av", "openvino")


def describe() -> dict[str, Any]:
    """Ready for JSON. A backend's value is None where it can be used, else why not."""
    try:
        models = [{"name": model.manifest.name, "hash": model.manifest.short_hash.hex(), "folder": str(model.folder)}
                  for model in installed_models()]
        problem = None
    except ModelError as error:
        models, problem = [], str(error)
    return {
        "zvc69": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "ffmpeg": {name: ".".join(map(str, numbers)) for name, numbers in library_versions.items()},
        "cpu": {"model": _cpu_model(), "cores": _cores(), "isa": cpu.current(), "isa_available": list(cpu.available())},
        "backends": available_backends(),
        "auto": auto_backend(),
        "models": models,
        "model_problem": problem,
    }


def text(figures: dict[str, Any]) -> str:
    """The same for people."""
    processor = figures["cpu"]
    rows = [
        ("zvc69", figures["zvc69"]),
        ("python", f"{figures['python']} on {figures['platform']}"),
        *((name, number or "not installed") for name, number in figures["packages"].items()),
        ("cpu", f"{processor['model']}, {processor['cores']} cores"),
        ("isa", f"{processor['isa']} (available: {', '.join(processor['isa_available'])})"),
        ("backend auto", figures["auto"]),
        *((f"backend {name}", reason or "ready") for name, reason in figures["backends"].items()),
        *((f"model {model['name']}", f"{model['hash']} in {model['folder']}") for model in figures["models"]),
    ]
    if not figures["models"]:
        rows.append(("models", figures["model_problem"] or "none installed"))
    width = 2 + max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}{value}" for name, value in rows)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _cpu_model() -> str:
    if sys.platform == "linux":
        try:
            for line in Path("/proc/cpuinfo").read_text().splitlines():
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
        except OSError:
            pass
    return platform.processor() or platform.machine()


def _cores() -> int:
    """Cores that this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
