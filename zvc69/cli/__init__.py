"""The command `zvc69`: one module a command; errors and exit codes here.

Exit codes: 0 done; 1 the input, the data or an output is at fault; 2 wrong usage; 130 interrupted.
"""
from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from .. import __version__
from ..errors import Zvc69Error
from .bench import bench
from .compare import compare
from .decode import decode
from .encode import encode
from .info import info
from .verify import verify

FAILED, USAGE, INTERRUPTED = 1, 2, 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="zvc69")
def cli() -> None:
    """ZVC69, a neural video codec."""


for command in (encode, decode, info, compare, verify, bench):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit; `arguments` default to those of the process."""
    code = run(arguments)
    if code == INTERRUPTED:
        # A thread may still wait for a silent pipe and hold its lock, on which the interpreter's shutdown would abort.
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code. Every foreseen failure is one line on stderr."""
    try:
        with cli.make_context("zvc69", list(sys.argv[1:] if arguments is None else arguments)) as context:
            cli.invoke(context)
        sys.stdout.flush()
        return 0
    except click.exceptions.Exit as exit:
        return exit.exit_code
    except click.UsageError as error:
        error.show()
        return USAGE
    except (KeyboardInterrupt, click.Abort):
        _complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _close_stdout()
        return FAILED
    except (Zvc69Error, click.ClickException) as error:
        _complain(f"error: {error}")
        return FAILED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _complain(f"error: {where}{error.strerror or error}")
        return FAILED
    except MemoryError:
        _complain("error: not enough memory")
        return FAILED


def _complain(message: str) -> None:
    print(f"zvc69: {message}", file=sys.stderr)


def _close_stdout() -> None:
    """Whoever read stdout has gone: nothing more to say, not even by the interpreter's own flush at exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        # Not a real file (a test's capture): nothing will be flushed to the pipe either.
        pass
