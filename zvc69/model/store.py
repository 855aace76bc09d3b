"""Where models are found: the package's own, folders in ZVC69_MODELS, or a path."""
from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path

from ..errors import ModelError, WrongModelError
from . import gradient, tables
from .manifest import FILE, Manifest, read_file, read_manifest
from .onnx_wire import OnnxGraph
from .stages import STAGES, WHOLE


class Model:
    """A model folder. Files are read, and checked against the manifest, when first needed."""

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.manifest: Manifest = read_manifest(self.folder)

    def __repr__(self) -> str:
        return f"<Model {self.manifest.name} {self.manifest.short_hash.hex()}>"

    @cached_property
    def integers(self) -> tables.IntegerPart:
        """Of P and B frames."""
        return tables.IntegerPart(read_file(self.folder, self.manifest, tables.FILE))

    @cached_property
    def intra_integers(self) -> tables.IntegerPart:
        """Of I frames: their own, where the model has them."""
        if tables.INTRA_FILE not in self.manifest.files:
            return self.integers
        return tables.IntegerPart(read_file(self.folder, self.manifest, tables.INTRA_FILE), tables.INTRA_FILE)

    def integers_of(self, inter: bool) -> tables.IntegerPart:
        """Of P and B frames (`inter`) or of I frames."""
        return self.integers if inter else self.intra_integers

    @cached_property
    def _whole(self) -> OnnxGraph:
        return OnnxGraph(self.graph(WHOLE))

    def graph(self, name: str) -> bytes:
        """A serialised ONNX graph, e.g. "decode_intra"; a stage by itself (`stages.STAGES`), or a gradient (`gradient.GRAPHS`)."""
        if name in gradient.GRAPHS:
            try:
                return gradient.gradient_graph(self.graph(gradient.GRAPHS[name]))
            except ValueError as error:
                raise ModelError(f"model {self.manifest.name} has no gradient, which refinement needs: {error}") from error
        if name in STAGES:
            return self._whole.part(*STAGES[name])
        return read_file(self.folder, self.manifest, f"{name}.onnx")


def model_folders() -> Iterator[Path]:
    """Folders that hold model folders, in order of preference."""
    for entry in os.environ.get("ZVC69_MODELS", "").split(os.pathsep):
        if entry:
            yield Path(entry)
    package = Path(__file__).parents[1]
    yield package / "models"
    yield package.parent / "models"    # a checkout


def installed_models() -> list[Model]:
    """All models that can be loaded by name, each name once."""
    found: dict[str, Model] = {}
    for folder in model_folders():
        for path in sorted(folder.glob(f"*/{FILE}")):
            model = Model(path.parent)
            found.setdefault(model.manifest.name, model)
    return list(found.values())


@lru_cache(maxsize=8)
def load_model(name: str = "lite") -> Model:
    """The model called `name`, or in the folder `name`. Raises ModelError when there is none."""
    if os.path.sep in name or Path(name, FILE).is_file():
        return Model(Path(name))
    for folder in model_folders():
        if (folder / name / FILE).is_file():
            return Model(folder / name)
    names = ", ".join(m.manifest.name for m in installed_models()) or "none"
    raise ModelError(f"model {name!r} is not installed (installed: {names})")


def model_for_hash(short_hash: bytes, name: str | None = None) -> Model:
    """The model whose manifest hash begins with the four bytes of a file header.

    name: a model to take instead of searching; its hash must fit. Raises WrongModelError.
    """
    candidates = [load_model(name)] if name else installed_models()
    for model in candidates:
        if model.manifest.short_hash == short_hash:
            return model
    have = ", ".join(f"{m.manifest.name} {m.manifest.short_hash.hex()}" for m in candidates) or "none"
    raise WrongModelError(f"the stream was made with model {short_hash.hex()}, which is not here (have: {have})")
