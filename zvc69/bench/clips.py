"""The clips of a benchmark: found in folders, counted, identified by their content."""
from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np

from ..errors import ConfigError, MediaError
from ..media import Frame, RawGeometry, Source, open_source

SUFFIXES = frozenset(".264 .265 .avi .flv .h264 .h265 .hevc .ivf .m2ts .m4v .mkv .mov .mp4 .mpg .obu .ogv .ts .webm .wmv .y4m .yuv".split())
"""What is taken from a folder. Stills are not: only files that are named are coded whatever they are."""


@dataclass(frozen=True)
class Clip:
    """The first `frames` frames of a video as 4:2:0, with even sides: a last odd column or row is cut off, since peers cannot code it.

    digest: SHA-256 of the file. Iterating reads it anew, a frame at a time; frames are `Frame`s with pts 0, 1, ...
    """

    path: Path
    name: str
    width: int
    height: int
    depth: int
    fps: Fraction
    frames: int
    digest: str

    def __iter__(self) -> Iterator[Frame]:
        with _open(self.path) as source:
            for frame in islice(source, self.frames):
                yield _cropped(frame.convert("yuv420"), self.width, self.height)

    def figures(self) -> dict[str, object]:
        """For JSON."""
        return dict(width=self.width, height=self.height, depth=self.depth, fps=str(self.fps), frames=self.frames, sha256=self.digest)


def find_clips(paths: Iterable[Path], frames: int | None = None) -> list[Clip]:
    """Clips of files and of folders (searched with what is below them), `frames` of each at most.

    Every clip is read to its end once: what cannot be read is found before hours of coding. Names are those of the files, with as many of the
    folders above as tell them apart. Raises MediaError, ConfigError if there is none, OSError.
    """
    files: dict[Path, None] = {}
    for path in paths:
        found = sorted(f for f in path.rglob("*") if f.suffix.lower() in SUFFIXES and f.is_file()) if path.is_dir() else [path]
        if not found:
            raise ConfigError(f"{path}: no video in this folder")
        files |= {file.resolve(): None for file in found}
    if not files:
        raise ConfigError("no clips were given")
    return [_clip(file, name, frames) for file, name in zip(files, _names(list(files)))]


def raw_geometry(name: str) -> RawGeometry:
    """Size, rate and depth that the name of a raw file states, as those of UVG, MCL-JCV and the HEVC classes do.

    >>> raw_geometry("Beauty_1920x1080_120fps_420_8bit_YUV.yuv")
    RawGeometry(width=1920, height=1080, depth=8, fps=Fraction(120, 1))
    >>> raw_geometry("BQMall_832x480_60.yuv").fps
    Fraction(60, 1)

    Raises MediaError for a name without a size.
    """
    size = re.search(r"(?<!\d)(\d{2,5})x(\d{2,5})(?!\d)", name)
    if not size:
        raise MediaError(f"{name}: a raw video whose name has no size like 1920x1080 in it")
    rest = name[size.end():]
    rate = re.search(r"(\d+(?:\.\d+)?) ?fps", name, re.IGNORECASE) or re.match(r"_(\d+(?:\.\d+)?)(?=[_.])", rest)
    depth = re.search(r"(?<!\d)(8|10|12)-?bit", name, re.IGNORECASE)
    return RawGeometry(int(size[1]), int(size[2]), int(depth[1]) if depth else 8, Fraction(rate[1]) if rate else Fraction(25))


def _open(path: Path) -> Source:
    return open_source(path, raw=raw_geometry(path.name) if path.suffix.lower() == ".yuv" else None)


def _clip(path: Path, name: str, limit: int | None) -> Clip:
    with _open(path) as source:
        count = sum(1 for _ in islice(source, limit))
        if not count:
            raise MediaError(f"{path}: no frame in it")
        with open(path, "rb") as file:
            digest = hashlib.sha256()
            while block := file.read(1 << 20):
                digest.update(block)
        return Clip(path, name, source.width // 2 * 2, source.height // 2 * 2, source.depth, source.fps, count, digest.hexdigest())


def _names(files: list[Path]) -> list[str]:
    """Stems, with folders before those that are not alone, and the suffix where that is the only difference."""
    names = [file.stem for file in files]
    depth = 1
    while len(set(names)) < len(names) and depth < max(len(file.parts) for file in files):
        depth += 1
        names = ["/".join([*file.parts[-depth:-1], file.stem]) if names.count(name) > 1 else name for file, name in zip(files, names)]
    return [file.as_posix() if names.count(name) > 1 else name for file, name in zip(files, names)]


def _cropped(frame: Frame, width: int, height: int) -> Frame:
    if (frame.width, frame.height) == (width, height):
        return frame
    u, v = (np.ascontiguousarray(plane[:height // 2, :width // 2]) for plane in frame.planes[1:])
    return replace(frame, y=np.ascontiguousarray(frame.y[:height, :width]), u=u, v=v)
