"""Exactness on a processor that is not here: the golden streams parsed under qemu, without AVX."""
from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .parse_digest import digests, streams

QEMU = shutil.which("qemu-x86_64")
pytestmark = [
    pytest.mark.skipif(QEMU is None, reason="qemu-x86_64 is not installed (Debian: apt-get install qemu-user)"),
    pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the emulated processor could not run this Python"),
]

# SSE4.2 and POPCNT, which NumPy 2 needs, and no AVX. OpenBLAS, inside NumPy, looks past the emulated processor unless told.
PROCESSOR = "Nehalem"


def parsed_under_emulation() -> dict:
    environment = os.environ | {"OPENBLAS_CORETYPE": PROCESSOR, "OPENBLAS_NUM_THREADS": "1"}
    environment.pop("ZVC69_ISA", None)
    done = subprocess.run([QEMU, "-cpu", PROCESSOR, sys.executable, "-m", "tests.parse_digest"], env=environment, timeout=300,
                          cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_processor_without_avx_reads_the_same_symbols_and_sigma_indices():
    there = parsed_under_emulation()
    assert there["isa"] == "scalar" and there["networks"] == []
    assert there["digests"] == {path.name: digests(path) for path in streams()}
