"""Every kernel compiles for the GPUs it is meant for, without a GPU, and keeps all of its variables in registers.

By default for the oldest and for a recent one; ZVC69_GPUS=all for every one.
"""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from zvc69.cuda import source
from zvc69.cuda.compiler import ARCHITECTURES, MANIFEST, Compiler, Nvrtc, Resources, digest, resources, shipped
from zvc69.errors import BackendError

NVCC = shutil.which("nvcc")
WANTED = ARCHITECTURES if os.environ.get("ZVC69_GPUS") == "all" else (75, 90)


def nvrtc() -> Nvrtc | None:
    try:
        return Nvrtc()
    except BackendError:
        return None


def compiled(module: str, architecture: int, tmp_path) -> dict[str, Resources]:
    """What the module's kernels take, by NVRTC or nvcc."""
    if (compiler := nvrtc()) is not None:
        return compiler.compile(module, architecture)[1]
    if NVCC is None:
        pytest.skip("neither NVRTC nor nvcc is installed")
    text = tmp_path / f"{module}.cu"
    text.write_text(source.text(module))
    done = subprocess.run([NVCC, "-std=c++17", f"-arch=sm_{architecture}", "-cubin", "-Xptxas", "-v", str(text), "-o", str(tmp_path / "out.cubin")],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return resources(done.stderr)


@pytest.mark.parametrize("architecture", WANTED)
@pytest.mark.parametrize("module", source.MODULES)
def test_kernels_compile_and_need_no_local_memory(module, architecture, tmp_path):
    found = compiled(module, architecture, tmp_path)
    assert set(found) == set(source.kernels(module)) and found
    assert {name: taken for name, taken in found.items() if taken.stack or taken.spills} == {}


def test_compiled_once_then_taken_from_the_folder(tmp_path):
    class Counting(Nvrtc):
        compiled = 0

        def compile(self, module, architecture):
            self.compiled += 1
            return super().compile(module, architecture)

    if nvrtc() is None:
        pytest.skip("NVRTC is not installed")
    counting = Counting()
    path = Compiler(tmp_path, counting).cubin("symbols", 90)
    assert Compiler(tmp_path, counting).cubin("symbols", 90) == path and counting.compiled == 1
    assert path.read_bytes()[:4] == b"\x7fELF"


class Old(Nvrtc):
    """Knows two GPUs."""

    version, architectures = "12.0", (75, 90)

    def __init__(self) -> None:
        pass


def test_a_gpu_without_tensor_cores_is_refused(tmp_path):
    with pytest.raises(BackendError, match="sm_61.*older than sm_75"):
        Compiler(tmp_path, Old()).cubin("symbols", 61)


def test_a_gpu_that_the_compiler_does_not_know_is_refused(tmp_path):
    with pytest.raises(BackendError, match="NVRTC 12.0 does not know this GPU .sm_120."):
        Compiler(tmp_path, Old()).cubin("symbols", 120)


def test_sources_hold_each_header_once():
    for module in source.MODULES:
        text = source.text(module)
        assert '#include "' not in text and text.count("Code that") <= 1 and text.count("kLowerBound = ") <= 1


def test_parameters_are_read_from_the_source():
    parameters = source.kernels("symbols")["fetch_state"]
    assert [p.type for p in parameters] == ["const uint32_t*", "const uint32_t*", "const int16_t*", "int", "int", "int", "uint32_t*", "uint32_t*"]


@pytest.fixture
def fatbins(tmp_path) -> Path:
    """As cmake/fatbin.py writes them, by a compiler that knows fewer GPUs and writes what it was told."""
    nvcc, folder = tmp_path / "nvcc", tmp_path / "fatbin"
    nvcc.write_text('#!/bin/sh\n[ "$1" = --list-gpu-code ] && { echo sm_75; echo sm_80; echo sm_90; exit; }\n'
                    'for last; do :; done\necho "$@" >"$last"\n')
    nvcc.chmod(0o755)
    script = Path(__file__).parents[1] / "cmake" / "fatbin.py"
    subprocess.run([sys.executable, str(script), str(nvcc), str(folder)], check=True)
    return folder


def test_fatbins_are_of_every_module_and_of_the_gpus_that_nvcc_knows(fatbins):
    assert {path.stem for path in fatbins.glob("*.fatbin")} == set(source.MODULES)
    told = (fatbins / "symbols.fatbin").read_text()
    assert "code=sm_75 " in told and "code=sm_80 " in told and "code=sm_90 " in told and "sm_120" not in told
    assert json.loads((fatbins / MANIFEST).read_text())["sources"]["rans_encoder"] == digest("rans_encoder")


@pytest.mark.parametrize(("architecture", "there"), [(75, True), (80, True), (89, True), (90, True), (100, False), (120, False), (70, False)])
def test_a_fatbin_is_taken_where_it_fits_the_gpu(fatbins, architecture, there):
    assert shipped("symbols", architecture, fatbins) == (fatbins / "symbols.fatbin" if there else None)


def test_a_fatbin_of_another_source_is_not_taken(fatbins):
    manifest = json.loads((fatbins / MANIFEST).read_text())
    manifest["sources"]["symbols"] = digest("sigma")
    (fatbins / MANIFEST).write_text(json.dumps(manifest))
    assert shipped("symbols", 90, fatbins) is None and shipped("sigma", 90, fatbins) is not None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"sources": {"symbols": 3}, "architectures": 90}'])
def test_a_manifest_that_is_damaged_leaves_it_to_nvrtc(fatbins, text):
    (fatbins / MANIFEST).write_text(text)
    assert shipped("symbols", 90, fatbins) is None
    (fatbins / MANIFEST).unlink()
    assert shipped("symbols", 90, fatbins) is None


def test_nvrtc_is_not_needed_until_something_is_compiled(tmp_path, monkeypatch):
    monkeypatch.setattr("zvc69.cuda.compiler.libraries", lambda: iter(()))
    compiler = Compiler(tmp_path)
    with pytest.raises(BackendError, match="NVRTC is not installed"):
        compiler.cubin("symbols", 90)
