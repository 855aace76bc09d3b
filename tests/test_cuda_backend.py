"""The cuda backend behind the interface of all backends; and what is said where it cannot be used."""
from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from benchmarks import gpu
from benchmarks.gpu_checks import CHECKS
from zvc69 import Decoder, Encoder, model
from zvc69.cuda import device
from zvc69.errors import BackendError
from zvc69.model import auto_backend, available_backends, create_backend, load_model
from zvc69.model.cuda_backend import CudaBackend, check

from .codec_samples import picture
from .emulator import COMPILER, EmulatedDevice

emulated = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")
ROOT = Path(__file__).parents[1]
TINY = str(ROOT / "tests" / "golden" / "models" / "tiny_inter")


@pytest.fixture
def no_cache():
    device.why_not.cache_clear()
    yield
    device.why_not.cache_clear()


class CudaError(RuntimeError):
    """As CuPy's."""


def found(monkeypatch, package: str, spec: object) -> None:
    """Makes a package seem installed, or not."""
    others = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: spec if name == package else others(name, *more))


def a_cupy(monkeypatch, *, count=1, major=9, minor=0, error=None) -> None:
    """Makes `import cupy` give a module that sees such a GPU, or fails with `error`."""

    def counted() -> int:
        if error:
            raise CudaError(error)
        return count

    runtime = SimpleNamespace(CUDARuntimeError=CudaError, getDeviceCount=counted,
                              getDeviceProperties=lambda _: {"name": b"a card", "major": major, "minor": minor})
    cupy = ModuleType("cupy")
    cupy.cuda = SimpleNamespace(runtime=runtime)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    found(monkeypatch, "cupy", object())


@pytest.mark.parametrize(("gpu", "reason"), [
    ({"count": 0}, "there is no NVIDIA GPU"),
    ({"error": "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version"}, "CUDA cudaErrorInsufficientDriver"),
    ({"error": "cudaErrorNoDevice: no CUDA-capable device is detected"}, "CUDA cudaErrorNoDevice"),
    ({"major": 6, "minor": 1}, r"a card \(sm_61\) is older than sm_75"),
])
def test_reason_is_given_and_auto_stays_on_the_cpu(monkeypatch, no_cache, gpu, reason):
    a_cupy(monkeypatch, **gpu)
    with pytest.raises(BackendError, match=reason):
        create_backend("cuda", load_model())
    assert available_backends()["cuda"] is not None and auto_backend() == "cpu"
    assert create_backend("auto", load_model()).name == "cpu"


def test_without_nvrtc_there_is_no_cuda(monkeypatch, no_cache):
    a_cupy(monkeypatch)
    monkeypatch.setattr("zvc69.cuda.compiler.libraries", lambda: iter(()))
    assert available_backends()["cuda"].startswith("NVRTC is not installed")


def test_without_nvrtc_a_package_that_brings_its_kernels_will_do(monkeypatch, no_cache):
    a_cupy(monkeypatch)
    monkeypatch.setattr("zvc69.cuda.compiler.libraries", lambda: iter(()))
    monkeypatch.setattr(device, "shipped", lambda module, architecture: Path(f"{module}.fatbin"))
    assert device.why_not() is None


def test_without_cupy_there_is_no_cuda(monkeypatch, no_cache):
    found(monkeypatch, "cupy", None)
    assert device.why_not() == "the package cupy is not installed"


def test_auto_takes_a_gpu_that_will_do(monkeypatch, no_cache):
    a_cupy(monkeypatch)
    monkeypatch.setattr(device, "Nvrtc", lambda: None)
    assert auto_backend() == "cuda" and available_backends()["cuda"] is None


@emulated
def test_self_test_refuses_a_device_that_computes_wrongly():
    class Wrong(EmulatedDevice):
        def download(self, buffer):
            return buffer + 1

    check(EmulatedDevice())
    with pytest.raises(BackendError, match="self-test of the tensor cores fails"):
        check(Wrong())


@emulated
def test_streams_of_cuda_decode_on_the_cpu_and_the_reverse(monkeypatch):
    """By the package's own encoder and decoder, with P frames: the same symbols, samples that differ by a rounding."""
    monkeypatch.setattr("zvc69.model.cuda_backend.CupyDevice", EmulatedDevice)
    monkeypatch.setattr("zvc69.model.backend._missing", lambda name, module: None)

    def coded(backend: str) -> tuple[Encoder, list]:
        encoder = Encoder(64, 48, 25, qp=25, model=TINY, backend=backend, threads=1)
        packets = [packet for n in range(3) for packet in encoder.encode(picture(64, 48, number=n))]
        return encoder, packets + encoder.flush()

    for writes in ("cuda", "cpu"):
        encoder, packets = coded(writes)
        assert encoder.backend == writes
        shown = {}
        for reads in ("cuda", "cpu"):
            decoder = Decoder(encoder.header, model=TINY, backend=reads, threads=1)
            shown[reads] = [frame for packet in packets for frame in decoder.decode(packet)] + decoder.flush()
        assert len(shown["cuda"]) == len(shown["cpu"]) == 3
        for a, b in zip(*shown.values()):
            assert np.abs(a.y.astype(int) - b.y).max() <= 1


@emulated
def test_stages_of_frames_that_interleave_are_refused():
    backend = CudaBackend(load_model(TINY), EmulatedDevice())
    packed = np.full((96, 4, 4), 100, np.float32)
    first = backend.analyse(packed, 20)
    backend.analyse(packed, 20)
    with pytest.raises(BackendError, match="begun another frame"):
        backend.refine(first, np.zeros((96, 4, 4), np.float32))


@emulated
def test_gpu_benchmark_can_be_rehearsed_where_pyav_is_missing(tmp_path):
    """The script as it runs on a machine with a GPU, but for the GPU: checks, whole streams, parts; nothing may import PyAV or ONNX Runtime there."""
    hide = "import sys, importlib.util as u; f = u.find_spec; u.find_spec = lambda n, *a: None if n in ('av', 'onnxruntime') else f(n, *a); "
    run = "import benchmarks.gpu as g; sys.exit(g.main(sys.argv[1:]))"
    done = subprocess.run([sys.executable, "-c", hide + run, "--emulate", "--model", TINY, "--sizes", "64x32", "--frames", "4", "--out",
                           str(tmp_path / "gpu.json")], cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "gpu.json").read_text())
    assert report["av"] is False and report["failed"] == {}, done.stdout
    assert all(entry["passed"] for entry in report["checks"].values()) and set(report["checks"]) == set(CHECKS)
    assert set(report["streams"]) == {"lite, 64x32", "main, 64x32"} and set(report["speed"]["64x32"]) == {"codec", "lite", "main"}
    for of_model in report["streams"].values():
        assert of_model["endurance"]["allocations"] == of_model["endurance"]["synchronising calls"] == 0
        assert of_model["unfiltered"]["bytes of a P frame"] > 0 and of_model["several at once"]["decode, 2 streams, frames/s"] > 0
    assert "| conformance | ok |" in done.stdout and "FAILED" not in done.stdout


def test_gpu_benchmark_goes_on_when_a_part_fails(tmp_path, capsys, monkeypatch):
    def broken(setting):
        raise TypeError("of some kind")

    monkeypatch.setattr(gpu, "CHECKS", {"first": broken, "second": lambda setting: "fine"})
    monkeypatch.setattr(gpu, "_device", lambda options: EmulatedDevice())
    monkeypatch.setattr(gpu, "reference", lambda model: None)
    assert gpu.main(["--emulate", "--checks-only", "--model", TINY, "--out", str(tmp_path / "gpu.json")]) == 1
    report = json.loads((tmp_path / "gpu.json").read_text())
    assert report["failed"] == {"first": "TypeError: of some kind"} and report["checks"]["second"]["passed"]
    assert "| first | FAILED | TypeError: of some kind |" in capsys.readouterr().out


def test_gpu_benchmark_says_why_it_cannot_run(no_cache):
    if device.why_not() is None:
        pytest.skip("there is a GPU here")
    done = subprocess.run([sys.executable, "-m", "benchmarks.gpu"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "no CUDA device can be used" in done.stderr


def test_projection_needs_no_gpu():
    done = subprocess.run([sys.executable, "-m", "benchmarks.gpu", "--project"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "RTX 3060" in done.stdout and "main, 3840x2160" in done.stdout


def test_all_backends_are_named():
    assert set(available_backends()) == set(model.BACKENDS) >= {"cpu", "cuda"}
