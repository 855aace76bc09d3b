"""Scene cuts: which frames begin a new scene, and which only look as if."""
from __future__ import annotations

import doctest
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from zvc69 import Encoder, Frame
from zvc69.codec import scenecut, thumbnail
from zvc69.codec.scenecut import CutDecision, SceneCutDetector
from zvc69.codec.thumbnail import Thumbnail, cell_sizes, shrink
from zvc69.errors import ConfigError

WIDTH, HEIGHT = 320, 180
BLACK, WHITE = 16, 235


def texture(seed: int, height: int = 2 * HEIGHT, width: int = 2 * WIDTH) -> NDArray[np.float64]:
    """A scene: noise with the 1/f spectrum of photographs, 40 levels of deviation around 120."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None] * height, np.fft.rfftfreq(width) * width)
    picture = np.fft.irfft2(np.fft.rfft2(rng.normal(size=(height, width))) / np.maximum(frequency, 1) ** 1.2, s=(height, width))
    return 120 + 40 * (picture - picture.mean()) / picture.std()


def luma(levels: NDArray) -> NDArray[np.uint8]:
    return np.rint(np.clip(levels, 0, 255)).astype(np.uint8)


def scene(seed: int, count: int, step: tuple[int, int] = (1, 2), sigma: float = 1.0) -> list[NDArray[np.uint8]]:
    """A camera that moves by `step` pixels a frame over a texture, with a sensor's noise."""
    picture, rng = texture(seed), np.random.default_rng(seed)
    return [luma(picture[n * step[0] :, n * step[1] :][:HEIGHT, :WIDTH] + rng.normal(0, sigma, (HEIGHT, WIDTH))) for n in range(count)]


def gained(frames: list[NDArray[np.uint8]], gain: float | NDArray) -> list[NDArray[np.uint8]]:
    return [luma(np.minimum(BLACK + (frame.astype(float) - BLACK) * gain, WHITE)) for frame in frames]


def mixed(a: NDArray[np.uint8], b: NDArray[np.uint8], weight: float) -> NDArray[np.uint8]:
    return luma(a * (1 - weight) + b * weight)


def decisions(frames: list[np.ndarray], lookahead: int = 0, depth: int = 8) -> list[CutDecision]:
    detector = SceneCutDetector(frames[0].shape[1], frames[0].shape[0], depth)
    return [detector.push(frame, following=frames[n + 1 : n + 1 + lookahead]) for n, frame in enumerate(frames)]


def cuts(frames: list[np.ndarray], lookahead: int = 0, depth: int = 8) -> list[int]:
    return [n for n, decision in enumerate(decisions(frames, lookahead, depth)) if decision.cut]


def flashes(frames: list[np.ndarray], lookahead: int = 0) -> list[int]:
    return [n for n, decision in enumerate(decisions(frames, lookahead)) if decision.flash]


@pytest.mark.parametrize("lookahead", [0, 3])
@pytest.mark.parametrize("step", [(0, 0), (1, 2), (9, 5)])
def test_finds_hard_cut_at_its_frame(step, lookahead):
    assert cuts(scene(1, 7, step) + scene(2, 7, step) + scene(3, 7, step), lookahead) == [7, 14]


def test_finds_cut_between_scenes_of_one_histogram():
    a, b = scene(1, 6), scene(2, 6)
    levels = np.sort(a[-1], axis=None)[np.argsort(np.argsort(b[0], axis=None, kind="stable"), kind="stable")].reshape(b[0].shape)
    assert cuts([*a, *[luma(levels + np.random.default_rng(n).normal(0, 1, levels.shape)) for n in range(5)]]) == [6]


@pytest.mark.parametrize("gains", [(0.2, 1.0), (1.0, 0.2), (0.25, 0.25)])
def test_finds_cut_of_dark_scenes(gains):
    assert cuts(gained(scene(1, 6), gains[0]) + gained(scene(2, 6), gains[1])) == [6]


@pytest.mark.parametrize("level", [BLACK, 128, WHITE])
def test_finds_cut_to_and_from_one_colour(level):
    assert cuts(scene(1, 6) + [np.full((HEIGHT, WIDTH), level, np.uint8)] * 6 + scene(2, 6)) == [6, 12]


def test_keyframe_just_before_raises_the_threshold():
    before, after = scene(1, 1)[0], scene(2, 1)[0]

    def judged(frame: NDArray[np.uint8], since_key: int, threshold: float = 0.66) -> CutDecision:
        detector = SceneCutDetector(WIDTH, HEIGHT, 8, threshold=threshold)
        detector.push(before)
        return detector.push(frame, since_key=since_key)

    unsure = mixed(before, after, 0.35)
    score = judged(unsure, 1000).score
    assert 0.5 < score < 0.75
    assert judged(unsure, 1000, score - 0.01).cut and not judged(unsure, 1, score - 0.01).cut and not judged(unsure, 1000, score + 0.01).cut
    assert judged(after, 1).cut


def test_without_being_told_counts_from_the_last_cut():
    a, b = scene(1, 8), scene(2, 40)
    soft = mixed(b[39], scene(3, 1)[0], 0.35)

    def last(frames: list[NDArray[np.uint8]]) -> CutDecision:
        detector = SceneCutDetector(WIDTH, HEIGHT, 8, threshold=0.5)
        return [detector.push(frame) for frame in frames][-1]

    soon, late = last([*a, *b[37:39], soft]), last([*a, *b[:39], soft])
    assert soon.score == late.score and not soon.cut and late.cut


@pytest.mark.parametrize("step", [(0, 0), (1, 2), (2, 24), (14, 3)])
def test_motion_is_no_cut(step):
    assert cuts(scene(4, 8, step)) == []


@pytest.mark.parametrize("level", [BLACK, WHITE])
@pytest.mark.parametrize("length", [8, 12])
def test_fade_is_no_cut(level, length):
    shot = scene(5, length + 8)
    weights = np.clip((np.arange(length + 8) - 3) / length, 0, 1)
    faded = [luma(level + (frame.astype(float) - level) * weight) for frame, weight in zip(shot, weights, strict=True)]
    assert cuts(faded) == [] and cuts(faded[::-1]) == []


@pytest.mark.parametrize("length", [8, 12])
def test_dissolve_is_no_cut(length):
    weights = np.clip((np.arange(length + 6) - 3) / length, 0, 1)
    assert cuts([mixed(a, b, w) for a, b, w in zip(scene(6, length + 6), scene(7, length + 6), weights, strict=True)]) == []


@pytest.mark.parametrize("gain", [0.5, 1.5, 2.0, 3.0])
def test_change_of_exposure_is_no_cut(gain):
    frames = gained(scene(8, 12), 0.6)
    assert cuts(frames[:6] + gained(frames[6:], gain)) == []


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("part", [1.0, 0.5])
def test_flash_is_no_cut(length, part):
    frames = scene(9, 12)
    lit = np.where(np.arange(WIDTH) < part * WIDTH, 2.5, 1.0)
    frames[5 : 5 + length] = gained(frames[5 : 5 + length], lit)
    assert cuts(frames) == []


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("other", ["white", "scene"])
def test_scene_that_comes_back_is_no_second_cut(length, other):
    frames = scene(9, 14)
    frames[5 : 5 + length] = scene(10, length) if other == "scene" else [np.full((HEIGHT, WIDTH), WHITE, np.uint8)] * length
    assert cuts(frames) == [5]
    made = decisions(frames)
    assert flashes(frames) == [5 + length] and made[5 + length].reference == 1 + length and made[5].reference == 0
    assert cuts(frames, lookahead=3) == [] and flashes(frames, lookahead=3) == [5, 5 + length]


def test_scene_of_four_frames_is_one():
    frames = scene(9, 16)
    frames[6:10] = scene(10, 4)
    assert cuts(frames) == [6, 10] == cuts(frames, lookahead=3)


@pytest.mark.parametrize("gain", [0.1, 1.0])
def test_noise_is_no_cut(gain):
    rng = np.random.default_rng(0)
    frames = gained(scene(11, 12, (0, 0)), gain)
    assert cuts(frames[:5] + [luma(frame + rng.normal(0, 10, frame.shape)) for frame in frames[5:]]) == []


def test_pure_noise_is_not_cut_again_and_again():
    rng = np.random.default_rng(0)
    frames = [luma(rng.normal(40, 12, (48, 64))) for _ in range(30)]
    made = decisions(frames)
    assert min(decision.score for decision in made[1:]) > 0.7 and sum(decision.cut for decision in made) <= 1


def test_finds_scene_behind_a_single_blank_frame():
    frames = scene(1, 6) + [np.full((HEIGHT, WIDTH), BLACK, np.uint8)] + scene(2, 6)
    assert cuts(frames) == [6, 7]


def test_overlay_is_no_cut():
    frames, box = scene(12, 12), scene(13, 1)[0]
    for frame in frames[5:9]:
        frame[110:, :] = box[110:, :]
    assert cuts(frames) == []


def test_repeated_and_blank_frames_are_no_cuts():
    still = scene(14, 1)[0]
    assert cuts([still] * 5) == []
    for level in (0, 128):
        assert cuts([np.full((HEIGHT, WIDTH), level, np.uint8)] * 5) == []


@pytest.mark.parametrize("depth", [10, 12])
def test_deeper_samples_are_judged_alike(depth):
    eight = scene(1, 5) + scene(2, 5)
    deep = [frame.astype(np.uint16) << depth - 8 for frame in eight]
    assert decisions(deep, depth=depth) == decisions(eight)


@pytest.mark.parametrize("size", [(16, 16), (17, 33), (64, 48), (176, 144), (1921, 1081), (3840, 120), (16, 2000)])
def test_every_size_is_taken(size):
    width, height = size
    a, b = (luma(texture(seed, height, width)) for seed in (1, 2))
    detector = SceneCutDetector(width, height, 8)
    assert [detector.push(frame).cut for frame in (a, a, b, b)] == [False, False, True, False]


def test_strided_and_read_only_planes_are_taken():
    frames = scene(1, 3) + scene(2, 3)
    mirrored = [np.asfortranarray(frame[::-1])[::-1] for frame in frames]
    for frame in mirrored:
        frame.flags.writeable = False
    assert decisions(mirrored) == decisions(frames)


def test_first_frame_is_no_cut_and_costs_are_levels():
    detector = SceneCutDetector(WIDTH, HEIGHT, 8)
    frame = scene(1, 1)[0]
    first = detector.push(frame)
    assert (first.cut, first.reference) == (False, 0) and first.intra_cost > 1
    again = detector.push(frame)
    assert (again.inter_cost, again.score, again.reference) == (0.0, 0.0, 1) and again.intra_cost == first.intra_cost
    # two cells of 20 above the mean, two below: smoothed by [1 2 1] 10 remain
    stripes = np.where(np.arange(WIDTH) // (2 * cell_sizes(WIDTH, HEIGHT)[1]) % 2, 100, 60).astype(np.uint8)
    assert SceneCutDetector(WIDTH, HEIGHT, 8).push(np.tile(stripes, (HEIGHT, 1))).intra_cost == pytest.approx(10, abs=0.5)


def test_memory_does_not_grow():
    detector, frames = SceneCutDetector(WIDTH, HEIGHT, 8), scene(1, 5) + scene(2, 5)
    for frame in frames * 2:
        detector.push(frame)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for frame in frames * 10:
            detector.push(frame)
        assert tracemalloc.get_traced_memory()[0] - before < 200_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("arguments, says", [((15, 64, 8), "15x64 is too small"), ((64, 64, 9), "bit depth 9"), ((64, 64, 8, 0.0), "threshold 0.0")])
def test_refuses_what_it_cannot_do(arguments, says):
    threshold = {"threshold": arguments[3]} if len(arguments) > 3 else {}
    with pytest.raises(ConfigError, match=says):
        SceneCutDetector(*arguments[:3], **threshold)


def test_refuses_another_plane():
    detector = SceneCutDetector(64, 48, 8)
    for plane in (np.zeros((64, 48), np.uint8), np.zeros((48, 64), np.uint16), np.zeros((48, 64, 3), np.uint8)):
        with pytest.raises(ConfigError, match=r"luma must be uint8 of shape \(48, 64\)"):
            detector.push(plane)


@settings(deadline=None, max_examples=40)
@given(st.integers(16, 700), st.integers(16, 700), st.sampled_from([8, 12]))
def test_thumbnail_is_the_mean_over_cells(width, height, depth):
    rng = np.random.default_rng(width * height)
    tall, wide = cell = cell_sizes(width, height)
    rows, columns = height // tall // 4 * 4, width // wide // 4 * 4
    assert min(rows, columns) >= 16
    level = rng.integers(0, 2**depth)
    plane = np.full((height, width), level, np.uint8 if depth == 8 else np.uint16)
    assert (shrink(plane, depth, cell) == np.rint(level * 4 / 2 ** (depth - 8))).all()
    plane[: height // 2] = 0
    cells = shrink(plane, depth, cell)
    assert cells.shape == (rows, columns) and (cells[: rows // 2 - 3] == 0).all()


@pytest.mark.parametrize("shift", [(0, 0), (3, -5), (-7, 11)])
def test_shift_of_the_whole_picture_is_found(shift):
    picture = 4 * texture(3, 120, 160)
    a = Thumbnail(np.ascontiguousarray(picture[30:74, 40:120]).astype(np.int16))
    b = Thumbnail(np.ascontiguousarray(picture[30 - shift[0] : 74 - shift[0], 40 - shift[1] : 120 - shift[1]]).astype(np.int16))
    assert b.shift(a) == shift
    inner = b.inter(a, shift)[3:-3, 3:-3]
    assert (inner == 0).all()


@pytest.mark.parametrize("module", [scenecut, thumbnail])
def test_examples_in_the_documentation_hold(module):
    result = doctest.testmod(module)
    assert result.attempted and not result.failed


def keyframes(frames: list[NDArray[np.uint8]], **options) -> list[int]:
    """Times of the keyframes that the small model's encoder makes of gray pictures."""
    height, width = frames[0].shape
    chroma = np.full((height // 2, width // 2), 128, np.uint8)
    encoder = Encoder(width, height, model="tiny_inter", **options)
    packets = [packet for frame in frames for packet in encoder.encode(Frame(frame, chroma, chroma))] + encoder.flush()
    assert sorted(packet.header.pts for packet in packets) == list(range(len(frames)))
    return [packet.header.pts for packet in packets if packet.keyframe]


@pytest.mark.parametrize("b_frames", [0, 3])
def test_encoder_begins_group_at_scene_cut(b_frames):
    small = [frame[::2, ::2][:64, :96] for frame in scene(1, 7) + scene(2, 9)]
    assert keyframes(small, gop=0, b_frames=b_frames) == [0, 7]
    assert keyframes(small, gop=6, b_frames=b_frames) == [0, 6, 7, 13]
    assert keyframes(small, gop=0, b_frames=b_frames, scene_cut=False) == [0]


def test_scene_cuts_say_nothing_where_all_frames_are_keyframes():
    small = [frame[::2, ::2][:64, :96] for frame in scene(1, 2) + scene(2, 2)]
    assert keyframes(small, gop=1) == [0, 1, 2, 3]
