"""Frames held back, so that what follows a keyframe says how good it is to be."""
from __future__ import annotations

import doctest

import numpy as np
import pytest

from zvc69 import Encoder, Frame
from zvc69.bitstream import FrameType
from zvc69.codec import gop, lookahead
from zvc69.codec.gop import KEY_OFFSET, GopPlanner
from zvc69.codec.lookahead import Group, Lookahead, Looked
from zvc69.codec.ratecontrol import Complexity
from zvc69.codec.scenecut import SceneCutDetector
from zvc69.errors import ConfigError

from .inter_samples import HEIGHT, MODEL, WIDTH, picture
from .test_scenecut import scene

SIZE = 320, 180


def frame(luma: np.ndarray) -> Frame:
    height, width = luma.shape
    return Frame(luma, *2 * [np.full(((height + 1) // 2, (width + 1) // 2), 128, np.uint8)])


def ahead(length: int, group: int = 60, cuts: bool = True) -> Lookahead:
    return Lookahead(length, group, SceneCutDetector(*SIZE, 8), cuts=cuts)


def looked(held: Lookahead, lumas: list[np.ndarray], forced: tuple[int, ...] = ()) -> list[Looked]:
    return [out for n, luma in enumerate(lumas) for out in held.push(frame(luma), n in forced)] + held.flush()


SHORT, LONG = scene(1, 5), scene(2, 30)


def keys(found: list[Looked]) -> dict[int, Group]:
    return {frame.number: frame.group for frame in found if frame.key}


def test_frames_come_in_order_and_are_held_back():
    held, came = ahead(8), 0
    for n, luma in enumerate(LONG[:20]):
        now = held.push(frame(luma))
        assert [frame.number for frame in now] == ([n - 8] if n >= 8 else [])
        came += len(now)
    assert [frame.number for frame in held.flush()] == list(range(came, 20)) and held.flush() == []


def test_nothing_is_held_back_and_nothing_said_of_groups_without():
    found = ahead(0)
    assert [looked.group for luma in SHORT for looked in found.push(frame(luma))] == len(SHORT) * [None]


def test_group_that_ends_at_a_cut_is_known_as_far_as_it_is_seen():
    found = keys(looked(ahead(8), SHORT + LONG))
    assert list(found) == [0, 5] and found[0].frames == 5 and found[5].frames == 0
    assert found[0].offset > found[5].offset


def test_group_ends_at_a_keyframe_that_was_asked_for_and_where_one_is_due():
    found = keys(looked(ahead(20, group=12), LONG, forced=(4,)))
    assert {key: group.frames for key, group in found.items()} == {0: 4, 4: 12, 16: 12, 28: 0}


def test_end_of_the_video_ends_a_group():
    found = keys(looked(ahead(20), SHORT))
    assert found[0].offset > keys(looked(ahead(4), LONG))[0].offset and found[0].frames == 0
    assert keys(looked(ahead(20), SHORT[:1]))[0] == Group(0)


def test_keyframe_of_a_still_scene_is_better_than_that_of_one_that_moves():
    still, moving = (keys(looked(ahead(10), scene(3, 24, step=step)))[0].offset for step in ((0, 0), (1, 2)))
    assert -lookahead.MOST <= still < moving < 0


@pytest.mark.parametrize("score, offset", [(0.02, -16), (0.1, -13), (0.25, -8), (0.4, -5)])
def test_keyframe_is_the_better_the_coarser_the_quantiser_where_little_is_predicted(score, offset):
    def at(qp: float) -> int:
        others = [Looked(n, frame(LONG[0]), score=score) for n in range(1, 21)]
        return Lookahead(20, 60, None, cuts=False, qp=qp)._group(others, False, False, Complexity(0, 0)).offset

    assert at(0) == at(lookahead.FINE) == offset
    assert at(60) == min(offset, KEY_OFFSET)
    assert offset >= at(30) >= at(40) >= at(60) and (at(30) < offset) == (offset > KEY_OFFSET)


@pytest.mark.parametrize("options, qp", [(dict(qp=50), 50), (dict(crf=44.4), 44), (dict(bitrate=300.0), lookahead.FINE)], ids=str)
def test_lookahead_is_told_the_base_qp_where_that_is_known(options, qp, monkeypatch):
    told = []
    monkeypatch.setattr(lookahead.Lookahead, "__init__", lambda self, *arguments, qp, **more: told.append(qp))
    Encoder(WIDTH, HEIGHT, 25, model=MODEL, threads=1, **options)
    assert told == [qp]


def test_no_cuts_no_keyframes_of_theirs():
    assert list(keys(looked(ahead(8, cuts=False), SHORT + LONG))) == [0]


def test_flash_is_told_where_it_begins_if_three_frames_more_are_held_back():
    flash = np.full_like(LONG[0], 235)
    video = LONG[:12] + [flash, flash] + LONG[12:24]
    assert list(keys(looked(ahead(0), video))) == [0, 12]
    assert list(keys(looked(ahead(5), video))) == [0]


def test_large_pictures_are_held_back_in_small_numbers(monkeypatch):
    monkeypatch.setattr(lookahead, "HELD_BYTES", 6 * sum(plane.nbytes for plane in frame(LONG[0]).planes))
    held = ahead(20)
    assert [len(held.push(frame(luma))) for luma in LONG[:9]] == 6 * [0] + 3 * [1]
    assert [frame.number for frame in held.flush()] == list(range(3, 9))


@pytest.mark.parametrize("length, offset", [(2, -7), (8, -7), (9, -10), (16, -10), (17, KEY_OFFSET), (0, KEY_OFFSET), (1, 0)])
def test_keyframes_of_short_groups_are_less_good_without_lookahead_too(length, offset):
    assert GopPlanner(length).push(0)[0].offset == offset


def test_planner_takes_what_is_known():
    plan, = GopPlanner(60).push(0, offset=-9, length=7)
    assert plan.offset == -9 and plan.to_key == 7
    assert GopPlanner(1).push(0, offset=-9)[0].offset == 0


def encoded(frames: int = 24, cut: int = 99, forced: int = 99, **options):
    """Packets of each call, the last one's of flush."""
    encoder = Encoder(WIDTH, HEIGHT, 25, **{"model": MODEL, "threads": 1, "qp": 30, "preset": "fast", **options})
    pictures = (picture(n) if n < cut else 255 - picture(n) for n in range(frames))
    return [encoder.encode(image, keyframe=n == forced) for n, image in enumerate(pictures)] + [encoder.flush()]


def offsets(packets: list[list], qp: int = 30) -> dict[int, int]:
    return {packet.pts: packet.header.qp - qp for few in packets for packet in few if packet.keyframe}


@pytest.mark.parametrize("options", [dict(b_frames=0), dict(b_frames=3), dict(b_frames="auto"), dict(bitrate=200.0, qp=None), dict(crf=30.0, qp=None)], ids=str)
def test_all_frames_come_however_many_are_held_back(options):
    packets = encoded(lookahead=10, **options)
    assert not any(packets[:10]) and sorted(packet.pts for few in packets for packet in few) == list(range(24))


def test_keyframe_of_a_short_scene_gets_fewer_bits():
    found = offsets(encoded(cut=20, lookahead=6))
    assert found[20] > found[0] and offsets(encoded(cut=20, lookahead=0)) == {0: KEY_OFFSET, 20: KEY_OFFSET}
    assert offsets(encoded(forced=3, lookahead=6))[0] > found[0]


def test_low_delay_holds_nothing_back_unless_told_to():
    assert all(encoded(6, b_frames=0, preset="veryslow", refinement=0, key_refinement=0)[:-1])
    assert Encoder(64, 64, 25, model=MODEL, b_frames=0, lookahead=3).config.lookahead == 3


def test_keyframes_alone_take_no_lookahead():
    with pytest.raises(ConfigError, match="lookahead 5 with gop 1"):
        Encoder(64, 64, 25, model=MODEL, gop=1, lookahead=5)
    assert Encoder(64, 64, 25, model=MODEL, gop=1).config.lookahead == 0


def test_second_pass_has_the_keyframes_of_the_first():
    options = dict(model=MODEL, threads=1, preset="fast", bitrate=100)
    first = Encoder(WIDTH, HEIGHT, 25, lookahead=10, **options)
    first.collect()
    pictures = [picture(n) if n < 9 else 255 - picture(n) for n in range(16)]
    for image in pictures:
        first.encode(image)
    first.flush()
    known = {frame.number: frame.offset for frame in first.statistics().frames if frame.type == FrameType.I}
    second = Encoder(WIDTH, HEIGHT, 25, lookahead=0, statistics=first.statistics(), **options)
    plans = [plan for image in pictures for looked in second._looked_at(image) for plan in second._planned(looked)]
    assert {plan.number: plan.offset for plan in plans if plan.type == FrameType.I} == known and list(known) == [0, 9]
    assert plans[0].to_key == 9


def test_examples():
    assert not doctest.testmod(lookahead).failed and not doctest.testmod(gop).failed
