"""The released model, and the small one of the tests: whole, exact, and the same picture on both sides of a stream."""
from __future__ import annotations

import itertools
import shutil

import numpy as np
import pytest

from zvc69 import Decoder, Encoder, Quality
from zvc69.core import cpu
from zvc69.core.pack import pack
from zvc69.core.quantise import quantise
from zvc69.errors import ModelError
from zvc69.metrics import frame_psnr
from zvc69.model import Model, available_backends, create_backend, installed_models, load_model
from zvc69.model.manifest import read_file

from .codec_samples import MODEL, picture

MODELS = ("tiny", "lite")


@pytest.mark.parametrize("name", MODELS)
def test_files_of_a_model_are_those_of_its_manifest(name):
    model = load_model(name)
    assert model.manifest.name == name and any(model.manifest.hash == other.manifest.hash for other in installed_models())
    for file in model.manifest.files:
        assert read_file(model.folder, model.manifest, file)


@pytest.mark.parametrize("name", MODELS)
def test_qualities_rise_in_size_and_psnr(name):
    frame, sizes, psnrs = picture(192, 128), [], []
    for quality in Quality:
        encoder = Encoder(192, 128, quality=quality, model=name, lookahead=0)
        packet, = encoder.encode(frame)
        decoded, = Decoder(encoder.header).decode(packet)
        sizes.append(len(packet))
        psnrs.append(frame_psnr(frame, decoded).weighted)
    assert all(a < b for a, b in itertools.pairwise(sizes)) and all(a < b for a, b in itertools.pairwise(psnrs))
    assert psnrs[-1] > 30


@pytest.mark.parametrize("name", MODELS)
def test_symbols_are_the_same_at_every_level(name):
    encoder = Encoder(127, 95, qp=20, model=name, lookahead=0)
    packet, = encoder.encode(picture(127, 95))
    decoder, seen = Decoder(encoder.header), set()
    for level in cpu.available():
        with cpu.force(level):
            symbols = decoder.parse(packet).symbols
        seen.add((symbols.z.tobytes(), symbols.r.tobytes()))
    assert len(seen) == 1


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("qp", [0, 31, 63])
def test_encoder_can_see_the_decoders_picture(name, qp):
    """`synthesise`, which knows the means, gives what `decode` gives: later frames will be predicted from it."""
    model = load_model(name)
    backend = create_backend("cpu", model)
    analysis = backend.analyse(pack(*picture(96, 64).planes, 8), qp)
    sigma = model.integers.sigma.frame(np.ascontiguousarray(analysis.z.transpose(1, 2, 0).astype(np.int16)), qp)
    thresholds, mean = model.integers.thresholds(model.manifest.distortion), analysis.mean_1
    for k in range(4):
        if k == 2:
            mean = backend.refine(analysis, sigma.residual())
        sigma.put(k, quantise(analysis.y, mean, sigma.indices(k), k, thresholds, model.manifest.skip_below))
    r = sigma.residual()
    difference = np.abs(backend.synthesise(analysis, mean, r, qp) - backend.decode(analysis.z, r, qp).picture)
    assert difference.max() < 0.05


@pytest.mark.parametrize("name", MODELS)
def test_openvino_gives_nearly_the_same_picture(name):
    pytest.importorskip("openvino")
    frame, psnrs = picture(128, 96), []
    encoder = Encoder(128, 96, qp=20, model=name, backend="cpu", lookahead=0)
    packet, = encoder.encode(frame)
    for backend in ("cpu", "openvino"):
        decoded, = Decoder(encoder.header, backend=backend).decode(packet)
        psnrs.append(frame_psnr(frame, decoded).weighted)
    assert abs(psnrs[0] - psnrs[1]) < 0.05


def test_damaged_file_of_a_model_is_named(tmp_path):
    folder = shutil.copytree(load_model(MODEL).folder, tmp_path / "copy")
    graph = folder / "decode_intra.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match="decode_intra.onnx is damaged"):
        Model(folder).graph("decode_intra")
    graph.unlink()
    with pytest.raises(ModelError, match="cannot read decode_intra.onnx: No such file"):
        Model(folder).graph("decode_intra")
    with pytest.raises(ModelError, match="has no other.onnx"):
        Model(folder).graph("other")


@pytest.mark.parametrize("manifest, message", [
    ("{", "is damaged"), ("[]", "is damaged"), ('{"version": 1}', "is damaged"), ('{"version": 3}', "reads versions 1 to 2"),
])
def test_damaged_manifest_is_told(tmp_path, manifest, message):
    (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(ModelError, match=message):
        Model(tmp_path)


def test_folder_without_manifest_is_no_model(tmp_path):
    with pytest.raises(ModelError, match="no model in"):
        Model(tmp_path)


@pytest.mark.parametrize("name", ["cpu", "openvino", "openvino-bf16"])
def test_backend_runs_pictures_of_any_size(name):
    """Graphs are made for the size that comes first; others run all the same."""
    if available_backends()[name]:
        pytest.skip(available_backends()[name])
    model = load_model("lite")
    backend, rng = create_backend(name, model), np.random.default_rng(0)
    for width, height in ((96, 64), (64, 128), (96, 64)):
        z = np.zeros((48, height // 32, width // 32), np.float32)
        r = rng.integers(-2, 3, (96, height // 8, width // 8)).astype(np.float32)
        alone = create_backend(name, model).decode(z, r, 30).picture
        decoded = backend.decode(z, r, 30).picture
        assert decoded.shape == (96, height // 8, width // 8)
        assert np.abs(decoded - alone).max() < (1 if name == "openvino-bf16" else 1 / 16)


@pytest.mark.parametrize("name", ["cpu", "openvino"])
def test_what_a_backend_gave_stays_as_it_is(name):
    if name != "cpu":
        pytest.importorskip("openvino")
    backend, rng = create_backend(name, load_model("tiny"), 1), np.random.default_rng(0)
    for h, w in ((12, 16), (8, 8)):      # a runtime may have compiled for one size, and once more for all others
        z = np.zeros((48, h // 4, w // 4), np.float32)
        latents = [np.rint(rng.normal(0, 2, (96, h, w))).astype(np.float32) for _ in range(3)]
        first = [backend.decode(z, r, 30).picture for r in latents]
        kept = [picture.copy() for picture in first]
        again = [backend.decode(z, r, 30).picture for r in latents]
        assert all(np.array_equal(*pictures) for pictures in itertools.chain(zip(first, kept), zip(first, again)))
        assert not np.array_equal(first[0], first[1])


def test_bfloat16_differs_by_little():
    """No conforming decoder, and says so by its name; near enough to look at."""
    if available_backends()["openvino-bf16"]:
        pytest.skip(available_backends()["openvino-bf16"])
    frame = picture(128, 96)
    encoder = Encoder(128, 96, qp=32, model="lite", backend="cpu", lookahead=0)
    packet, = encoder.encode(frame)
    exact, = Decoder(encoder.header, backend="cpu").decode(packet)
    decoded, = Decoder(encoder.header, backend="openvino-bf16").decode(packet)
    assert frame_psnr(exact, decoded).weighted > 50


def test_sessions_share_an_arena_even_one_that_is_there_already():
    from zvc69.model import onnx_runner
    assert onnx_runner._shared_arena()
    assert onnx_runner._shared_arena.__wrapped__()      # registered a second time
