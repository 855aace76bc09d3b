"""The model card: what a released model was trained on, how, and what it reaches.

    python -m train card --model models/lite --manifest .../MANIFEST.tsv --rd benchmarks/results/rd_intra.json
"""
from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from .config import ModelConfig
from .network import Network


def card(folder: Path, manifests: list[Path], rd: Path | None, logs: Sequence[Path] = ()) -> str:
    """Markdown text from a released folder, the data's manifests (tsv), a result of benchmarks/rd_intra.py, and the `log.jsonl` of the runs."""
    raw = (folder / "manifest.json").read_bytes()
    manifest = json.loads(raw)
    config = ModelConfig(**manifest["config"])
    parameters = sum(p.numel() for p in Network(config).parameters())
    lines = [f"# Model {config.name}", "",
             f"Manifest SHA-256 `{hashlib.sha256(raw).hexdigest()}`; {parameters / 1e6:.2f} M parameters, width {config.width}.",
             f"{'I, P and B frames' if any('inter' in name for name in manifest['files']) else 'I frames (both reference slots blank)'}. "
             "Symbols with a sigma index below "
             f"{manifest['skip_below']} are not coded; the encoder's rounding weighs a squared unit as {manifest['distortion']:g} bits.", "",
             "## Training", "", f"{manifest['training']['seconds'] / 3600:.2f} hours on two CPU cores in all, {manifest['training']['steps']} steps. "
             "Phases as in docs/TRAINING.md:", "", "| phase | minutes | steps | crops | crop size | step size |", "|---|---|---|---|---|---|"]
    lines += _history(manifest["training"])
    if manifest["training"].get("origin"):
        lines += ["", manifest["training"]["origin"]]
    if apart := manifest.get("training_intra"):
        own = ModelConfig(**manifest["config_intra"])
        lines += ["", f"Keyframes have a network of their own, {own.name}, {sum(p.numel() for p in Network(own).parameters()) / 1e6:.2f} M parameters "
                  f"with those of references, which it does not use: {apart['seconds'] / 3600:.2f} hours in all, {apart['steps']} steps. "
                  "What it has in common with the history above was done once.", "",
                  "| phase | minutes | steps | crops | crop size | step size |", "|---|---|---|---|---|---|"] + _history(apart)
    if logs:
        lines += ["", "Learning curve: mean J per tenth of a run (bits per pixel + distortion, weighted by QP as in docs/TRAINING.md; it counts bits",
                  "with noise in U0 to U3 and coded symbols in U4 and U5, so phases do not compare).", "", "| phase | J |", "|---|---|"]
        lines += [line for path in logs for line in _curve(path)]
    lines += ["", "## Data", ""] + _data(manifests)
    if rd:
        lines += ["", "## Figures", ""] + _figures(json.loads(rd.read_text()))
    return "\n".join(lines) + "\n"


def _history(training: dict) -> list[str]:
    return [f"| {h['phase']} | {h['minutes']:.0f} | {h['steps']} | {h['crops']} | {h['crop']} | {h['rate']:g} |" for h in training["history"]]


def _curve(log: Path) -> list[str]:
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    parts = [entries[len(entries) * i // 10:len(entries) * (i + 1) // 10] for i in range(10)]
    means = [sum(e["j"] for e in part) / len(part) for part in parts if part]
    return [f"| {entries[0]['phase']} | {' '.join(f'{m:.3f}' for m in means)} |"] if entries else []


def _data(manifests: list[Path]) -> list[str]:
    rows = [r for m in manifests for r in csv.DictReader(m.open(), delimiter="\t")]
    licences = Counter(r["licence"] for r in rows)
    clips = sum(r["frames"] not in ("1", "-") for r in rows)
    return [f"{clips} short clips and {len(rows) - clips} stills from {len({r['source_repository'] for r in rows})} public repositories. "
            "Licences of the sources as far as known: " + ", ".join(f"{name} {n}" for name, n in licences.most_common()) + "."]


def _figures(rd: dict) -> list[str]:
    points = rd["mean"]["zvc69"]
    return [f"`{rd['command']}`, {rd['date']}, {rd['cpu']}; means over {len(rd['curves'])} pictures, bytes of packets.", "",
            "| bits per pixel | PSNR 6:1:1, dB |", "|---|---|"] + [f"| {p['bpp']:.4f} | {p['psnr']:.2f} |" for p in points] + [
            "", "| peer | BD-rate |", "|---|---|"] + [f"| {peer} | {r['mean']:+.1f} % |" for peer, r in rd["bd_rate"].items()]
