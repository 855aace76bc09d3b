"""All that decides how frames are coded."""
from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import Any

from ..bitstream.references import MAX_ENTRIES
from ..errors import ConfigError
from .limits import AUTO, B_FRAMES, MAX_LOOKAHEAD, MAX_QP
from .option import choice, documented, flag, number, option_named, options_of, text, whole, written
from .presets import PRESETS, Preset
from .quality import Quality
from .tune import Tune

_TARGETS = "quality", "qp", "crf", "bitrate"
"""Options of which one says what is aimed at."""
_NEXT_PAIR = re.compile(r":(?=[A-Za-z][\w-]*=)")


@documented
@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """How the encoder codes. Options that are None are decided by the preset; what is given overrides it.

    Raises ConfigError for values out of range and options that exclude each other, TypeError for values of another type.

    >>> config = EncoderConfig(preset="slow", qp=30)
    >>> config.gop is None, config.resolved().gop
    (True, 60)
    >>> EncoderConfig.from_params("preset=slow:qp=30") == config == EncoderConfig.from_dict(config.to_dict())
    True
    """

    preset: Preset = choice(Preset.MEDIUM, Preset, "How much time the encoder takes for better compression.")
    tune: Tune = choice(Tune.PSNR, Tune, "What quality is: psnr, squared error wherever it is; visual, errors count more where little goes on, "
                        "as MS-SSIM has it.")
    quality: Quality | None = choice(
        None, Quality, "Quality by name, about 0.1, 0.25, 0.5 and 1.0 bits per pixel on photographs; medium unless qp, crf or bitrate is given.")
    qp: int | None = whole(None, 0, MAX_QP, "The quantiser itself: higher is smaller, one step is about 6 % of the bits.")
    crf: float | None = number(None, 0, MAX_QP, "Constant quality: a QP that follows what frames are like, fractions too.")
    bitrate: float | None = number(None, 1, None, "Average bitrate in kbit/s instead of a quality.")
    vbv_maxrate: float | None = number(
        None, 1, None, "Rate in kbit/s at which a decoder's buffer is filled at most; the bitrate if only the buffer is given, which makes it constant (CBR).")
    vbv_bufsize: float | None = number(
        None, 1, None, "Size in kbit of a decoder's buffer, which never runs empty, nor over at a constant rate; needs bitrate, or vbv_maxrate with crf.")
    rate_tolerance: float = number(0.05, 0.01, 1, "Of the bitrate, that 10 seconds may be off it; the more, the steadier the quality.")
    max_reencodes: int | None = whole(None, 0, 8, "Times that a frame is coded again because it takes too many or too few bits.", by_preset=True)
    gop: int | None = whole(None, 0, None, "Largest distance of keyframes, 0 = the first frame only; 1 with a model of keyframes alone.", by_preset=True)
    b_frames: int | str | None = choice(
        None, (*B_FRAMES, AUTO), "B frames before each P frame, which cost as many frames of delay; auto: 7, 3, 1 or none, whichever costs less.",
        by_preset=True)
    b_trials: int | None = whole(
        None, 1, 3, "With b_frames auto, how eight frames are coded for trial: 1 with 7 B frames and none, at the begin of scenes and every fourth time; "
        "2 also with 3; 3 always, and with 1 too.", by_preset=True)
    lookahead: int | None = whole(
        None, 0, MAX_LOOKAHEAD, "Frames looked at, and held back for that, beyond the one that is coded: keyframes get the QP that fits the scene behind them; "
        "0 with b_frames 0, low delay.", by_preset=True)
    reference_frames: int | None = whole(
        None, 1, MAX_ENTRIES, "Pictures that a P frame may be predicted from: the one before, and the best of the others.", by_preset=True)
    motion_effort: int | None = whole(None, 0, 2, "How far and how finely motion is searched.", by_preset=True)
    temporal_filter: float | None = number(
        None, 0, 4, "How strongly frames that many others refer to are averaged with those around them along motion before they are coded; "
        "1 is what pays, 0 not at all; 0 with lookahead 0.", by_preset=True)
    motion: str = choice(
        "search", ("search", "flow", "none"), "Vectors: a search, one that tries those of a flow network too, or none at all: what moved is left to the model.")
    rounding: str = choice("rd", ("rd", "plain"), "Of symbols: by rate and distortion, or to the nearest integer.")
    refinement: int | None = whole(
        None, 0, 16, "Steps in which latents of P frames are refined against the real picture and the real tables, each about as long as "
        "decoding a frame twice; B frames that others refer to have half of them, others a quarter.", by_preset=True)
    key_refinement: int | None = whole(
        None, 0, 16, "Such steps of keyframes, which are few and which all others live on; refinement if that is more. "
        "0 with gop 1, but for a file of one picture.", by_preset=True)
    loop_filter: bool | None = flag(
        None, "Loop filter: decoded pictures are filtered by coefficients that fit each class of blocks; frames bring them, or take their references'.",
        by_preset=True)
    sigma_reset: int = whole(
        0, 0, None, "Every so many P frames of a group one begins the sigma state anew, so that a receiver that lost a frame can parse again "
        "from there on; 0 = none.")
    scene_cut: bool = flag(True, "Keyframes where a new scene begins; fades and flashes are none.")
    model: str = text("lite", "Installed model, or a model's folder.")
    backend: str = text(
        "auto", "What runs the networks: cpu (ONNX Runtime), openvino, openvino-bf16 or cuda; auto takes cuda where there is a GPU for it, else cpu.")
    threads: int = whole(0, 0, None, "Threads of the networks, 0 = all cores.")

    def __post_init__(self) -> None:
        for name, option in options_of(type(self)).items():
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, option.checked(name, value))
            elif type(self).__dataclass_fields__[name].default is not None:
                raise TypeError(f"{name} is None")
        self._check_together()

    def _check_together(self) -> None:
        given = [name for name in _TARGETS if getattr(self, name) is not None]
        if len(given) > 1:
            raise ConfigError(f"give {' or '.join(given)}, not both" if len(given) == 2 else f"give one of {', '.join(given)}")
        self._check_vbv()
        if self.gop == 1 and self.b_frames:
            raise ConfigError(f"b_frames {self.b_frames} with gop 1, which is keyframes alone")
        if self.gop == 1 and self.temporal_filter:
            raise ConfigError(f"temporal_filter {self.temporal_filter:g} with gop 1, which is keyframes alone")
        if self.gop == 1 and self.sigma_reset:
            raise ConfigError(f"sigma_reset {self.sigma_reset} with gop 1, which is keyframes alone")
        if self.gop == 1 and self.lookahead:
            raise ConfigError(f"lookahead {self.lookahead} with gop 1, which is keyframes alone")

    def _check_vbv(self) -> None:
        rate, size = self.vbv_maxrate, self.vbv_bufsize
        if rate is not None and size is None:
            raise ConfigError("vbv_maxrate needs vbv_bufsize, the size of the buffer")
        if size is None:
            return
        if self.bitrate is None and self.crf is None:
            raise ConfigError("vbv_bufsize needs bitrate or crf: QPs that are fixed hold no rate")
        if self.bitrate is None and rate is None:
            raise ConfigError("vbv_bufsize with crf needs vbv_maxrate")
        if rate is not None and self.bitrate is not None and rate < self.bitrate:
            raise ConfigError(f"vbv_maxrate {rate:g} is below the bitrate of {self.bitrate:g}")

    @property
    def constant_rate(self) -> bool:
        """Whether a decoder's buffer is filled at the bitrate all the time (CBR), so that it must not overflow either."""
        return self.bitrate is not None and self.vbv_bufsize is not None and self.vbv_maxrate in (None, self.bitrate)

    def replaced(self, **options: Any) -> EncoderConfig:
        """The same with these options in the place of what it says. Raises ConfigError for unknown names too.

        >>> EncoderConfig(qp=30).replaced(quality="high").qp is None
        True
        """
        for name in options:
            option_named(type(self), name)
        return replace(self, **replacing({}, options))

    def resolved(self, *, inter: bool = True) -> EncoderConfig:
        """The same with nothing left to the preset. inter: whether the model has P frames; one that has none codes keyframes alone.

        Raises ConfigError if that was asked of it.
        """
        if not inter and self.gop not in (None, 1):
            raise ConfigError(f"gop {self.gop}: model {self.model} codes keyframes only, gop must be 1")
        values = dict(PRESETS[self.preset])
        if not inter or self.gop == 1:
            values |= dict(gop=1, b_frames=0, key_refinement=0)
        if 0 == (values["b_frames"] if self.b_frames is None else self.b_frames):
            values |= dict(lookahead=0)
        if not (values["lookahead"] if self.lookahead is None else self.lookahead):
            values |= dict(temporal_filter=0.0)
        return replace(self, **{name: value for name, value in values.items() if getattr(self, name) is None})

    def to_dict(self) -> dict[str, Any]:
        """Every option by name, ready for JSON."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value.value if isinstance(value, Enum) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EncoderConfig:
        """From options by name, those that are left out by default. Raises ConfigError for unknown names too."""
        for name in values:
            option_named(cls, name)
        return cls(**values)

    def to_params(self) -> str:
        """What differs from the defaults, as `from_params` reads it."""
        given = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}
        return ":".join(f"{name}={written(value)}" for name, value in given.items())

    @classmethod
    def from_params(cls, params: str) -> EncoderConfig:
        """From "name=value:name=value". Raises ConfigError."""
        return cls(**parse_params(params))


def replacing(given: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """`given` with `options` in the place of what it says; of what says what is aimed at, the newer one counts."""
    other = dict.fromkeys(_TARGETS) if any(options.get(name) is not None for name in _TARGETS) else {}
    return {**given, **other, **options}


def parse_params(params: str) -> dict[str, Any]:
    """Options of `EncoderConfig` written "name=value:name=value", "-" as good as "_" in names.

    A colon ends a value where a name and "=" follow it, so that a model's path may hold one.

    >>> parse_params("qp=30:b-frames=3:scene_cut=no")
    {'qp': 30, 'b_frames': 3, 'scene_cut': False}

    Raises ConfigError.
    """
    values: dict[str, Any] = {}
    for pair in filter(None, _NEXT_PAIR.split(params)):
        name, equals, value = pair.partition("=")
        name = name.strip().replace("-", "_")
        if not equals:
            raise ConfigError(f"{pair!r} is not NAME=VALUE")
        option = option_named(EncoderConfig, name)
        if name in values:
            raise ConfigError(f"{name} is given twice")
        values[name] = option.parsed(name, value)
    return values
