"""Compiles kernels/ for all the GPUs that they are meant for: fatbin.py NVCC FOLDER. Needs no compiled module of the package.

Writes MODULE.fatbin of every module, and fatbins.json, which says of which sources and for which architectures (zvc69/cuda/compiler.py reads it). A build
is not held up by it for long: what is not compiled in time is left out, and NVRTC compiles it where it is needed.
"""
from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

SECONDS = 600
ROOT = Path(__file__).resolve().parents[1]
for name in ("zvc69", "zvc69.cuda"):      # without what their __init__ imports
    package = ModuleType(name)
    package.__path__ = [str(ROOT.joinpath(*name.split(".")))]
    sys.modules[name] = package

from zvc69.cuda import compiler, source  # noqa: E402


def main(nvcc: str, folder: Path) -> int:
    known = subprocess.run([nvcc, "--list-gpu-code"], check=True, capture_output=True, text=True).stdout.split()
    architectures = [a for a in compiler.ARCHITECTURES if f"sm_{a}" in known]
    folder.mkdir(parents=True, exist_ok=True)
    sources, end = {}, time.monotonic() + SECONDS
    with tempfile.TemporaryDirectory() as scratch:
        for module in source.MODULES:
            text = Path(scratch, f"{module}.cu")
            text.write_text(source.text(module))
            code = [f"-gencode=arch=compute_{a},code=sm_{a}" for a in architectures]
            command = [nvcc, "-std=c++17", "-diag-suppress=177", "-fatbin", "--threads", "0", *code, str(text), "-o", str(folder / f"{module}.fatbin")]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=max(end - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                print(f"fatbin.py: {SECONDS} s are over, {module} and those behind it are left out", file=sys.stderr)
                break
            if done.returncode:
                print(done.stderr, file=sys.stderr)
                return done.returncode
            sources[module] = compiler.digest(module)
    manifest = {"architectures": architectures, "sources": sources}
    (folder / compiler.MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
