"""Lets the package be imported where PyAV is not installed, for what needs no files: every name of `av` is there, and raises when it is used."""
from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

_MODULES = ("av", "av.video", "av.video.reformatter", "av.video.frame", "av.error", "av.container", "av.codec")


class _Missing(type):
    """Attributes of what is not there are not there either, and numbers are zero: constants are computed on import."""

    def __getattr__(cls, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return _missing(f"{cls.__name__}.{name}")

    def __int__(cls) -> int:
        return 0

    def __call__(cls, *_: object, **__: object) -> object:
        raise ImportError(f"{cls.__name__} was called: PyAV is not installed")


def _missing(name: str) -> type:
    return _Missing(name, (), {})


class _Module(ModuleType):
    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return _missing(f"{self.__name__}.{name}")


def install() -> bool:
    """Puts stand-ins in the place of PyAV where it is missing; whether it is."""
    if importlib.util.find_spec("av") is not None:
        return False
    for name in _MODULES:
        module = _Module(name)
        module.__path__ = []
        sys.modules[name] = module
    return True
