"""Frames coded on the (emulated) GPU are read by the CPU, and the reverse: the same symbols, pictures that differ by a rounding."""
from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from zvc69.codec.latents import Conditions, LatentOrder, _code_band, begin_sigma, read_latents, symbols
from zvc69.codec.temporal import copy_blocks, fetch_state, predict
from zvc69.core.motion import KERNELS, MotionField
from zvc69.core.pack import blocks, unpack
from zvc69.cuda.pictures import PictureShape
from zvc69.cuda.pipeline import DeviceModel, FrameCodec, FrameKind
from zvc69.errors import CorruptStreamError
from zvc69.model import create_backend, load_model

from .codec_samples import picture
from .emulator import COMPILER, EmulatedDevice

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")

TINY = str(Path(__file__).parent / "golden" / "models" / "tiny_inter")
QP = 22


def keyframes_apart(folder: Path) -> Path:
    """tiny_inter, with keyframes coded by the networks and integers of another model."""
    shutil.copytree(TINY, folder)
    for name in ("analyse_intra.onnx", "refine_intra.onnx", "decode_intra.onnx", "synthesise_intra.onnx"):
        shutil.copy(Path(TINY).parent / "tiny" / name, folder)
    shutil.copy(Path(TINY).parent / "tiny" / "integers.npz", folder / "integers_intra.npz")
    manifest = json.loads((folder / "manifest.json").read_text())
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir() if path.name != "manifest.json"}
    manifest |= {"version": 2, "files": files, "config_intra": manifest["config"], "training_intra": manifest["training"]}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture(scope="module", params=["one set of integers", "two"])
def model(request, tmp_path_factory):
    if request.param == "one set of integers":
        return load_model(TINY)
    apart = load_model(str(keyframes_apart(tmp_path_factory.mktemp("models") / "apart")))
    assert apart.integers_of(False) is not apart.integers_of(True)
    return apart


@pytest.fixture(scope="module")
def cpu(model):
    return create_backend("cpu", model, 1)


class Cpu:
    """Decodes latents on the CPU, frame after frame, with what each refers to."""

    def __init__(self, model, backend, shape: PictureShape) -> None:
        self.model, self.backend, self.shape = model, backend, shape
        self.planes = self.state = None

    def conditions(self, qp, field, copy, blank) -> Conditions:
        return Conditions(qp, None if blank or field is None else fetch_state(self.state, field), copy, field is not None)

    def decode(self, qp, lanes, substreams, field=None, copy=None, blank=False):
        """z, r of the steps, planes."""
        shape = self.shape
        z, sigma = read_latents(self.model, shape.width, shape.height, self.conditions(qp, field, copy, blank), lanes, substreams)
        said, prediction = symbols(z, sigma, qp), None
        if field is not None:
            prediction = predict(field.warp(self.planes, shape.depth), None, shape.depth, between=False)
        packed = self.backend.decode(said.z, said.r, qp, None if prediction is None else prediction.slots).picture
        planes = unpack(packed, shape.width, shape.height, shape.depth)
        if prediction is not None:
            planes = copy_blocks(planes, prediction.planes, copy)
        self.planes, self.state = planes, sigma.state()
        return z, sigma._r, planes


def field_of(shape: PictureShape, seed: int) -> MotionField:
    vectors = np.random.default_rng(seed).integers(-30, 31, (shape.rows // 4, shape.columns // 4, 2)).astype(np.int16)
    return MotionField.from_vectors(vectors.repeat(4, 0).repeat(4, 1)).using(KERNELS[seed % 2], seed % 3 > 0)


def frames(shape: PictureShape):
    """What each frame is: number, kind, field, copied blocks. The third begins a new sigma state."""
    copy = np.zeros((shape.rows // 4, shape.columns // 4), bool)
    copy[0, 1] = True
    return [(0, FrameKind(False, False, 2, 8, QP), None, None), (1, FrameKind(True, True, 2, 4), field_of(shape, 1), copy),
            (2, FrameKind(True, False, 1, 32, QP), field_of(shape, 2), None), (3, FrameKind(True, True, 1, 1), field_of(shape, 3), copy)]


@pytest.mark.parametrize("shape", [PictureShape(90, 60, 8), PictureShape(64, 64, 10)], ids=str)
def test_what_the_gpu_writes_the_cpu_reads(model, cpu, shape):
    device = EmulatedDevice(4)
    codec, decoder, reader = (FrameCodec(DeviceModel(device, model), shape) for _ in range(2)), None, Cpu(model, cpu, shape)
    codec, decoder = codec
    for number, kind, field, copy in frames(shape):
        codec.begin(QP, source=picture(shape.width, shape.height, shape.depth, number).planes, field=field, copy=copy)
        codec.encode(kind)
        data = codec.substreams(kind)
        z, r, planes = reader.decode(QP, kind.lanes, data, field, copy, blank=not kind.state)
        memory = codec.memory
        assert np.array_equal(memory.tensors["z"].reshape(z.shape), z) and np.array_equal(memory.r.reshape(r.shape), r)
        assert number == 3 or np.any(r)
        for mine, theirs in zip(memory.out, planes):
            assert np.abs(mine.astype(int) - theirs).max() <= 1
        for mine, theirs in zip(memory.out_state, reader.state):
            assert np.array_equal(mine.view(np.uint8).reshape(theirs.shape), theirs)

        decoder.begin(QP, field=field, copy=copy)
        decoder.decode(kind, data)
        decoder.check(kind)
        assert np.array_equal(decoder.memory.r, memory.r) and np.array_equal(decoder.memory.tensors["z"], memory.tensors["z"])
        assert all(np.array_equal(a, b) for a, b in zip(decoder.memory.out, memory.out)), "encoder and decoder on one device drift apart"
        codec.keep()
        decoder.keep()
        reader.planes = tuple(plane.copy() for plane in memory.out)


def test_what_the_cpu_writes_the_gpu_reads(model, cpu):
    shape = PictureShape(90, 60, 8)
    device, reader = EmulatedDevice(5), Cpu(model, cpu, shape)
    codec, rng = FrameCodec(DeviceModel(device, model), shape, graphs=False), np.random.default_rng(0)
    hz, wz = (n // 4 for n in blocks(shape.width, shape.height))
    for _, kind, field, copy in frames(shape):
        conditions = reader.conditions(QP, field, copy, not kind.state)
        order = LatentOrder(model, hz, wz, conditions)
        z = np.where(order.kept_z().transpose(1, 2, 0) > 0, rng.integers(-4, 5, (hz, wz, 48)), 0).astype(np.int16)
        sigma, indices, residuals = begin_sigma(model, conditions, z), [], []
        for k in range(4):
            index = sigma.indices(k)
            r = np.where(index >= model.manifest.skip_below, np.round(rng.laplace(0, 3, index.shape)), 0).astype(np.int16)
            sigma.put(k, r)
            indices.append(index)
            residuals.append(r)
        data = (_code_band(order, z, indices, residuals, (0, hz), kind.lanes)[1],)
        reader.decode(QP, kind.lanes, data, field, copy, blank=not kind.state)
        kind = FrameKind(kind.inter, kind.state, 1, kind.lanes, kind.qp)
        codec.begin(QP, field=field, copy=copy)
        codec.decode(kind, data)
        codec.check(kind)
        assert np.array_equal(codec.memory.r.reshape(4, 4 * hz, 4 * wz, 24), np.stack(residuals))
        for mine, theirs in zip(codec.memory.out, reader.planes):
            assert np.abs(mine.astype(int) - theirs).max() <= 1
        codec.keep()
        reader.planes = tuple(plane.copy() for plane in codec.memory.out)


def test_damage_is_found(model):
    shape = PictureShape(64, 64, 8)
    codec, kind = FrameCodec(DeviceModel(EmulatedDevice(), model), shape), FrameKind(False, False, 1, 4, QP)
    codec.begin(QP, source=picture(64, 64).planes)
    codec.encode(kind)
    data, = codec.substreams(kind)
    codec.begin(QP)
    codec.decode(kind, [data[:-7]])
    with pytest.raises(CorruptStreamError):
        codec.check(kind)
    with pytest.raises(CorruptStreamError, match="2 substreams"):
        codec.decode(kind, [data, data])


@pytest.mark.parametrize("kind", [FrameKind(False, False, 1, 4, QP), FrameKind(True, True, 1, 4)], ids="IP")
def test_a_frame_in_its_stride_asks_for_no_memory(model, kind):
    shape = PictureShape(64, 64, 8)
    device = EmulatedDevice()
    codec = FrameCodec(DeviceModel(device, model), shape)
    field = MotionField.zero(shape.rows, shape.columns)
    for number in range(3):
        if number == 2:
            device.empty = None      # what asks for memory now fails
        codec.begin(QP, source=picture(64, 64, number=number).planes, field=field)
        codec.encode(kind)
        codec.keep()
