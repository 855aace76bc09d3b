"""Exceptions of the package. All derive from `Zvc69Error`; messages are one line for a user.

Each carries where it happened, as far as known: `offset` in the stream in bytes, `frame` number.
"""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


class Zvc69Error(Exception):
    """Base of every error that the package raises for bad input or a failed operation."""

    def __init__(self, message: str, *, offset: int | None = None, frame: int | None = None) -> None:
        self.message, self.offset, self.frame = message, offset, frame
        where = [f"frame {frame}"] if frame is not None else []
        where += [f"byte {offset}"] if offset is not None else []
        super().__init__(f"{message} ({', '.join(where)})" if where else message)


class StreamError(Zvc69Error):
    """The bytes are not a stream that this version can decode."""


class NotAStreamError(StreamError):
    """The magic number is missing: not a ZVC69 stream."""


class UnsupportedVersionError(StreamError):
    """A stream of a newer format version."""


class CorruptStreamError(StreamError):
    """Bytes are damaged: a checksum, a count or a length does not hold."""


class MissingReferenceError(CorruptStreamError):
    """A frame refers to one that is lost or damaged; its own bytes are sound."""


class TruncatedStreamError(CorruptStreamError):
    """The stream ends inside a header or a frame."""


class WrongModelError(StreamError):
    """The stream was made with a model that is not installed."""


class ModelError(Zvc69Error):
    """A model's files are missing, damaged or inconsistent."""


class BackendError(Zvc69Error):
    """A backend is not available here or failed."""


class MediaError(Zvc69Error):
    """An input or output media file cannot be read or written."""


class StatisticsError(Zvc69Error):
    """Statistics of a first pass are damaged, or of another version, another clip or other settings."""


class ConfigError(Zvc69Error, ValueError):
    """An argument or option is out of range."""


@contextmanager
def naming(path: str | os.PathLike[str] | None) -> Iterator[None]:
    """Gives an OSError that does not say of which file it is, as one of a full disk, the file's name; None: there is none."""
    try:
        yield
    except OSError as error:
        if error.filename is None and path is not None:
            error.filename = os.fspath(path)
        raise
