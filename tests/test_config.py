"""The encoder's configuration: every option from the API and from the command line, and what presets decide."""
from __future__ import annotations

import inspect
import json
import re
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zvc69
from zvc69 import Encoder, EncoderConfig, Preset
from zvc69.cli.encode import encode
from zvc69.cli.encoder_options import config_of
from zvc69.codec.builder import EncoderBuilder
from zvc69.config import PRESETS, Option, options_of, parse_params
from zvc69.config.option import written
from zvc69.errors import ConfigError

from .inter_samples import MODEL, picture

PAGE = (Path(__file__).parents[1] / "docs" / "CLI.md").read_text()
OPTIONS = options_of(EncoderConfig)


def values_of(name: str, option: Option) -> st.SearchStrategy:
    if name == "backend":
        return st.sampled_from(["auto", "cpu"])
    if option.choices:
        return st.sampled_from(option.choices)
    if option.kind is bool:
        return st.booleans()
    if option.kind is str:
        return st.text("abcxyz019/._-", min_size=1, max_size=12).filter(lambda text: not text.startswith("-"))
    high = option.low + 10_000 if option.high is None else option.high
    return st.integers(option.low, high) if option.kind is int else st.floats(option.low, high, allow_nan=False)


def valid(values: dict) -> bool:
    try:
        EncoderConfig(**values)
    except ConfigError:
        return False
    return True


some_options = st.sets(st.sampled_from(list(OPTIONS))).flatmap(
    lambda names: st.fixed_dictionaries({name: values_of(name, OPTIONS[name]) for name in names})).filter(valid)


def from_command_line(arguments: list[str]) -> EncoderConfig:
    """What `zvc69 encode` makes of its arguments."""
    with encode.make_context("encode", ["in", "out", *arguments]) as context:
        return config_of(dict(context.params))


def arguments_of(config: EncoderConfig) -> list[str]:
    """The command line that says what a config says, an option each."""
    words = []
    for f in fields(config):
        value, flag = getattr(config, f.name), f"--{f.name.replace('_', '-')}"
        if value == f.default:
            continue
        if isinstance(value, bool):
            words += [flag if value else f"--no-{flag[2:]}"]
        else:
            words += [flag, str(getattr(value, "value", value))]
    return words


@given(some_options)
def test_every_way_to_say_it_gives_the_same_config(values):
    config, builder = EncoderConfig(**values), EncoderBuilder()
    for name, value in values.items():
        builder = getattr(builder, name)(value)
    assert builder.config() == config
    assert EncoderConfig.from_dict(values) == config
    assert EncoderConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    assert EncoderConfig.from_params(config.to_params()) == config
    assert from_command_line(arguments_of(config)) == config
    assert from_command_line(["--params", config.to_params()]) == config


@given(some_options)
def test_what_is_given_overrides_the_preset(values):
    config = EncoderConfig(**values)
    resolved = config.resolved()
    expected = PRESETS[config.preset] | (dict(b_frames=0, key_refinement=0) if config.gop == 1 else {})
    if resolved.b_frames == 0:
        expected |= dict(lookahead=0)
    if resolved.lookahead == 0:
        expected |= dict(temporal_filter=0.0)
    for name in OPTIONS:
        if getattr(config, name) is not None:
            assert getattr(resolved, name) == getattr(config, name)
        elif OPTIONS[name].by_preset:
            assert getattr(resolved, name) == expected[name]
    assert resolved.resolved() == resolved


@pytest.mark.parametrize("preset", Preset)
def test_presets_decide_what_is_declared_by_preset(preset):
    assert set(PRESETS[preset]) == {name for name, option in OPTIONS.items() if option.by_preset}
    assert EncoderConfig(**PRESETS[preset]).resolved() == EncoderConfig(preset="medium", **PRESETS[preset]).resolved()


def test_page_says_what_presets_decide():
    head, _, *rows = re.search(r"^\| preset \|.*?(?=\n\n)", PAGE, re.MULTILINE | re.DOTALL).group().splitlines()
    names = [cell.strip(" `-").replace("-", "_") for cell in head.strip("|").split("|")][1:]
    said = {cells[0].strip(" `"): dict(zip(names, (cell.strip() for cell in cells[1:]))) for cells in (row.strip("|").split("|") for row in rows)}
    assert said == {preset.value: {name: written(value) for name, value in row.items()} for preset, row in PRESETS.items()}


def test_page_says_defaults_and_ranges_of_fields():
    for f in fields(EncoderConfig):
        option, flag = OPTIONS[f.name], f"--{f.name.replace('_', '-')}"
        if option.kind is bool:
            assert f"| `{'--no-' + flag[2:] if f.default else flag}` |" in PAGE
            continue
        limits, default = re.search(rf"^\| `{flag}` \| (.*?) \| (.*?) \|", PAGE, re.MULTILINE).groups()
        if option.kind is int and not option.choices:
            assert limits == option.limits
        if option.by_preset:
            assert default.startswith("by preset")
        elif f.default is not None:
            assert default.strip("`") == str(getattr(f.default, "value", f.default))


def test_what_is_no_field_is_an_argument_of_encode_file():
    """Passes, statistics, goals: from the command line and from the API, but not by --params, which says how frames are coded."""
    others = {option.name for option in encode.params if isinstance(option, click.Option)} - set(OPTIONS) - {"params"}
    assert others == {"frames", "colour_space", "passes", "pass_number", "stats", "target_psnr", "target_size"}
    arguments = inspect.signature(zvc69.encode_file).parameters
    for name in others:
        assert name.removesuffix("_space") in arguments
        with pytest.raises(ConfigError, match=f"{name} is not an option of the encoder"):
            parse_params(f"{name}=1")


def test_docstring_has_every_field():
    for name, option in OPTIONS.items():
        assert re.search(rf"^ +{name} +{re.escape(option.limits)}; default .*{re.escape(option.meaning)}", EncoderConfig.__doc__, re.MULTILINE)


@pytest.mark.parametrize("text, message", [
    ("nonsense=1", "nonsense is not an option of the encoder"), ("bframes=3", "did you mean b_frames"), ("qp=64", "qp 64 is not within 0..63"),
    ("qp=high", "qp 'high' is not a whole number"), ("gop=-1", "gop -1 is not 0 or more"), ("b_frames=2", "b_frames '2' is not one of 0, 1, 3, 7, 15"),
    ("scene_cut=perhaps", "scene_cut 'perhaps' is not yes or no"), ("preset=placebo", "preset 'placebo' is not one of ultrafast, fast"),
    ("qp", "'qp' is not NAME=VALUE"), ("qp=3:qp=4", "qp is given twice"), ("model=", "model is empty"), ("qp=3:scene_cut", "qp '3:scene_cut'"),
])
def test_wrong_params_are_refused(text, message, capsys):
    with pytest.raises(ConfigError, match=re.escape(message)):
        parse_params(text)
    with pytest.raises(click.UsageError, match=re.escape(message)):
        from_command_line(["--params", text])


@pytest.mark.parametrize("options, message", [
    (dict(qp=3, quality="low"), "quality or qp"), (dict(gop=1, b_frames=3), "b_frames 3 with gop 1"), (dict(gop=1, sigma_reset=2), "sigma_reset 2 with gop 1"),
    (dict(reference_frames=17), "reference_frames 17 is not within 1..16"), (dict(nonsense=1), "nonsense is not an option"),
])
def test_wrong_options_are_refused(options, message):
    for attempt in (lambda: EncoderConfig.from_dict(options), lambda: Encoder(64, 64, model=MODEL, **options)):
        with pytest.raises(ConfigError, match=message):
            attempt()


@pytest.mark.parametrize("options", [dict(qp="30"), dict(qp=True), dict(scene_cut=1), dict(model=3), dict(sigma_reset=None), dict(gop=2.5)])
def test_values_of_another_type_are_refused(options):
    with pytest.raises(TypeError, match=next(iter(options))):
        EncoderConfig(**options)


def test_option_may_not_be_given_twice():
    with pytest.raises(click.UsageError, match="qp is given by --params too"):
        from_command_line(["--qp", "30", "--params", "qp=31"])


def test_path_of_a_model_may_hold_a_colon():
    assert parse_params(r"model=C:\models\mine:qp=30") == dict(model=r"C:\models\mine", qp=30)


def test_config_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        EncoderConfig().qp = 30


def test_quality_takes_the_place_of_qp():
    config = EncoderConfig(qp=30).replaced(quality="high")
    assert (config.qp, config.quality) == (None, zvc69.Quality.HIGH)
    assert config.replaced(qp=20) == EncoderConfig(qp=20)


def test_model_of_keyframes_alone_needs_no_word_of_it():
    config = EncoderConfig(preset="veryslow").resolved(inter=False)
    assert (config.gop, config.b_frames) == (1, 0)
    with pytest.raises(ConfigError, match="keyframes only"):
        EncoderConfig(gop=12).resolved(inter=False)


def test_encoder_takes_config_options_and_builder_alike():
    config = EncoderConfig(qp=40, gop=4, preset="slow", model=MODEL, threads=1)
    encoders = [
        Encoder(64, 64, 25, config),
        Encoder(64, 64, 25, **config.to_dict()),
        Encoder(64, 64, 25, EncoderConfig(qp=12, gop=4, model=MODEL, threads=1), qp=40, preset="slow"),
        Encoder.builder().model(MODEL).qp(40).gop(4).preset("slow").threads(1).build(64, 64, fps=25),
    ]
    streams = {tuple(bytes(packet) for n in range(6) for packet in encoder.encode(picture(n))) for encoder in encoders}
    assert len(streams) == 1
    assert {encoder.config for encoder in encoders} == {config.resolved()}


def test_builder_knows_its_options():
    assert set(OPTIONS) <= set(dir(Encoder.builder()))
    with pytest.raises(AttributeError, match="nonsense"):
        Encoder.builder().nonsense(3)
    with pytest.raises(ConfigError, match="qp 99"):
        Encoder.builder().qp(99)


@pytest.mark.parametrize("preset", Preset)
def test_every_preset_codes(preset):
    encoder = Encoder(64, 64, 25, preset=preset, qp=40, model=MODEL, threads=1)
    decoder = zvc69.Decoder(encoder.header, threads=1)
    packets = [packet for n in range(5) for packet in encoder.encode(picture(n))] + encoder.flush()
    assert len([frame for packet in packets for frame in decoder.decode(packet)] + decoder.flush()) == 5
