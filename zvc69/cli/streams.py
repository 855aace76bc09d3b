"""Telling streams from other videos."""
from __future__ import annotations

from ..bitstream.header import MAGIC


def is_stream(name: str) -> bool:
    """Whether `name` is a file that begins as a ZVC69 stream does."""
    try:
        with open(name, "rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:
        return False
