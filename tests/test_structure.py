"""What lost frames were: a guess is right, or there is none."""
from __future__ import annotations

import random

import pytest

from zvc69.bitstream import KEYFRAME, FrameHeader, FrameType, reference_flags
from zvc69.codec.gop import GopPlanner
from zvc69.codec.structure import GroupStructure
from zvc69.config import B_FRAMES


def headers(frames: int, gop: int, b_frames: int, cuts: tuple[int, ...] = ()) -> list[FrameHeader]:
    """Of a stream in coding order, with keyframes at `cuts` too."""
    planner = GopPlanner(gop, b_frames)
    plans = [plan for n in range(frames) for plan in planner.push(n, keyframe=n in cuts)] + planner.flush()
    return [FrameHeader(plan.type, 30, plan.number, n, KEYFRAME if plan.type == FrameType.I else reference_flags(stored=plan.stored), plan.layer)
            for n, plan in enumerate(plans)]


def facts(header: FrameHeader) -> tuple:
    return header.type, header.pts, header.stored, header.keyframe


def replay(stream: list[FrameHeader], lost: set[int], gop: int) -> list[tuple[list[FrameHeader], list[FrameHeader] | None, FrameHeader]]:
    """Frames that are lost together, what is said of them, and the frame behind them."""
    structure, found, run = GroupStructure(gop), [], []
    for n, header in enumerate(stream):
        if n in lost:
            run.append(header)
            continue
        if run:
            found.append((run, structure.lost(len(run), header), header))
            run = []
        structure.follow(header)
    return found


@pytest.mark.parametrize("b_frames", B_FRAMES)
@pytest.mark.parametrize("gop", [0, 6, 17, 48])
def test_what_is_said_of_lost_frames_is_true(gop, b_frames):
    rng, stream, known, all_runs = random.Random(gop + b_frames), headers(97, gop, b_frames), 0, 0
    for _ in range(12):
        share = rng.choice((0.02, 0.1, 0.4))
        for run, said, following in replay(stream, {n for n in range(1, len(stream)) if rng.random() < share}, gop):
            all_runs += 1
            if said is not None and not following.keyframe:
                assert [facts(header) for header in said] == [facts(header) for header in run]
            known += said is not None
    assert known > 0.6 * all_runs


@pytest.mark.parametrize("b_frames", B_FRAMES)
def test_one_lost_frame_is_always_known_once_the_distance_of_p_frames_is(b_frames):
    stream = headers(49, 0, b_frames)
    for n in range(b_frames + 2, len(stream) - 1):
        (run, said, _), = replay(stream, {n}, 0)
        assert said is not None and facts(said[0]) == facts(run[0]) and said[0].dts == run[0].dts


def test_lost_keyframe_is_known_where_the_gop_says_so():
    stream = headers(40, 12, 3)
    (run, said, _), = replay(stream, {11, 12, 13}, 12)
    assert [header.keyframe for header in run] == [False, True, False] and list(map(facts, said)) == list(map(facts, run))


def test_scene_cuts_are_followed_and_leave_no_wrong_idea():
    for cut in range(5, 12):
        stream = headers(cut + 33, 0, 3, cuts=(cut,))
        for n in range(cut + 5, len(stream) - 1):
            (run, said, _), = replay(stream, {n}, 0)
            assert said is not None and facts(said[0]) == facts(run[0])


def test_nothing_is_said_of_other_structures():
    """P frames at every second tick, and P frames that are not stored."""
    structure = GroupStructure(0)
    every_second = [FrameHeader(FrameType.P if n else FrameType.I, 30, 2 * n, 2 * n, reference_flags(key=not n)) for n in range(9)]
    for header in every_second[:4]:
        structure.follow(header)
    assert structure.lost(1, every_second[5]) is None
    structure = GroupStructure(0)
    layered = [FrameHeader(FrameType.P if n else FrameType.I, 30, n, n, reference_flags(stored=n % 2 == 0, key=not n)) for n in range(9)]
    for header in layered[:4]:
        structure.follow(header)
    assert structure.lost(1, layered[5]) is None


def test_times_that_cannot_be_are_no_work():
    structure = GroupStructure(0)
    structure.follow(FrameHeader(FrameType.I, 30, 0, 0, KEYFRAME))
    structure.follow(FrameHeader(FrameType.P, 30, 1 << 62, 1, reference_flags()))
    assert structure.lost(254, FrameHeader(FrameType.P, 30, (1 << 62) + 1, 256, reference_flags())) is None
