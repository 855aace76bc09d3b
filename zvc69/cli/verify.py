"""`zvc69 verify`."""
from __future__ import annotations

import json

import click

from ..bitstream.verify import Problem
from ..codec.verify import Verification
from . import options
from .progress import FrameProgress

DAMAGED = 1


@click.command()
@click.argument("source", metavar="FILE")
@click.option("--decode", is_flag=True, help="Also run the networks on every frame.")
@click.option("--model", metavar="NAME", help="Model to take instead of searching; it must be the stream's.")
@options.backend
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def verify(context: click.Context, source: str, decode: bool, model: str | None, backend: str, as_json: bool) -> None:
    """Check that the stream FILE is whole.

    Reads all of it: headers, checksums of all frames, counts, times, index; and parses every payload. Prints a line for
    each problem, with the offset in bytes and the number of the frame. Exit code 0: sound, 1: not.
    """
    with FrameProgress("verifying") as progress:
        check = Verification(source, decode=decode, model=model, backend=backend, progress=progress)
        found = []
        for problem in check:
            if as_json:
                found.append({"offset": problem.offset, "frame": problem.frame, "error": problem.message})
            else:
                click.echo(_line(problem))
    if as_json:
        click.echo(json.dumps({
            "source": source, "sound": not check.problems, "frames": check.frames, "total_frames": check.total_frames or None,
            "parsed": check.parsed, "unchecked": check.unchecked, "bytes": check.size, "decoded": decode, "problems": found,
        }, indent=2))
    else:
        click.echo(_summary(source, check))
    if check.problems:
        context.exit(DAMAGED)


def _line(problem: Problem) -> str:
    where = [f"byte {problem.offset}"] if problem.offset is not None else []
    where += [f"frame {problem.frame}"] if problem.frame is not None else []
    return f"{', '.join(where)}: {problem.message}" if where else problem.message


def _summary(source: str, check: Verification) -> str:
    verdict = f"{check.problems} problem{'s' * (check.problems != 1)}" if check.problems else "sound"
    unchecked = f", {check.unchecked} of them not checked inside" if check.unchecked else ""
    return f"{source}: {verdict}; {check.frames} whole frames{unchecked}, {check.size} bytes"
