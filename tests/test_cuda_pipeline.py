"""Frames coded on the (emulated) GPU are read by the CPU, and the reverse: the same symbols, pictures that differ by a rounding."""
from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from zvc69.bitstream import FilterSet, LoopFilter
from zvc69.codec.latents import Conditions, LatentOrder, _code_band, begin_sigma, read_latents, symbols
from zvc69.codec.loop_filter import FinePicture, choose
from zvc69.codec.temporal import copy_blocks, fetch_state, predict
from zvc69.core.motion import KERNELS, MotionField
from zvc69.core.pack import blocks, unpack
from zvc69.cuda.latents import FrameKind
from zvc69.cuda.pictures import PictureShape
from zvc69.cuda.pipeline import DeviceModel, FrameCodec, Kept
from zvc69.errors import CorruptStreamError
from zvc69.model import create_backend, load_model
from zvc69.model.backend import Decoded

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


@dataclass(frozen=True)
class Sample:
    """A frame: which of the frames before are in its slots, by which fields, and what of it is copied."""

    kind: FrameKind
    slots: tuple[int, ...] = ()
    fields: tuple[MotionField, ...] = ()
    copy: np.ndarray | None = None

    def given(self, kept: list[Kept]) -> dict:
        """As `begin` takes it."""
        return {name: (kept[slot], field) for name, slot, field in zip("ab", self.slots, self.fields)} | {"copy": self.copy}


class Cpu:
    """Decodes latents on the CPU; `kept` has what each frame that was kept leaves: planes, state."""

    def __init__(self, model, backend, shape: PictureShape) -> None:
        self.model, self.backend, self.shape, self.kept = model, backend, shape, []

    def conditions(self, sample: Sample) -> Conditions:
        state = fetch_state(self.kept[sample.slots[0]][1], sample.fields[0]) if sample.kind.state else None
        return Conditions(QP, state, sample.copy, sample.kind.inter)

    def decode(self, sample: Sample, substreams, filters=None):
        """z, r of the steps, planes, state."""
        shape, kind = self.shape, sample.kind
        z, sigma = read_latents(self.model, shape.width, shape.height, self.conditions(sample), kind.lanes, substreams)
        said, prediction = symbols(z, sigma, QP), None
        if kind.inter:
            a, b = [*(field.warp(self.kept[slot][0], shape.depth) for slot, field in zip(sample.slots, sample.fields)), None][:2]
            prediction = predict(a, b, shape.depth, between=kind.between)
        decoded = self.backend.decode(said.z, said.r, QP, None if prediction is None else prediction.slots)
        copied = None if prediction is None else prediction.planes
        if filters is not None:
            planes = FinePicture.of(decoded, shape.width, shape.height, shape.depth, copied, sample.copy).filtered(filters)
        else:
            planes = unpack(decoded.picture, shape.width, shape.height, shape.depth)
            planes = planes if copied is None else copy_blocks(planes, copied, sample.copy)
        return z, sigma._r, planes, sigma.state()


def field_of(shape: PictureShape, seed: int) -> MotionField:
    vectors = np.random.default_rng(seed).integers(-30, 31, (shape.rows // 4, shape.columns // 4, 2)).astype(np.int16)
    return MotionField.from_vectors(vectors.repeat(4, 0).repeat(4, 1)).using(KERNELS[seed % 2], seed % 3 > 0)


def samples(shape: PictureShape) -> list[Sample]:
    """The third begins a new sigma state; then a P frame with a second reference, a B frame between two that are not the last one, and a P frame."""
    copy = np.zeros((shape.rows // 4, shape.columns // 4), bool)
    copy[0, 1] = True
    fields = [field_of(shape, seed) for seed in range(8)]
    return [Sample(FrameKind(False, False, 2, 8, QP, filtered=True)), Sample(FrameKind(True, True, 2, 4), (0,), fields[1:2], copy),
            Sample(FrameKind(True, False, 1, 32, QP, filtered=True), (1,), fields[2:3]),
            Sample(FrameKind(True, True, 1, 1, second=True), (2, 0), fields[3:5], copy),
            Sample(FrameKind(True, True, 1, 4, second=True, between=True, filtered=True), (0, 2), fields[5:7], copy),
            Sample(FrameKind(True, True, 1, 1), (3,), fields[7:])]


def filters_of(seed: int) -> FilterSet:
    rng = np.random.default_rng(seed)
    return FilterSet(rng.integers(-9, 10, (25, 12)).astype(np.int8), rng.integers(-9, 10, (2, 12)).astype(np.int8))


@pytest.mark.parametrize("shape", [PictureShape(90, 60, 8), PictureShape(64, 64, 10)], ids=str)
def test_what_the_gpu_writes_the_cpu_reads(model, cpu, shape):
    device, kept = EmulatedDevice(4), []
    codec, reader = FrameCodec(DeviceModel(device, model), shape), Cpu(model, cpu, shape)
    for number, sample in enumerate(samples(shape)):
        kind, filters = sample.kind, filters_of(number) if sample.kind.filtered else None
        codec.begin(QP, source=picture(shape.width, shape.height, shape.depth, number).planes, **sample.given(kept))
        codec.encode(kind)
        data = codec.substreams(kind)
        if kind.filtered:
            codec.finish(kind, filters)
        z, r, planes, state = reader.decode(sample, data, filters)
        mine, mine_r, mine_z = codec.picture.download(), codec.latents.r.copy(), codec.latents.symbols["z"].copy()
        assert np.array_equal(mine_z.reshape(z.shape), z) and np.array_equal(mine_r.reshape(r.shape), r)
        assert number > 2 or np.any(r)
        for ours, theirs in zip(mine, planes):
            assert np.abs(ours.astype(int) - theirs).max() <= (1 if filters is None else 40)      # a rounding may be another class
            assert np.mean(ours != theirs) < 0.02
        for ours, theirs in zip(codec.latents.state.arrays, state):
            assert np.array_equal(ours.view(np.uint8).reshape(theirs.shape), theirs)

        codec.begin(QP, **sample.given(kept), filters=filters)
        codec.decode(kind, data)
        codec.check(kind)
        assert np.array_equal(codec.latents.r, mine_r) and np.array_equal(codec.latents.symbols["z"], mine_z)
        assert all(np.array_equal(a, b) for a, b in zip(codec.picture.download(), mine)), "encoder and decoder on one device drift apart"
        kept.append(codec.keep())
        reader.kept.append((mine, state))


def test_what_the_cpu_writes_the_gpu_reads(model, cpu):
    shape, kept = PictureShape(90, 60, 8), []
    device, reader = EmulatedDevice(5), Cpu(model, cpu, shape)
    codec, rng = FrameCodec(DeviceModel(device, model), shape, graphs=False), np.random.default_rng(0)
    hz, wz = (n // 4 for n in blocks(shape.width, shape.height))
    for number, sample in enumerate(samples(shape)):
        sample = replace(sample, kind=replace(sample.kind, count=1))
        conditions = reader.conditions(sample)
        order = LatentOrder(model, hz, wz, conditions)
        z = np.where(order.kept_z().transpose(1, 2, 0) > 0, rng.integers(-4, 5, (hz, wz, 48)), 0).astype(np.int16)
        sigma, indices, residuals = begin_sigma(model, conditions, z), [], []
        for k in range(4):
            index = sigma.indices(k)
            r = np.where(index >= model.manifest.skip_below, np.round(rng.laplace(0, 3, index.shape)), 0).astype(np.int16)
            sigma.put(k, r)
            indices.append(index)
            residuals.append(r)
        data = (_code_band(order, z, indices, residuals, (0, hz), sample.kind.lanes)[1],)
        filters = filters_of(number) if sample.kind.filtered else None
        *_, planes, state = reader.decode(sample, data, filters)
        codec.begin(QP, **sample.given(kept), filters=filters)
        codec.decode(sample.kind, data)
        codec.check(sample.kind)
        assert np.array_equal(codec.latents.r.reshape(4, 4 * hz, 4 * wz, 24), np.stack(residuals))
        mine = codec.picture.download()
        for ours, theirs in zip(mine, planes):
            assert np.mean(np.abs(ours.astype(int) - theirs) > 1) < (0.01 if filters else 1e-9)
        kept.append(codec.keep())
        reader.kept.append((mine, state))


@pytest.mark.parametrize("chooses", ["a set", "none"])
def test_filters_are_chosen_by_the_devices_statistics(model, chooses):
    """As the CPU's encoder does, which gets the same sums."""
    shape, device = PictureShape(90, 60, 8), EmulatedDevice()
    codec, kind = FrameCodec(DeviceModel(device, model), shape), FrameKind(False, False, 1, 4, QP, filtered=True)
    source = picture(shape.width, shape.height).planes
    codec.begin(QP, source=source)
    codec.encode(kind)
    levels = device.download(codec.reconstruction.networks(kind).tensors["levels"]).T.reshape(96, shape.rows, shape.columns)
    fine = FinePicture.of(Decoded(levels), shape.width, shape.height, shape.depth, None, None)
    for mine, theirs in zip(codec.statistics(), fine.statistics(source)):
        assert np.array_equal(mine.products, theirs.products) and np.array_equal(mine.correlations, theirs.correlations)
    _, filters = choose(codec.statistics(), 4, []) if chooses == "a set" else (LoopFilter.NONE, None)
    codec.finish(kind, filters)
    assert (filters is None) == (chooses == "none")
    want = unpack(levels, shape.width, shape.height, 8) if filters is None else fine.filtered(filters)
    assert all(np.array_equal(a, b) for a, b in zip(codec.picture.download(), want))


def test_memory_of_frames_that_nobody_refers_to_is_used_again(model):
    device, shape = EmulatedDevice(), PictureShape(64, 64, 8)
    codec = FrameCodec(DeviceModel(device, model), shape)
    kept = [codec.keep() for _ in range(3)]
    places = {device.address(entry.picture.block.buffer) for entry in kept}
    assert len(places) == 3
    del kept[:2]
    kept += [codec.keep() for _ in range(2)]
    assert {device.address(entry.picture.block.buffer) for entry in kept} == places


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


@pytest.mark.parametrize("sample", [samples(PictureShape(64, 64, 8))[n] for n in (0, 1, 4)], ids="IPB")
def test_a_frame_in_its_stride_asks_for_no_memory(model, sample):
    shape = PictureShape(64, 64, 8)
    device, kind = EmulatedDevice(), sample.kind
    codec = FrameCodec(DeviceModel(device, model), shape)
    kept = [codec.keep() for _ in range(3)]
    for number in range(3):
        if number == 2:
            device.empty = None      # what asks for memory now fails
        codec.begin(QP, source=picture(64, 64, number=number).planes, **sample.given(kept))
        codec.encode(kind)
        if kind.filtered:
            codec.finish(kind, filters_of(0))
        codec.begin(QP, **sample.given(kept), filters=filters_of(0))
        codec.decode(kind, codec.substreams(kind))
        kept[number % 2] = codec.keep()
