"""Frames as PNG pictures: one file, or a numbered file for each frame."""
from __future__ import annotations

import os
import re
from pathlib import Path

from ..errors import MediaError
from . import png
from .atomic import AtomicFile
from .frame import Frame
from .sink import FileSink, Geometry, Sink

NAMES = "%06d.png"
"""Of the pictures in a folder."""
FIRST = 1
"""Number of the first picture, as FFmpeg counts."""

_NUMBER = re.compile(r"%%|%(0[0-9]{1,2})?d")


class PngSink(FileSink):
    """One picture: gray or RGB, 8 bits a channel of 8-bit frames, 16 of deeper ones."""

    def _put(self, frame: Frame) -> None:
        if self.frames:
            raise MediaError("a .png holds one picture: limit the frames, or name the output like %06d.png")
        self._target.write(png.encode_frame(frame))


class PngFolderSink(Sink):
    """A picture for each frame, numbered from 1, each under its name when it is whole.

    Pictures that are there are replaced, as any output is; pictures written before a failure stay, since each is
    complete by itself.

    target  a pattern with one %d or %06d in its file name, or a folder: %06d.png in it. A folder that is not there
            is made, in one that is.
    """

    def __init__(self, target: str, geometry: Geometry) -> None:
        super().__init__(geometry)
        folder, name = os.path.split(target) if is_numbered(os.path.basename(target)) else (target, NAMES)
        if is_numbered(folder) or len([m for m in _NUMBER.finditer(name) if m[0] != "%%"]) != 1:
            raise MediaError(f"{target}: names of pictures need one number, like %06d.png")
        self._folder, self._name = Path(folder), name
        self._made = not self._folder.exists()
        if self._made:
            self._folder.mkdir()
        elif not self._folder.is_dir():
            raise NotADirectoryError(20, "Not a directory", folder)

    def _put(self, frame: Frame) -> None:
        with AtomicFile(self._folder / _numbered(self._name, FIRST + self.frames)) as file:
            file.write(png.encode_frame(frame))

    def close(self) -> None:
        pass

    def abort(self) -> None:
        if self._made and not self.frames:
            self._folder.rmdir()


def is_numbered(name: str) -> bool:
    """Whether `name` holds a place for a number."""
    return any(match[0] != "%%" for match in _NUMBER.finditer(name))


def _numbered(name: str, number: int) -> str:
    return _NUMBER.sub(lambda match: "%" if match[0] == "%%" else match[0] % number, name)
