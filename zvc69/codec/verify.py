"""Checking whole streams: structure, checksums, and that every payload can be parsed, or decoded."""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import BinaryIO

from ..bitstream import Packet
from ..bitstream.verify import Problem, StreamCheck
from ..config import MAX_PIXELS
from ..errors import StreamError
from ..model import model_for_hash
from .decoder import Decoder
from .parser import FrameParser

MOST_PROBLEMS = 1000
"""A check ends after so many: what follows is noise, and a list of all of them could be as long as the stream."""

Progress = Callable[[int, int | None, int], None]


class Verification:
    """A check of one stream. Iterating runs it and gives the problems as they are found; then the counts are those of the stream.

    decode      also run the networks on every frame; without it payloads are parsed, which is all that integers can tell
    model, backend, max_pixels   as for `Decoder`; the backend counts with `decode` only

    frames      whole frames: their checksums hold
    parsed      of these, frames whose payloads were parsed (or decoded) without error
    unchecked   frames that could not be parsed since one that they refer to is missing, or there is no model
    problems    how many were given

    Raises ConfigError for a pipe, BackendError, OSError.

    >>> check = Verification(b"ZVC69\\0\\1 and so on")
    >>> [problem.message for problem in check], check.frames
    (['the stream ends inside the file header'], 0)
    """

    def __init__(self, source: str | os.PathLike[str] | bytes | BinaryIO, *, decode: bool = False, model: str | None = None, backend: str = "auto",
                 max_pixels: int = MAX_PIXELS, progress: Progress | None = None) -> None:
        self._source, self._progress = source, progress
        self._options = (decode, model, backend, max_pixels)
        self.frames = self.parsed = self.unchecked = self.problems = self.size = 0
        self.total_frames = 0

    def __iter__(self) -> Iterator[Problem]:
        for problem in self._found():
            self.problems += 1
            yield problem
            if self.problems == MOST_PROBLEMS:
                yield Problem(f"{MOST_PROBLEMS} problems: the rest of the stream was not looked at")
                return

    def _found(self) -> Iterator[Problem]:
        try:
            stream = StreamCheck(self._source)
        except StreamError as error:
            yield Problem.of(error)
            return
        try:
            self.size, self.total_frames = stream.size, stream.header.total_frames
            parse, problem = self._parser(stream)
            if problem is not None:
                yield problem
            whole = True     # what the next frame may refer to was parsed
            for found in stream:
                if isinstance(found, Problem):
                    yield found
                    continue
                self.frames += 1
                whole = found.keyframe or whole and not found.lost
                if parse is None or not whole:
                    self.unchecked += 1
                elif (problem := _failure(parse, found)) is not None:
                    whole = False
                    yield problem
                else:
                    self.parsed += 1
                if self._progress:
                    self._progress(self.frames, self.total_frames or None, 0)
        finally:
            stream.close()

    def _parser(self, stream: StreamCheck) -> tuple[Callable[[Packet], object] | None, Problem | None]:
        """What parses packets, or why nothing does."""
        decode, name, backend, max_pixels = self._options
        header = stream.header
        try:
            if decode:
                return Decoder(header, backend=backend, model=name, max_pixels=max_pixels).decode, None
            if header.width * header.height > max_pixels:
                raise StreamError(f"pictures of {header.width}x{header.height} are larger than max_pixels = {max_pixels}")
            return FrameParser(model_for_hash(header.model_hash, name), header).parse, None
        except StreamError as error:
            return None, Problem(f"{error.message}; payloads are not checked", 0)


def _failure(parse: Callable[[Packet], object], packet: Packet) -> Problem | None:
    try:
        parse(packet)
    except StreamError as error:
        return Problem(error.message, packet.offset, packet.number)
    return None
