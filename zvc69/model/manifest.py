"""A model's manifest: what the folder holds, with checksums; its SHA-256 is the model's identity."""
from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from ..errors import ModelError

FILE = "manifest.json"
VERSIONS = 1, 2       # since 2 keyframes may have integers of their own
HASH_BYTES = 4   # of the SHA-256, in the file header


@dataclass(frozen=True)
class Manifest:
    """`manifest.json` of a model folder.

    name              of the model ("lite")
    latent_channels   of y, r and the sigma indices; hyper_channels of z
    skip_below        symbols with a sigma index below are zero and not coded
    distortion        weight of a squared error of one quantiser unit, in bits (encoder's rounding)
    quality_qp        QP of each `Quality` by name
    files             SHA-256 of every file, by name
    hash              SHA-256 of the manifest itself
    """

    name: str
    latent_channels: int
    hyper_channels: int
    skip_below: int
    distortion: float
    quality_qp: dict[str, int]
    files: dict[str, str]
    hash: bytes

    @property
    def inter(self) -> bool:
        """Whether the model codes frames with references."""
        return "decode_inter.onnx" in self.files

    @property
    def short_hash(self) -> bytes:
        """The four bytes that file headers carry."""
        return self.hash[:HASH_BYTES]


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a model folder. Raises ModelError if it is missing or not understood."""
    path = folder / FILE
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ModelError(f"no model in {folder}: {error.strerror or error}") from error
    try:
        data = json.loads(raw)
        if data["version"] not in VERSIONS:
            raise ModelError(f"{path} has version {data['version']}; this release reads versions {VERSIONS[0]} to {VERSIONS[-1]}")
        if not 1 <= data["skip_below"] <= 63:
            raise ValueError("skip_below must be 1..63")     # index 0 is what is never coded
        return Manifest(
            name=str(data["name"]), latent_channels=int(data["latent_channels"]), hyper_channels=int(data["hyper_channels"]),
            skip_below=int(data["skip_below"]), distortion=float(data["distortion"]),
            quality_qp={str(k): int(v) for k, v in data["quality_qp"].items()},
            files={str(k): str(v) for k, v in data["files"].items()}, hash=hashlib.sha256(raw).digest())
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"{path} is damaged: {error!r}") from error


def read_file(folder: Path, manifest: Manifest, name: str) -> bytes:
    """A file of the model. Raises ModelError if it is missing or its checksum does not hold."""
    if name not in manifest.files:
        raise ModelError(f"model {manifest.name} has no {name}")
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        raise ModelError(f"model {manifest.name}: cannot read {name}: {error.strerror or error}") from error
    if hashlib.sha256(data).hexdigest() != manifest.files[name]:
        raise ModelError(f"model {manifest.name}: {name} is damaged (its checksum differs from the manifest's)")
    return data
