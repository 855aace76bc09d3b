"""Codes every clip with every coder at every setting."""
from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..errors import MediaError
from .clips import Clip
from .point import Point, key_of
from .store import Results
from .summary import summarise


class Coder(Protocol):
    """A `Variant` of ours or a `Peer`.

    name, settings   of its curve, and of the curve's points
    missing          why it cannot be run here, or None
    identity         what determines its streams but clip and setting
    figures()        how it is run, for the result file
    code()           codes a clip, decodes it, measures
    """

    name: str

    @property
    def settings(self) -> list[dict[str, int]]: ...
    @property
    def missing(self) -> str | None: ...
    @property
    def identity(self) -> dict[str, Any]: ...
    def figures(self) -> dict[str, Any]: ...
    def code(self, clip: Clip, setting: dict[str, int]) -> Point: ...


Progress = Callable[[int, int, str], None]
"""Called before every point with points done, points in all, and what comes next."""


def measure(clips: Sequence[Clip], coders: Sequence[Coder], results: Results, *, progress: Progress | None = None,
            note: Callable[[str], None] = lambda text: None) -> dict[str, Any]:
    """Fill `results`, and finish it with the summary; returns its content.

    Coders that cannot be run are left out, and so is one on a clip that it does not take (as another codec may have limits of size); `note` is told.
    Raises what reading clips, encoding and decoding with ZVC69 do; points coded so far are kept then.
    """
    data = results.data

    def remark(text: str) -> None:
        data["notes"].append(text)
        note(text)

    for coder in coders:
        if coder.missing:
            remark(f"{coder.name} is left out: {coder.missing}")
    coders = [coder for coder in coders if not coder.missing]
    data["coders"] = {coder.name: coder.figures() for coder in coders}
    data["clips"] = {clip.name: clip.figures() for clip in clips}
    total, done = len(clips) * sum(len(coder.settings) for coder in coders), 0
    for clip in clips:
        for coder in coders:
            for i, setting in enumerate(coder.settings):
                if progress:
                    progress(done + i, total, f"{clip.name} {coder.name} " + " ".join(f"{k} {v}" for k, v in setting.items()))
                try:
                    results.add(clip.name, coder.name, _point(clip, coder, setting, results))
                except MediaError as error:
                    if data["coders"][coder.name]["zvc69"]:
                        raise
                    remark(f"{clip.name}: {coder.name} is left out: {error}")
                    data["curves"].get(clip.name, {}).pop(coder.name, None)
                    break
            done += len(coder.settings)
    return results.finish(summarise(data))


def _point(clip: Clip, coder: Coder, setting: dict[str, int], results: Results) -> Point:
    key = key_of(clip, coder.identity, setting)
    point = results.find(key)
    if point is None:
        start = time.perf_counter()
        coded = coder.code(clip, setting)
        point = dict(key=key, setting=setting) | coded | dict(seconds=round(time.perf_counter() - start, 2))
    return point
