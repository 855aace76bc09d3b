"""`zvc69 bench`."""
from __future__ import annotations

import datetime
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .. import bench as rd_bench
from ..bench import plots as rd_plots
from ..bench import tables
from ..config import MAX_QP
from ..media import AtomicFile
from . import options, system

NO_PEERS = "none"
WIDE = 240   # columns where no terminal limits them


@click.group()
def bench() -> None:
    """Measure ZVC69 beside other codecs."""


class QpList(click.ParamType):
    """Quantisers, separated by commas, each once, ascending."""

    name = "qps"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            qps = sorted({int(qp) for qp in value.split(",")})
        except ValueError:
            self.fail(f"{value!r} is not a list of numbers like 8,28,48", param, context)
        if not all(0 <= qp <= MAX_QP for qp in qps):
            self.fail(f"{value!r} is not within 0..{MAX_QP}", param, context)
        return tuple(qps)


@bench.command()
@click.argument("paths", metavar="CLIP_OR_FOLDER...", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@options.frames
@click.option("--qp", "qps", type=QpList(), default="8,18,28,38,48,58", show_default=True, metavar="LIST",
              help="Quantisers of ZVC69's curves; BD-rates need two.")
@click.option("--gop", type=click.IntRange(min=0), default=60, show_default=True, metavar="N",
              help="Largest distance of keyframes, of ZVC69 and of the others; 0 = the first frame only.")
@click.option("--peer", "peers", type=click.Choice([*rd_bench.PEERS, NO_PEERS]), multiple=True,
              help="Codec to compare with; repeatable, all unless given.")
@click.option("--model", default="lite", show_default=True, metavar="NAME", help="Installed model, or a model's folder.")
@options.backend
@click.option("--set", "variants", multiple=True, metavar="NAME[=K=V,...]",
              help="Variant of ZVC69 with options of Encoder; repeatable, IP and intra=gop=1 unless given.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False), metavar="FILE", help="Keep everything here; points that are there are not coded again.")
@click.option("--plots", type=click.Path(file_okay=False), metavar="FOLDER", help="Write a plot of each clip (SVG; needs matplotlib).")
@click.option("--markdown", type=click.Path(dir_okay=False), metavar="FILE", help="Write the tables as markdown.")
@click.pass_context
def rd(context: click.Context, paths: tuple[Path, ...], frames: int | None, qps: tuple[int, ...], gop: int, peers: tuple[str, ...], model: str,
       backend: str, variants: tuple[str, ...], json_path: str | None, plots: str | None, markdown: str | None) -> None:
    """Rate and distortion of clips, with ZVC69 and with x264, x265 and SVT-AV1: BD-rates, and what P frames save.

    Codes each clip at every QP to a real stream, decodes it, and compares all frames; likewise with each peer. Folders are searched for videos; raw
    .yuv files need their size in the name (Beauty_1920x1080_120fps_420_8bit_YUV.yuv). Tables go to standard output.
    """
    if plots is not None:
        rd_plots.require_matplotlib()
    coders: list[rd_bench.Coder] = [rd_bench.parse_variant(text, qps, gop=gop, model=model, backend=backend)
                                    for text in variants or rd_bench.default_variants(gop)]
    every = rd_bench.all_peers(gop)
    coders += [every[name] for name in peers or every if name != NO_PEERS]
    if len({coder.name for coder in coders}) < len(coders):
        raise click.UsageError("two curves have the same name")
    if not any(coder.missing is None for coder in coders):
        raise click.ClickException("nothing to code: " + "; ".join(f"{coder.name}: {coder.missing}" for coder in coders))
    for path in filter(None, (json_path, markdown)):
        if not Path(path).resolve().parent.is_dir():   # found out before hours of coding
            raise click.ClickException(f"{path}: there is no such folder")
    head = environment(command_line(context)) | dict(settings=dict(frames=frames, gop=gop, qps=list(qps)))
    results = rd_bench.Results(json_path, head)
    clips = rd_bench.find_clips(paths, frames)
    with _PointProgress() as progress:
        data = rd_bench.measure(clips, coders, results, progress=progress, note=progress.note)
    tables.show(data, Console(width=None if sys.stdout.isatty() else WIDE))
    drawn = rd_plots.write_plots(data, plots) if plots is not None else {}
    if markdown is not None:
        beside = Path(markdown).resolve().parent
        addresses = {clip: Path(os.path.relpath(path.resolve(), beside)).as_posix() for clip, path in drawn.items()}
        with AtomicFile(markdown) as file:
            file.write(tables.markdown(data, addresses).encode())


def environment(command: str) -> dict[str, Any]:
    """Command, date, versions and processor, to stand at the head of a result file."""
    here = system.describe()
    packages = {"zvc69": here["zvc69"]} | {name: number for name, number in here["packages"].items() if number}
    return dict(command=command, date=datetime.date.today().isoformat(), cpu=here["cpu"]["model"], cores=here["cpu"]["cores"], python=here["python"],
                packages=packages)


def command_line(context: click.Context) -> str:
    """The command that is running, with what the user gave; of paths the last part only."""
    words = []
    for parameter in context.command.params:
        if context.get_parameter_source(parameter.name) != ParameterSource.COMMANDLINE:
            continue
        value = context.params[parameter.name]
        if isinstance(parameter, click.Argument):
            words += [path.name or str(path) for path in value]
            continue
        for item in value if parameter.multiple else [value]:
            text = ",".join(map(str, item)) if isinstance(item, tuple) else str(item)
            is_path = isinstance(parameter.type, click.Path) or parameter.name == "model"
            words += [parameter.opts[0], Path(text).name if is_path else text]
    return shlex.join(["zvc69", "bench", "rd", *words])


class _PointProgress:
    """A bar on stderr, on a terminal only; notes in any case."""

    def __init__(self) -> None:
        console = Console(stderr=True)
        self._bar = Progress(TextColumn("{task.fields[what]}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console, transient=True,
                             disable=not sys.stderr.isatty())
        self._task = self._bar.add_task("rd", total=None, what="")

    def __call__(self, done: int, total: int, what: str) -> None:
        self._bar.update(self._task, completed=done, total=total, what=what)

    def note(self, text: str) -> None:
        if self._bar.disable:
            click.echo(f"zvc69: note: {text}", err=True)
        else:
            self._bar.console.print(f"zvc69: note: {text}", markup=False, highlight=False)

    def __enter__(self) -> _PointProgress:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
