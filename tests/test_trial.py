"""Runs that are coded in more than one way for trial."""
from __future__ import annotations

import doctest
import io
import itertools

import numpy as np
import pytest

import zvc69
from zvc69 import Encoder, Frame
from zvc69.bitstream import FrameType
from zvc69.codec import trial
from zvc69.codec.copying import chroma_weight, step_size
from zvc69.codec.frame_coder import Coded
from zvc69.codec.gop import FramePlan, GopPlanner
from zvc69.codec.slots import Reference, missing_in_mean
from zvc69.codec.trial import RunCost, RunTrials, Tried, squared_error, stand_ins

from .inter_samples import HEIGHT, MODEL, WIDTH, coded, picture

WAYS = [FramePlan(1, FrameType.P, 0)], [FramePlan(1, FrameType.B, 0)]


class Attempts:
    """Says what each way costs, and counts the runs that were tried."""

    def __init__(self, *costs: tuple[float, float]) -> None:
        self.costs, self.runs = list(costs), 0

    def __call__(self, frames) -> Tried:
        between = frames[0].plan.type == FrameType.B
        self.runs += not between
        return Tried(self.costs[min(self.runs, len(self.costs)) - 1][between], {})


def test_way_that_costs_less_is_kept_until_the_next_trial():
    attempts = Attempts((9, 7), (7, 9))
    trials = RunTrials(attempts, effort=1)
    assert [trials.choose(WAYS, full=True) for _ in range(9)] == 4 * [WAYS[1]] + 4 * [WAYS[0]] + [WAYS[0]]
    assert attempts.runs == 3


def test_more_effort_tries_every_run():
    attempts = Attempts((9, 7), (7, 9), (9, 7))
    assert [RunTrials.choose(trials, WAYS, full=True) for trials in 3 * [RunTrials(attempts, effort=3)]] == [WAYS[1], WAYS[0], WAYS[1]]


def test_p_frames_that_win_behind_a_keyframe_are_tried_again_at_the_next_run():
    attempts = Attempts((7, 9), (9, 7))
    trials = RunTrials(attempts, effort=1)
    assert [trials.choose(WAYS, full=True, first=n == 0) for n in range(5)] == [WAYS[0]] + 4 * [WAYS[1]]
    assert attempts.runs == 2


def test_b_frames_that_win_behind_a_keyframe_are_not():
    attempts = Attempts((9, 7), (7, 9))
    trials = RunTrials(attempts, effort=1)
    assert [trials.choose(WAYS, full=True, first=n == 0) for n in range(4)] == 4 * [WAYS[1]] and attempts.runs == 1


@pytest.mark.parametrize("effort, tried", [(1, 2), (2, 3), (3, 4)])
def test_shorter_runs_of_b_frames_are_tried_from_effort_2_on(effort, tried):
    ways = [[FramePlan(n, FrameType.P, 0)] for n in range(4)]
    attempts = []
    RunTrials(lambda frames: attempts.append([frame.plan for frame in frames]) or Tried(float(len(attempts)), {}), effort).choose(ways, full=True)
    assert attempts == ways[:tried]


def test_new_scene_is_tried_at_its_first_whole_run():
    attempts = Attempts((9, 7), (7, 9))
    trials = RunTrials(attempts, effort=1)
    trials.choose(WAYS, full=True)
    trials.begin_scene()
    assert trials.choose(WAYS, full=False) == WAYS[0] and attempts.runs == 1
    assert trials.choose(WAYS, full=True) == WAYS[0] and attempts.runs == 2


def test_part_of_a_run_stands_for_all_of_it_at_effort_1():
    planner = GopPlanner(0, b_frames=7)
    planner.push(0)
    b_frames = [plan for n in range(1, 9) for plan in planner.push(n)]
    planner = GopPlanner(0)
    p_frames = [plan for n in range(9) for plan in planner.push(n)][1:]

    def told(plans, effort):
        attempts = []
        RunTrials(lambda frames: attempts.append(frames) or Tried(0.0, {}), effort).choose([plans], full=True)
        return [(frame.plan.number, frame.frames, frame.last) for frame in attempts[0]]

    assert told(b_frames, 1) == [(8, 1, True), (4, 1, False), (2, 2, False), (1, 2, False), (3, 2, False)]
    assert told(p_frames, 1) == [(1, 4 / 3, False), (2, 2, False), (3, 4 / 3, False), (4, 2, True), (5, 4 / 3, False)]
    for plans in (b_frames, p_frames):
        assert told(plans, 2) == [(plan.number, 1, plan.number == 8) for plan in plans]


def test_kinds_of_frames_that_come_late_are_waited_for():
    plans = [FramePlan(n, FrameType.P, offset) for n, offset in enumerate((0, 0, 0, 1))]
    assert [frame.plan for frame in stand_ins(plans, 0.25)] == plans


def test_frames_count_for_those_that_they_stand_for():
    picture = Frame(*(np.zeros(shape, np.uint8) for shape in ((16, 16), (8, 8), (8, 8))))
    codings = [Coded(b"x" * n, Reference((picture.y + n, picture.u, picture.v), None, 0, 30), (None, None)) for n in (3, 5)]
    twice, once = RunCost(30), RunCost(30)
    for coding in codings:
        twice.add(picture, coding, frames=2, last=False)
        for _ in range(2):
            once.add(picture, coding, last=False)
    assert twice.total == pytest.approx(once.total)


def test_frame_of_a_trial_serves_only_if_all_before_it_did():
    plans = [FramePlan(n, FrameType.P, 0) for n in range(3)]
    trials = RunTrials(lambda ways: Tried(0.0, {plan: (30, f"frame {plan.number}") for plan in plans}), effort=1)
    trials.choose([plans, plans], full=True)
    assert trials.known(plans[0], 30) == "frame 0" and trials.known(plans[1], 31) is None and trials.known(plans[2], 30) is None


def encoded(frames: list, **options) -> tuple[list, bytes]:
    """Packets and the whole file."""
    encoder = Encoder(WIDTH, HEIGHT, 25, model=MODEL, threads=1, **options)
    packets = [packet for frame in frames for packet in encoder.encode(frame)] + encoder.flush()
    file = io.BytesIO()
    zvc69.encode_frames(frames, file, width=WIDTH, height=HEIGHT, fps=25, model=MODEL, threads=1, **options)
    return packets, file.getvalue()


@pytest.fixture(scope="module")
def frames():
    return [picture(n) for n in range(21)]


@pytest.mark.parametrize("cost, types", [(1.0, "P"), (-1.0, "B")])
def test_coded_is_what_either_way_alone_gives(frames, cost, types, monkeypatch):
    costs = itertools.cycle([0.0, cost])
    monkeypatch.setattr(RunCost, "total", property(lambda self: next(costs)))
    packets, _ = encoded(frames[:9], qp=30, b_frames="auto", b_trials=1, lookahead=9)
    alone, _ = encoded(frames[:9], qp=30, b_frames=0 if types == "P" else 7, lookahead=9)
    assert [bytes(packet) for packet in packets] == [bytes(packet) for packet in alone]
    assert sum(packet.header.type == FrameType[types] for packet in packets) == (8 if types == "P" else 7)


def test_run_may_have_p_frames_with_three_b_frames_before_each(frames, monkeypatch):
    costs = itertools.cycle([0.0, 1.0, -1.0])
    monkeypatch.setattr(RunCost, "total", property(lambda self: next(costs)))
    packets, _ = encoded(frames[:9], qp=30, b_frames="auto", b_trials=2)
    alone, _ = encoded(frames[:9], qp=30, b_frames=3)
    assert [bytes(packet) for packet in packets] == [bytes(packet) for packet in alone]


@pytest.mark.parametrize("options", [dict(qp=30), dict(qp=30, sigma_reset=2), dict(crf=30.4), dict(bitrate=100.0), dict(qp=30, gop=11, b_trials=3)])
def test_streams_of_trials_decode_whole_and_in_order(frames, options):
    packets, stream = encoded(frames, b_frames="auto", **options)
    with zvc69.open(stream, threads=1) as video:
        decoded = list(video)
    assert [frame.pts for frame in decoded] == list(range(len(frames))) and len(packets) == len(frames)
    for frame, original in zip(decoded, frames):
        assert np.abs(frame.to_rgb()[:, :, 0].astype(int) - original[:, :, 0]).mean() < 12


def test_slot_a_of_b_frames_holds_the_reference_that_is_coded_more_alike():
    clip = coded(9, gop=0, b_frames=7)
    qps = [[clip.packets[n].header.qp for n in slots] for packet, slots in zip(clip.packets, clip.slots()) if packet.type == FrameType.B]
    assert len(qps) == 7 and all(a >= b for a, b in qps) and sum(a > b for a, b in qps) == 7


def test_plane_that_is_missing_makes_the_mean_right_within_the_range_of_samples():
    luma, one = np.array([[100, 100, 250, 3]], np.uint8), np.array([[90, 110, 240, 8]], np.uint8)
    assert missing_in_mean(luma, one, 8).tolist() == [[110, 90, 255, 0]]
    assert missing_in_mean(luma.astype(np.uint16), one.astype(np.uint16), 10).tolist() == [[110, 90, 260, 0]]


def test_cost_of_a_run_is_that_of_frames_of_its_mean_psnr():
    original = Frame(np.zeros((16, 16), np.uint8), *2 * [np.zeros((8, 8), np.uint8)])

    def cost(*levels: int) -> float:
        total = RunCost(20.0)
        for n, level in enumerate(levels):
            reference = Reference((original.y + np.uint8(level), *original.planes[1:]), None, n, 20)
            total.add(original, Coded(b"", reference, (None, None)), last=n == len(levels) - 1)
        return total.total

    assert cost(4, 16, 8) == pytest.approx(cost(8, 8, 8), rel=1e-2) and cost(4, 4, 16) > cost(4, 16, 4)


def test_error_in_steps_is_worth_fewer_bits_where_the_quantiser_is_coarse():
    original = Frame(np.zeros((16, 16), np.uint8), *2 * [np.zeros((8, 8), np.uint8)])

    def worth(qp: float) -> float:
        """Bits, of errors that are small and large by the quantiser's step."""
        costs = []
        for steps in (0.5, 2):
            reference = Reference((np.full((16, 16), round(steps * step_size(qp)), np.uint8), *original.planes[1:]), None, 0, 0)
            total = RunCost(qp)
            total.add(original, Coded(b"", reference, (None, None)), last=True)
            costs.append(total.total)
        return costs[1] - costs[0]

    assert worth(trial.COARSE) == pytest.approx(worth(34), rel=0.1)
    assert worth(trial.COARSE + trial.HALVED) == pytest.approx(worth(trial.COARSE) / 2, rel=0.1)


def test_error_of_planes_weighs_chroma_and_depth():
    grey = np.full((16, 16), 400, np.uint16), *2 * [np.full((8, 8), 400, np.uint16)]
    other = grey[0] + np.uint16(4), grey[1] - np.uint16(8), grey[2]
    assert squared_error(Frame(*grey, depth=10), other, qp=30) == pytest.approx(256 * 1 + 64 * 4 * chroma_weight(30))


def test_documentation_examples():
    assert doctest.testmod(trial).failed == 0
