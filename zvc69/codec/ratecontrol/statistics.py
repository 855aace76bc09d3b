"""What a first pass finds out about every frame, for the second to spend its bits by; as a file too."""
from __future__ import annotations

import json
import os
from dataclasses import asdict, astuple, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from ...bitstream import FileHeader, FrameType
from ...config import EncoderConfig
from ...core.checksum import crc32c
from ...errors import StatisticsError
from ...media import AtomicFile, Frame

FORMAT = "zvc69 statistics"
VERSION = 1
STRUCTURE = "gop", "b_frames", "sigma_reset", "scene_cut"
"""Options that decide which frames are I, P and B: both passes must have the same."""


@dataclass(frozen=True, slots=True)
class FrameStatistics:
    """Of frame `number` in order of presentation: how it was coded, in how many bits, its complexity, and a fingerprint of its samples."""

    number: int
    type: FrameType
    layer: int
    offset: int
    qp: int
    bits: int
    inter: float
    intra: float
    fingerprint: int


@dataclass(frozen=True, slots=True)
class Clip:
    """What was coded, and how: `model` is the short hash, `structure` the options of `STRUCTURE`."""

    width: int
    height: int
    depth: int
    fps: str
    model: str
    structure: dict[str, Any]

    @classmethod
    def of(cls, header: FileHeader, config: EncoderConfig) -> Clip:
        """config: resolved."""
        structure = {name: getattr(config, name) for name in STRUCTURE}
        return cls(header.width, header.height, header.bit_depth, str(header.fps), header.model_hash.hex(), structure)


@dataclass(frozen=True)
class Statistics:
    """All frames of a clip, in order of coding.

    A file of them is text: a line of JSON with format, version, clip, and number and checksum of the lines that follow, one a frame.
    """

    clip: Clip
    frames: tuple[FrameStatistics, ...]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file; it appears when it is whole. Raises OSError."""
        lines = "".join(json.dumps(astuple(frame)) + "\n" for frame in self.frames)
        head = dict(format=FORMAT, version=VERSION, clip=asdict(self.clip), frames=len(self.frames), checksum=crc32c(lines.encode()))
        with AtomicFile(path) as file:
            file.write((json.dumps(head) + "\n" + lines).encode())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Statistics:
        """Raises StatisticsError if the file is of another version, damaged, or none at all; OSError."""
        try:
            first, _, lines = Path(path).read_text().partition("\n")
            head = json.loads(first)
            if head["format"] != FORMAT:
                raise ValueError
        except (ValueError, KeyError, TypeError):          # UnicodeDecodeError and JSONDecodeError are ValueErrors
            raise StatisticsError(f"{path} is no file of statistics of a first pass") from None
        if head.get("version") != VERSION:
            raise StatisticsError(f"{path} is of version {head.get('version')}, this is {VERSION}: run the first pass again")
        try:
            if crc32c(lines.encode()) != head["checksum"]:
                raise ValueError
            frames = tuple(FrameStatistics(n, FrameType(type), *rest) for n, type, *rest in map(json.loads, lines.splitlines()))
            if len(frames) != head["frames"] or not frames:
                raise ValueError
            return cls(Clip(**head["clip"]), frames)
        except (ValueError, KeyError, TypeError):
            raise StatisticsError(f"{path} is damaged: run the first pass again") from None

    def check(self, clip: Clip) -> None:
        """Raise StatisticsError if another clip was coded, or in another structure."""
        for field in fields(Clip):
            mine, now = getattr(self.clip, field.name), getattr(clip, field.name)
            if field.name == "structure":
                different = [name for name in STRUCTURE if mine.get(name) != now[name]]
                mine, now = (", ".join(f"{name} {values.get(name)}" for name in different) for values in (mine, now))
            if mine != now:
                raise StatisticsError(f"the statistics are of another clip or other settings: {field.name} {mine}, now {now}")


def fingerprint(frame: Frame) -> int:
    """Of a frame's samples: 32 bits."""
    value = 0
    for plane in frame.planes:
        value = crc32c(np.ascontiguousarray(plane), value)
    return value

