"""What a result was measured with."""
from __future__ import annotations

import datetime
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import zvc69

PACKAGES = ("numpy", "av", "onnxruntime", "openvino", "constriction")


def cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def cpu_model() -> str:
    """Name with family, model and stepping: virtual machines call several generations by one name."""
    try:
        fields = dict(line.split(":", 1) for line in Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines() if ":" in line)
    except OSError:
        return cpu_name()
    numbers = [fields.get(name, "").strip() for name in ("cpu family\t", "model\t\t", "stepping\t")]
    return f"{cpu_name()} ({'/'.join(numbers)})" if all(numbers) else cpu_name()


def environment(command: str) -> dict:
    """Command, date, versions and CPU, to stand at the head of a result file."""
    packages = {"zvc69": zvc69.__version__}
    for name in PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            continue
    return dict(command=command, date=datetime.date.today().isoformat(), cpu=cpu_name(), python=sys.version.split()[0], packages=packages)
