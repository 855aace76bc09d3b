"""The result file: written after every point, so that an interrupted run goes on where it stopped."""
from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..media import AtomicFile
from .point import Point

KIND, VERSION = "zvc69 bench rd", 1


class Results:
    """Curves of clips and coders, kept in the file `path` (None: in memory alone).

    A point of an earlier run in the same file is taken over if its key is equal (`point.key_of`). When a run is complete, the points that it did not
    ask for are dropped, but for those of other codecs (`unused` in the file): they cost the most time, and no change of ours makes them stale.

    head: what stands first in the file. Raises ConfigError if the file is there and is no result of this command, OSError.
    """

    def __init__(self, path: str | os.PathLike[str] | None, head: dict[str, Any]) -> None:
        self._path = path
        self._known = {point["key"]: point for point in _points(load(path))} if path is not None and Path(path).exists() else {}
        self.data: dict[str, Any] = dict(kind=KIND, version=VERSION) | head | dict(complete=False, coders={}, clips={}, notes=[], curves={})

    def find(self, key: str) -> Point | None:
        """An earlier point of this key."""
        return self._known.get(key)

    def add(self, clip: str, coder: str, point: Point) -> None:
        """Put a point at the end of a curve, and save the file if the point is new to it."""
        self.data["curves"].setdefault(clip, {}).setdefault(coder, []).append(point)
        if point["key"] not in self._known:
            self._known[point["key"]] = point
            self._save()

    def finish(self, summary: dict[str, Any]) -> dict[str, Any]:
        """Complete the file with `summary`; returns its content."""
        peers = {key: point for key, point in self._known.items() if "crf" in point["setting"]}
        self._known = peers
        self.data |= dict(complete=True) | summary
        self._save()
        return self.data

    def _save(self) -> None:
        if self._path is None:
            return
        used = {point["key"] for coders in self.data["curves"].values() for points in coders.values() for point in points}
        unused = [point for key, point in self._known.items() if key not in used]
        text = json.dumps(self.data | (dict(unused=unused) if unused else {}), indent=1) + "\n"
        with AtomicFile(self._path) as file:
            file.write(text.encode())


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The content of a result file. Raises ConfigError if it is something else, OSError."""
    try:
        data = json.loads(Path(path).read_bytes())
        if data["kind"] != KIND:
            raise ValueError("another kind of file")
        if data["version"] != VERSION:
            raise ConfigError(f"{path}: results of version {data['version']}, this release reads version {VERSION}")
        if not all(isinstance(point["key"], str) and isinstance(point["setting"], dict) for point in _points(data)):
            raise TypeError("points without a key")
        return data
    except ConfigError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigError(f"{path} exists and is not a result of zvc69 bench rd") from None


def _points(data: dict[str, Any]) -> Iterator[Point]:
    for coders in data["curves"].values():
        for points in coders.values():
            yield from points
    yield from data.get("unused", ())
