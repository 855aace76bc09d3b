"""The fluent form of an encoder's configuration."""
from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..config import EncoderConfig
from ..config.option import option_named

if TYPE_CHECKING:
    from .encoder import Encoder


class EncoderBuilder:
    """One method for every field of `EncoderConfig`, which takes its value and gives the builder back.

    >>> EncoderBuilder().preset("slow").b_frames(7).config().to_params()
    'preset=slow:b_frames=7'

    Methods raise ConfigError and TypeError as `EncoderConfig` does, AttributeError where there is no such field.
    """

    def __init__(self, make: Callable[..., Encoder] | None = None, config: EncoderConfig | None = None) -> None:
        self._make, self._config = make, config or EncoderConfig()

    def __getattr__(self, name: str) -> Callable[[Any], EncoderBuilder]:
        if name not in EncoderConfig.__dataclass_fields__:
            raise AttributeError(f"{name} is not an option of the encoder")

        def put(value: Any) -> EncoderBuilder:
            self._config = self._config.replaced(**{name: value})
            return self

        put.__name__, put.__doc__ = name, option_named(EncoderConfig, name).meaning
        return put

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *EncoderConfig.__dataclass_fields__]

    def config(self) -> EncoderConfig:
        """What has been chosen so far."""
        return self._config

    def build(self, width: int, height: int, fps: Any = 30, **stream: Any) -> Encoder:
        """The encoder; arguments but the options as for `Encoder`."""
        return self._make(width, height, fps, self._config, **stream)
