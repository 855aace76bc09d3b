"""ZVC69 as a coder of the benchmark: the public encoder with some options, a real stream, the public decoder."""
from __future__ import annotations

import hashlib
import importlib.util
import os
import pkgutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from .. import bitstream, codec, config, core, model
from ..bitstream import StreamReader, StreamWriter
from ..codec import Decoder, Encoder
from ..config import EncoderConfig, options_of
from ..config.option import option_named
from ..errors import ConfigError
from ..media import Frame
from ..model import load_model
from ..model.manifest import Manifest
from .clips import Clip
from .point import Point, Watch, measured

# Set by the clip and the curve.
_TAKEN = {"qp", "quality"}
_LOADING_CALLS = 2   # the graphs of keyframes and of P frames are loaded when first needed


@dataclass(frozen=True)
class Variant:
    """ZVC69 with `options` of `Encoder`, at several QPs.

    Raises, when made, what `Encoder` raises for the options.
    """

    name: str
    options: dict[str, Any]
    qps: tuple[int, ...]

    def __post_init__(self) -> None:
        known = set(options_of(EncoderConfig)) - _TAKEN
        for option in self.options:
            if option not in known:
                raise ConfigError(f"{self.name}: {option} is not an option of a variant (there are: {', '.join(sorted(known))})")
        if self.missing is None:
            self._encoder(64, 64, 25, qp=self.qps[0])

    @property
    def settings(self) -> list[dict[str, int]]:
        return [{"qp": qp} for qp in self.qps]

    @property
    def missing(self) -> str | None:
        """Why the model cannot code this, or None."""
        gop = self.options.get("gop", 1)
        if gop != 1 and not self._manifest.inter:
            return f"model {self._manifest.name} codes keyframes only, a gop of {gop} needs P frames"
        return None

    @cached_property
    def identity(self) -> dict[str, Any]:
        """All that determines the stream but clip and QP: the model's hash, the code's, the options."""
        options = {k: v for k, v in self.options.items() if k not in ("model", "backend")}
        return dict(codec="zvc69", model=self._manifest.hash.hex(), backend=self._encoder(64, 64, 25).backend, code=code_digest(), options=options)

    def figures(self) -> dict[str, Any]:
        """For JSON."""
        return self.identity | dict(model=self._manifest.name, model_hash=self._manifest.hash.hex(), rate="whole .zvc file", zvc69=True)

    def code(self, clip: Clip, setting: dict[str, int]) -> Point:
        """Encode to a file, decode that. Raises what `Encoder` and `Decoder` do."""
        encoding, decoding = Watch(_LOADING_CALLS), Watch(_LOADING_CALLS)
        with tempfile.TemporaryFile() as file:
            encoder = self._encoder(clip.width, clip.height, clip.fps, depth=clip.depth, total_frames=clip.frames, **setting)
            with StreamWriter(file, encoder.header) as writer:
                for frame in clip:
                    for packet in encoding(lambda: encoder.encode(frame)):
                        writer.write_packet(packet)
                for packet in encoding(encoder.flush):
                    writer.write_packet(packet)
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            point = measured(clip, self._decoded(file, decoding), size)
        return point | dict(encode_fps=encoding.fps(clip.frames), decode_fps=decoding.fps(clip.frames))

    def _decoded(self, file: BinaryIO, watch: Watch) -> Iterator[Frame]:
        with StreamReader(file) as reader:
            decoder = Decoder(reader.header, backend=self.options.get("backend", "auto"), model=self.options.get("model", "lite"),
                              threads=self.options.get("threads", 0))
            for packet in reader:
                yield from watch(lambda: decoder.decode(packet))
            yield from watch(decoder.flush)

    @property
    def _manifest(self) -> Manifest:
        return load_model(self.options.get("model", "lite")).manifest

    def _encoder(self, *arguments: Any, **more: Any) -> Encoder:
        return Encoder(*arguments, **self.options, **more)


def default_variants(gop: int) -> list[str]:
    """What is coded unless the user says otherwise, in the form that `parse_variant` reads."""
    return ["intra=gop=1"] if gop == 1 else ["IPB", "IP=b_frames=0", "intra=gop=1"]


def parse_variant(text: str, qps: tuple[int, ...], **defaults: Any) -> Variant:
    """A variant written NAME or NAME=OPTION=VALUE,OPTION=VALUE; defaults: options that it does not state.

    >>> parse_variant("intra=gop=1", (30, 40), gop=60).options
    {'gop': 1}

    Raises ConfigError.
    """
    name, _, rest = text.partition("=")
    options = dict(defaults)
    for pair in filter(None, rest.split(",")):
        key, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f"{text}: {pair!r} is not OPTION=VALUE")
        options[key.strip()] = option_named(EncoderConfig, key.strip()).parsed(key.strip(), value)
    if not name.strip():
        raise ConfigError(f"{text!r} does not begin with a name")
    return Variant(name.strip(), options, qps)


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Of the modules that decide what a stream holds: a changed encoder makes its earlier points stale, though its version be the same."""
    digest = hashlib.sha256()
    for package in (bitstream, codec, config, core, model):
        names = {module.name for module in pkgutil.iter_modules(package.__path__, package.__name__ + ".") if not module.ispkg}
        # Compiled modules may lie elsewhere than the package in an editable install.
        names |= {name for name in sys.modules if name.startswith(package.__name__ + "._")}
        for name in sorted(names):
            spec = importlib.util.find_spec(name)
            if spec is not None and spec.origin:
                digest.update(name.encode() + hashlib.sha256(Path(spec.origin).read_bytes()).digest())
    return digest.hexdigest()[:16]
