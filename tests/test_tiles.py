"""Running the networks on parts of a frame, where the rest is copied: the same latents and pictures as from the whole."""
from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zvc69 import Decoder, Encoder, Frame
from zvc69.model import create_backend, load_model, tiled
from zvc69.model.backend import Slots
from zvc69.model.onnx_wire import OnnxGraph
from zvc69.model.reach import Reach
from zvc69.model.tiles import Rectangle, plan

from .inter_samples import MODEL, picture

TOLERANCE = 1 / 16      # of an 8-bit level: docs/FORMAT.md, reconstruction
always = patch.multiple(tiled, CALLS=0.0, CALLS_BESIDE=0.0, WORTH=np.inf)
"""Parts are run however little that saves."""


def area(top, left, bottom, right):
    return 2.0 + (bottom - top) * (right - left)


@given(st.integers(1, 12), st.integers(1, 12), st.floats(0, 1), st.integers(0, 1000))
def test_plan_holds_all_that_is_wanted(rows, columns, share, seed):
    wanted = np.random.default_rng(seed).random((rows, columns)) < share
    held = np.zeros((rows, columns), int)
    for part in plan(wanted, area):
        held[part.top:part.bottom, part.left:part.right] += 1
        assert part.shape[0] > 0 and part.shape[1] > 0
    assert np.all(held[wanted] == 1) and held.max(initial=0) <= 1


def test_plan_cuts_where_that_pays():
    wanted = np.zeros((10, 20), bool)
    wanted[1:3, 2:4] = wanted[7:9, 15:19] = True
    assert plan(wanted, area) == [Rectangle(1, 2, 3, 4), Rectangle(7, 15, 9, 19)]
    wanted[5, 5] = True
    assert plan(wanted, lambda *edges: 1000 + area(*edges)) == [Rectangle(1, 2, 9, 19)]


@pytest.mark.parametrize("name", [MODEL, "lite"])
@pytest.mark.parametrize("graph", ["context", "analysis", "hyper_analysis", "hyper_synthesis", "mean_1", "refine_inter", "synthesise_inter"])
def test_nothing_matters_beyond_the_reach_and_its_edge_does(name, graph):
    model = load_model(name)
    reach, backend = Reach(OnnxGraph(model.graph(graph))), create_backend("cpu", model)
    rng, fine, coarse = np.random.default_rng(0), 48, 12
    inputs = {}
    for name, shape in ((i.name, i.shape) for i in backend._runner._load(graph, {}).get_inputs()):
        side = coarse if name in ("z", "keep") else fine
        inputs[name] = (np.array([30]) if name == "qp" else np.array([0.5], np.float32) if name == "blend"
                        else np.ones((1, 48, side, side), np.float32) if name == "keep" else rng.standard_normal((1, shape[1], side, side)).astype(np.float32))
    first, last = (5, 6) if graph == "hyper_analysis" else (20, 24)
    spans = reach.of(first, last)

    def output(changed):
        return backend._runner.run(graph, changed)[0][:, first:last, first:last]

    before = output(inputs)
    for name, (a, b) in spans.items():
        if inputs[name].ndim < 4 or name == "keep":
            continue
        beyond = rng.standard_normal(inputs[name].shape).astype(np.float32) * 50
        beyond[:, :, a:b, a:b] = inputs[name][:, :, a:b, a:b]
        assert np.allclose(output(inputs | {name: beyond}), before, atol=1e-4), name
    seen = [name for name, (a, b) in spans.items() if inputs[name].ndim == 4 and name != "keep" and _matters(output, inputs, name, a, before)]
    assert seen, "no input reaches as far as is said"


def _matters(output, inputs, name, row, before):
    changed = inputs[name].copy()
    changed[:, :, row] += 100
    return not np.array_equal(output(inputs | {name: changed}), before)


def random_frame(rng, rows, columns, share, blend):
    """What the networks take of a frame with copied blocks."""
    h, w = 4 * rows, 4 * columns
    copy = rng.random((rows, columns)) < share
    coded = np.kron(~copy, np.ones((4, 4), bool))
    picture, a, b = (rng.integers(0, 256, (96, h, w)).astype(np.float32) for _ in range(3))
    z, r = (np.rint(rng.laplace(0, 1.5, shape)).astype(np.float32) for shape in ((48, rows, columns), (96, h, w)))
    return copy, coded, picture, Slots(a, b if blend else a, blend), z * ~copy, r * coded


@pytest.mark.parametrize("name", [MODEL, "lite"])
def test_decoded_parts_are_those_of_the_whole_picture(name):
    rng, backend = np.random.default_rng(1), create_backend("cpu", load_model(name))
    for rows, columns, share, blend in ((7, 9, 0.9, 0.0), (1, 5, 0.6, 0.5), (6, 1, 0.5, 0.0), (9, 12, 0.97, 0.5), (5, 6, 0.7, 0.0)):
        copy, coded, _, slots, z, r = random_frame(rng, rows, columns, share, blend)
        whole = backend.decode(z, r, 30, slots).picture
        with always, patch.object(tiled.TiledFrames, "decode", autospec=True, side_effect=tiled.TiledFrames.decode) as ran:
            parts = backend.decode(z, r, 30, slots, copy).picture
        assert ran.called == (copy.mean() >= tiled.LEAST_COPIED)
        assert np.abs(parts[:, coded] - whole[:, coded]).max(initial=0) < TOLERANCE


@pytest.mark.parametrize("name", [MODEL, "lite"])
def test_encoded_parts_are_those_of_the_whole_picture(name):
    rng, backend = np.random.default_rng(2), create_backend("cpu", load_model(name))
    for rows, columns, share, blend in ((7, 9, 0.9, 0.0), (1, 6, 0.6, 0.5), (8, 10, 0.95, 0.5), (5, 6, 0.5, 0.0)):
        copy, coded, picture, slots, _, r = random_frame(rng, rows, columns, share, blend)
        keep = np.ascontiguousarray(np.broadcast_to(~copy, (48, rows, columns)), np.float32)
        whole = backend.analyse(picture, 30, slots, keep)
        with always:
            parts = backend.analyse(picture, 30, slots, keep, copy)
        assert parts.parts is not None and np.array_equal(whole.z, parts.z)
        for one, other in ((whole.y, parts.y), (whole.mean_1, parts.mean_1)):
            assert np.allclose(one[:, coded], other[:, coded], atol=1e-2, rtol=1e-4)
        mean, mean_of_parts = backend.refine(whole, r), backend.refine(parts, r)
        assert np.allclose(mean[:, coded], mean_of_parts[:, coded], atol=1e-2, rtol=1e-4)
        picture, of_parts = backend.synthesise(whole, mean, r, 30), backend.synthesise(parts, mean_of_parts, r, 30)
        assert np.abs(picture[:, coded] - of_parts[:, coded]).max() < TOLERANCE


@pytest.mark.parametrize("depth, width, height", [(8, 97, 161), (10, 130, 75)])
def test_streams_decode_to_the_same_pictures_with_and_without_parts(depth, width, height):
    """Symbols equal, pictures within a rounding; odd sizes, both depths, P and B frames."""
    scale = 2 ** (depth - 8)
    frames = [_frame(picture(n, width + width % 2, height + height % 2), width, height, depth, scale) for n in range(5)]
    with always:
        encoder = Encoder(width, height, 25, model=MODEL, qp=40, depth=depth, b_frames=1, threads=1)
        packets = [packet for frame in frames for packet in encoder.encode(frame)] + encoder.flush()
        inside, whole = (Decoder(encoder.header, threads=1) for _ in range(2))
        whole._backend.tiles = False
        copied = [parsed.copy for parsed in map(Decoder(encoder.header, threads=1).parse, packets) if parsed.copy is not None]
        assert any(0.3 <= copy.mean() < 1 for copy in copied)
        shown = [[frame for packet in packets for frame in decoder.decode(packet)] + decoder.flush() for decoder in (inside, whole)]
    for one, other in zip(*shown, strict=True):
        for a, b in zip(one.planes, other.planes):
            assert np.abs(a.astype(int) - b).max() <= 1 * scale and np.mean(a != b) < 0.01


def _frame(rgb, width, height, depth, scale):
    luma = rgb[:height, :width, 0].astype(np.uint8 if depth == 8 else np.uint16) * scale
    chroma = np.full((2, -(-height // 2), -(-width // 2)), 128 * scale, luma.dtype)
    return Frame(luma, *chroma, depth)
