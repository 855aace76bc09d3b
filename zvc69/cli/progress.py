"""A progress bar on stderr, shown on a terminal only."""
from __future__ import annotations

import sys
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..metrics import kilobits_per_second


class FrameProgress:
    """Called after each frame with frames done, frames in all (None: unknown) and bytes so far (0: not counted).

    As a context manager it shows and clears the bar. In pipes and logs it does nothing.

    video_rate   frames a second of the video, to show its bitrate
    """

    def __init__(self, verb: str, video_rate: float | None = None) -> None:
        self._rate = video_rate
        self._bar = Progress(
            TextColumn(verb),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task(verb, total=None, figures="")

    def __call__(self, done: int, total: int | None, size: int) -> None:
        if self._bar.disable:
            return
        speed = self._bar.tasks[0].speed
        figures = f"{speed:.1f} fps" if speed else ""
        if size and self._rate:
            figures += f" {kilobits_per_second(size, done, self._rate):.0f} kb/s"
        self._bar.update(self._task, completed=done, total=total, figures=figures)

    def __enter__(self) -> FrameProgress:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._bar.stop()
