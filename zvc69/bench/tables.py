"""The figures as tables: one form, shown on a terminal or written as markdown."""
from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable

from .summary import QUALITIES, keyframes_alone


@dataclass(frozen=True)
class Table:
    """A title, the heads of columns, and rows of as many cells."""

    title: str
    head: list[str]
    rows: list[list[str]]


def tables(data: dict[str, Any]) -> Iterator[Table]:
    """Of a result file's content: BD-rates of every variant against what has P frames or has not as it, savings, our curves' means, speeds."""
    alone = {name: keyframes_alone(coder) for name, coder in data["coders"].items()}
    for quality, variants in data["bd_rate"].items():
        for variant, every in variants.items():
            averages = {name: average for name, average in every.items() if alone[name] == alone[variant]}
            if averages:
                yield Table(f"BD-rate of ZVC69 {variant} against, {QUALITIES[quality]}, %", ["clip", *averages], _by_clip(averages))
    if data["savings"]:
        averages = {f"{s['coder']} against {s['against']}": s for s in data["savings"]}
        yield Table("Bits that groups of pictures save against keyframes alone at equal PSNR, %", ["clip", *averages], _by_clip(averages))
    yield _curves(data)
    yield _speeds(data)


def show(data: dict[str, Any], console: Console) -> None:
    """Print all tables."""
    for table in tables(data):
        grid = RichTable()
        for i, name in enumerate(table.head):
            grid.add_column(name, justify="right" if i else "left", no_wrap=i > 0 and not console.is_terminal)
        for row in table.rows:
            grid.add_row(*row)
        console.print(table.title, markup=False, highlight=False, soft_wrap=True)   # a table's own title is broken to its width
        console.print(grid)


def markdown(data: dict[str, Any], plots: Mapping[str, str] | None = None, level: int = 2) -> str:
    """All tables, how the peers were run, and notes; plots: address of each clip's plot."""
    lines: list[str] = []
    for table in tables(data):
        lines += [f"{'#' * level} {table.title}", "", *_grid(table.head, table.rows), ""]
    lines += [f"{'#' * level} How they were run", "", _method(data), ""]
    rows = [[name, f["version"], f"`{f['command']}`", " ".join(map(str, f["crf"]))] for name, f in data["coders"].items() if not f["zvc69"]]
    lines += [*_grid(["peer", "version", "command", "CRF"], rows), ""] if rows else []
    rows = [[name, f["model"], ", ".join(f"{k}={PurePath(str(v)).name}" for k, v in f["options"].items()), f["backend"]]
            for name, f in data["coders"].items() if f["zvc69"]]
    lines += [*_grid(["variant", "model", "options", "backend"], rows), ""]
    lines += [f"- {note}" for note in data["notes"]] + ([""] if data["notes"] else [])
    lines += [f"![{clip}]({address})" for clip, address in (plots or {}).items()]
    return "\n".join(lines).rstrip() + "\n"


def _method(data: dict[str, Any]) -> str:
    frames = data["settings"]["frames"]
    extent = "All" if frames is None else f"The first {frames}"
    similarity = ", and of its MS-SSIM of luma" if "ms_ssim" in data["bd_rate"] else ""
    spacing = f"at most {data['settings']['gop']} frames apart" if data["settings"]["gop"] else "at the start alone"
    return (f"{extent} frames of each clip. Rate: the whole file, headers of both sides included, without the SEI messages in which x264 and x265 describe "
            f"themselves. Quality: mean over all frames, decoded from that file, of each frame's PSNR, (6 Y + U + V) / 8{similarity}. BD-rate: piecewise "
            "cubic (PCHIP) over the range of quality that both curves cover, clip by clip, and the clips' mean; negative: ZVC69 needs fewer bits. Peers are "
            f"tuned for PSNR, use one thread and have keyframes {spacing}; -ld: low delay, no B frames; -intra: keyframes alone.")


def _by_clip(averages: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    clips = list(next(iter(averages.values()))["clips"]) if averages else []
    rows = [[clip, *(_percent(a["clips"][clip]) for a in averages.values())] for clip in clips]
    return [*rows, ["mean", *(_percent(a["mean"]) for a in averages.values())]]


def _percent(figure: float | None) -> str:
    return "n/a" if figure is None else f"{figure:+.1f}"


def _curves(data: dict[str, Any]) -> Table:
    """Means over clips, setting by setting, of our variants."""
    rows = []
    names = [name for name, figures in data["coders"].items() if figures["zvc69"]]
    similarity = "ms_ssim" in data["bd_rate"]
    for name in names:
        for points in zip(*(curves[name] for curves in data["curves"].values())):
            row = [name, str(points[0]["setting"]["qp"]), f"{_mean(points, 'bpp'):.4f}", f"{_mean(points, 'psnr'):.2f}"]
            if similarity:
                row.append("n/a" if any(point["ms_ssim"] is None for point in points) else f"{_mean(points, 'ms_ssim'):.4f}")
            rows.append(row)
    return Table("ZVC69, means over clips", ["variant", "QP", "bpp", "PSNR, dB", *(["MS-SSIM"] if similarity else [])], rows)


def _speeds(data: dict[str, Any]) -> Table:
    """At the middle of each curve."""
    rows = []
    for clip, curves in data["curves"].items():
        middle = {name: points[len(points) // 2] for name, points in curves.items()}
        rows.append([clip, *(f"{middle[name]['encode_fps']:.1f} / {middle[name]['decode_fps']:.1f}" if name in middle else "n/a" for name in data["coders"])])
    title = "Frames a second at the middle of each curve, encode / decode, without files and reading ahead (peers: one thread)"
    return Table(title, ["clip", *data["coders"]], rows)


def _mean(points: tuple[dict[str, Any], ...], field: str) -> float:
    return sum(point[field] for point in points) / len(points)


def _grid(head: list[str], rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in [head, ["---"] * len(head), *rows]]
