"""The examples in the documentation of zvc69.bitstream."""
from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import zvc69.bitstream as package


@pytest.mark.parametrize("name", [module.name for module in pkgutil.iter_modules(package.__path__)])
def test_examples_give_what_they_say(name: str) -> None:
    assert doctest.testmod(importlib.import_module(f"{package.__name__}.{name}")).failed == 0
