"""The examples of the README and of docstrings run as they stand."""
from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import zvc69
from zvc69.cli import run
from zvc69.media import Frame

from .test_media_files import write_mp4
from .test_media_frame import smooth_rgb

README = (Path(__file__).parents[1] / "README.md").read_text()
NEED_OPENVINO = {f"zvc69.model.{name}" for name in ("openvino_backend", "openvino_runner", "channel_last", "difference")}
# Compiled modules and __main__ have no examples; what needs OpenVINO, which is not always installed, neither.
MODULES = [module.name for module in pkgutil.walk_packages(zvc69.__path__, "zvc69.")
           if not module.name.rpartition(".")[2].startswith("_") and module.name not in NEED_OPENVINO]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A working folder with in.mp4."""
    rgb = smooth_rgb(96, 64)
    write_mp4(tmp_path / "in.mp4", [Frame.from_rgb24(np.roll(rgb, 2 * n, 1)) for n in range(8)])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_python_examples_run(folder):
    for code in blocks("python"):
        exec(compile(code, "README.md", "exec"), {})


def test_commands_run(folder, capsys):
    for line in "".join(blocks("sh")).splitlines():
        command, *arguments = shlex.split(line)
        assert command == "zvc69" and run(arguments) == 0, line


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (Path(__file__).parents[1] / target).exists(), target


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run(name):
    assert doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS).failed == 0
