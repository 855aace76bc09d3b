"""From a checkpoint to a released model folder: ONNX graphs, integers, manifest, and proof that they agree.

    python -m train export --resume runs/lite/checkpoint.pt --data ... --out models/lite
"""
from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import torch

from zvc69.core.scale import SigmaNetwork
from zvc69.model import Model, create_backend
from zvc69.model.tables import FILE, INTRA_FILE

from .checkpoint import INTRA_WEIGHTS, WEIGHTS, save_weights
from .clips import Clips
from .config import CHANNELS, HYPER, KNOTS, MAX_QP, ROUNDING, SKIP_BELOW
from .data import Crops
from .network import Network, Output
from .onnx_graph import analysis_graph, decode_graph, refine_graph, synthesis_graph
from .tables import factorised_tables, refine_sigma_tables

PICTURE_TOLERANCE = 0.05     # 8-bit levels, ONNX Runtime against PyTorch


@dataclass
class Counts:
    """Histograms of coded symbols: y (64, 65536) by sigma index, z (knots, channels, 256)."""

    y: np.ndarray
    z: np.ndarray


@torch.no_grad()
def count_symbols(network: Network, crops: Crops | None, batches: int, batch: int = 16, clips: Clips | None = None, intra: Network | None = None) -> Counts:
    """Codes crops over all QPs with the encoder's rounding and counts what it codes; of `clips`, as many frames with references.

    Without crops, z is counted in those. intra: codes the keyframes of clips.
    """
    counts = Counts(np.zeros((64, 65536), np.int64), np.zeros((KNOTS, HYPER, 256), np.int64))
    how = dict(rate="coded", rd=True, skip_below=SKIP_BELOW)
    for i in range(batches if crops is not None else 0):
        out = network(crops.batch(batch), _near(i % KNOTS, batch), **how)
        _count_y(counts, out)
        _count_z(counts, out, i % KNOTS)
    if clips is not None:
        from .structure import low_delay, random_access
        from .temporal import code_sequence
        rng, generator, n = np.random.default_rng(0), torch.Generator().manual_seed(0), batch // 4
        for i in range(-(-batches * batch // (n * (clips.frames - 1)))):
            structure = random_access(int(np.log2(clips.frames - 1)), rng) if i % 2 else low_delay(clips.frames, rng)
            knot = i // 2 % KNOTS
            for coding, _, _, out in code_sequence(network, clips.batch(n), structure, _near(knot, n), generator, intra=intra, **how):
                if coding.a is not None:
                    _count_y(counts, out)
                    if crops is None:
                        _count_z(counts, out, knot)
    return counts


def _near(knot: int, n: int) -> torch.Tensor:
    return torch.randint(max(9 * knot - 4, 0), min(9 * knot + 4, MAX_QP) + 1, (n,))


def _count_y(counts: Counts, out: Output) -> None:
    index, r = out.index.numpy().astype(np.int64), out.r.numpy().astype(np.int64).clip(-32768, 32767)
    coded = index >= SKIP_BELOW      # copied blocks have index 0
    np.add.at(counts.y, (index[coded], r[coded] + 32768), 1)


def _count_z(counts: Counts, out: Output, knot: int) -> None:
    z = out.z.numpy().astype(np.int64).clip(-128, 127)
    np.add.at(counts.z, (knot, np.arange(HYPER)[None, :, None, None], z + 128), 1)


def integer_arrays(network: Network, counts: Counts) -> dict[str, np.ndarray]:
    """Everything of `integers.npz`, or of `integers_intra.npz`."""
    arrays = {k: v.numpy() for k, v in network.sigma.integers().items()}
    for prefix, tables in (("y", refine_sigma_tables(counts.y)), ("z", factorised_tables(counts.z, network.z_sigma.detach().numpy()))):
        arrays |= {f"{prefix}.{k}": v for k, v in tables.items()}
    return arrays


@dataclass
class IntraPart:
    """A network that codes a model's keyframes, what it codes on average, and how it was trained."""

    network: Network
    counts: Counts
    training: dict


def write_model(network: Network, counts: Counts, folder: Path, *, quality_qp: dict[str, int], training: dict, inter: bool = False,
                intra: IntraPart | None = None) -> None:
    """Write the released folder, with graphs of P and B frames if `inter`; I frames are coded by `intra`, if given. The manifest comes last: without
    it there is no model."""
    if inter and not network.config.conditional:
        raise ValueError("the codec has no graphs of frames whose difference alone is coded")
    folder.mkdir(parents=True, exist_ok=True)
    files: dict[str, bytes] = {}
    for graph, slots in product((analysis_graph, refine_graph, decode_graph, synthesis_graph), (False, True) if inter else (False,)):
        model = graph(intra.network if intra and not slots else network, slots)
        files[f"{model.graph.name}.onnx"] = model.SerializeToString()
    files[FILE] = _compressed(integer_arrays(network, counts))
    if intra:
        files[INTRA_FILE] = _compressed(integer_arrays(intra.network, intra.counts))
        save_weights(folder / INTRA_WEIGHTS, intra.network.config, intra.network.state_dict(), intra.training)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    np.savez_compressed(folder / WEIGHTS, **{k: v.half().numpy() for k, v in network.state_dict().items()})
    apart = dict(config_intra=intra.network.config.to_dict(), training_intra=intra.training) if intra else {}
    manifest = dict(version=2 if intra else 1, name=network.config.name, config=network.config.to_dict(), latent_channels=CHANNELS, hyper_channels=HYPER,
                    skip_below=SKIP_BELOW, distortion=ROUNDING, quality_qp=quality_qp,
                    files={name: hashlib.sha256(data).hexdigest() for name, data in files.items()}, training=training, **apart)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


def _compressed(arrays: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


@torch.no_grad()
def check_export(network: Network, folder: Path, picture: torch.Tensor, qps=(0, 12, 25, 38, 50, 63)) -> dict[str, float]:
    """Proof on one picture (1, 96, h, w), as a keyframe, which `network` codes: sigma indices of PyTorch and of the compiled integer network are
    equal, pictures of PyTorch and ONNX Runtime within PICTURE_TOLERANCE. Returns the largest differences; raises AssertionError."""
    model = Model(folder)
    backend = create_backend("cpu", model)
    worst = dict(picture=0.0, y=0.0)
    for qp in qps:
        out: Output = network(picture, torch.tensor([qp]), rate="coded", rd=True, skip_below=SKIP_BELOW, half=False)
        _check_indices(model.intra_integers.sigma, out, qp)
        decoded = backend.decode(out.z[0].numpy(), out.r[0].numpy(), qp).picture
        worst["picture"] = max(worst["picture"], float(np.abs(decoded - out.picture[0].numpy()).max()))
        analysis = backend.analyse(picture[0].numpy(), qp)
        y = network.analyse(network.transform(picture), None, network.blank, torch.tensor([qp]))[0].numpy()
        worst["y"] = max(worst["y"], float(np.abs(analysis.y - y).max()))
    if worst["picture"] > PICTURE_TOLERANCE:
        raise AssertionError(f"ONNX Runtime's picture differs from PyTorch's by {worst['picture']:.3f} levels")
    return worst


def _check_indices(sigma: SigmaNetwork, out: Output, qp: int) -> None:
    r, index = (t[0].permute(1, 2, 0).numpy() for t in (out.r, out.index))
    frame = sigma.frame(out.z[0].permute(1, 2, 0).numpy().astype(np.int16), qp)
    h, w, _ = r.shape
    c, i, j = np.ogrid[:CHANNELS, :h, :w]
    step = (2 * ((c + i + j) % 2) + (c // 2 + i) % 2).transpose(1, 2, 0)
    for k in range(4):
        ours = frame.indices(k)
        theirs = index[step == k].reshape(h, w, -1)
        if not np.array_equal(ours, theirs.astype(np.uint8)):
            raise AssertionError(f"sigma indices of step {k} at qp {qp} differ in {np.count_nonzero(ours != theirs)} places")
        frame.put(k, r[step == k].reshape(h, w, -1).astype(np.int16))
