"""The encoder's choices that benchmarks compare: where vectors come from, how symbols are rounded."""
import numpy as np
import pytest

import zvc69
from zvc69.codec import estimation
from zvc69.codec.estimation import MotionEstimator, PreparedReferences
from zvc69.codec.frame_coder import FrameCoder
from zvc69.codec.slots import Reference
from zvc69.config import EncoderConfig
from zvc69.core import motion
from zvc69.core.motion import MotionField
from zvc69.errors import ModelError
from zvc69.model import create_backend, load_model
from zvc69.model.flow import FILE, FlowModel, load_flow
from zvc69.profiler import Profiler

from .inter_samples import HEIGHT, MODEL, WIDTH, coded, picture


def size(stream) -> int:
    return sum(len(bytes(packet)) for packet in stream.packets)


def vectors(stream) -> list[bytes]:
    """Of both slots, of every frame that has them."""
    return [field for _, _, *fields, _ in stream.symbols for field in fields if field]


@pytest.mark.parametrize("b_frames", [0, 3])
def test_without_motion_all_vectors_are_zero(b_frames):
    still, moving = (coded(6, motion=source, b_frames=b_frames) for source in ("none", "search"))
    assert len(still.frames) == 6 and vectors(still)
    assert not any(any(field) for field in vectors(still)) and any(any(field) for field in vectors(moving))


def test_vectors_pay():
    still, moving = (coded(6, motion=source, qp=24) for source in ("none", "search"))
    assert size(moving) < size(still)


def test_search_tries_the_vectors_of_the_flow_network(monkeypatch):
    tried = []
    monkeypatch.setattr(motion, "search", lambda *arguments, candidates, **more: tried.append(candidates))
    now, before = (zvc69.Frame.from_ndarray(picture(n), "rgb24") for n in (2, 0))
    for source in ("search", "flow"):
        MotionEstimator(EncoderConfig(motion=source).resolved()).field(now, Reference(before.planes, None, 0, 30), 30, None)
    assert tried[0] is None and np.array_equal(tried[1], load_flow().vectors(now.y, before.y, 8))


def test_references_are_kept_while_they_are_searched(monkeypatch):
    monkeypatch.setattr(estimation, "KEPT_BYTES", 3 * motion.SearchReference(np.zeros((64, 64), np.uint8), 8).nbytes)
    references, (a, b, c, d) = PreparedReferences(), np.zeros((4, 64, 64), np.uint8)
    planes = a, b, c, d
    first = [references.get(y, 8, "sharp") for y in planes[:3]]
    assert [references.get(y, 8, "sharp") for y in planes[:3]] == first and references.get(a, 8, "bicubic") not in first
    assert references.get(c, 8, "sharp") is first[2] and references.get(a, 8, "sharp") is not first[0]
    monkeypatch.setattr(estimation, "KEPT_BYTES", 0)
    two = [references.get(y, 8, "sharp") for y in (c, d)]
    assert [references.get(y, 8, "sharp") for y in (c, d)] == two
    assert references.get(a, 8, "sharp") and references.get(c, 8, "sharp") is not two[0]


def test_few_references_are_kept_however_small(monkeypatch):
    monkeypatch.setattr(estimation, "KEPT", 3)
    references, planes = PreparedReferences(), np.zeros((4, 64, 64), np.uint8)
    rows = list(planes)
    first = [references.get(y, 8, "sharp") for y in rows]
    assert [references.get(y, 8, "sharp") for y in rows[1:]] == first[1:] and references.get(rows[0], 8, "sharp") is not first[0]


def test_flow_codes_as_well_as_the_search():
    searched, helped = (coded(6, motion=source) for source in ("search", "flow"))
    assert len(helped.frames) == 6 and size(helped) < 1.05 * size(searched)


def test_flow_finds_what_moved():
    before, now = (zvc69.Frame.from_ndarray(picture(n, 192, 128), "rgb24") for n in (0, 4))
    found = load_flow(1).vectors(now.y, before.y, 8)
    assert found.shape == (16, 24, 2)
    assert np.abs(np.median(found[2:10, 4:-4], axis=(0, 1)) - (48, 0)).max() <= 4 and np.abs(np.median(found[13:, 4:-4], axis=(0, 1))).max() <= 4


def test_flow_network_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ModelError, match="no flow network in"):
        FlowModel(tmp_path)
    (tmp_path / FILE).write_bytes(b"no graph")
    with pytest.raises(ModelError, match="is damaged"):
        FlowModel(tmp_path)


@pytest.mark.parametrize("source", ["search", "flow"])
def test_references_searched_side_by_side_give_the_same_frame(source):
    model = load_model(MODEL)
    payloads = []
    for threads in (1, 2):
        config = EncoderConfig(motion=source, threads=threads).resolved()
        coder = FrameCoder(model, create_backend("cpu", model, 1), Profiler(), config)
        frames = [zvc69.Frame.from_ndarray(picture(n), "rgb24").convert("yuv420") for n in range(4)]
        references = [coder.intra(frame, 20, n, reference=True).reference for n, frame in enumerate(frames[:3])]
        payloads.append(coder.inter(frames[3], 30, 3, references[2], references[:2]).payload)
    assert payloads[0] == payloads[1]


def test_rounding_by_rate_and_distortion_spends_fewer_bits():
    plain, rd = (coded(4, rounding=rounding) for rounding in ("plain", "rd"))
    assert size(rd) < size(plain) and plain.symbols != rd.symbols


def test_estimator_without_motion_looks_at_no_picture():
    frame = zvc69.Frame.from_ndarray(picture(0), "rgb24")
    estimator = MotionEstimator(EncoderConfig(motion="none").resolved())
    assert estimator.field(frame, None, 30, None) == MotionField.zero(HEIGHT // 8, WIDTH // 8)
