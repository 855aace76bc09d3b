"""The encoder's choices that benchmarks compare: where vectors come from, how symbols are rounded."""
import pytest

import zvc69
from zvc69.codec.estimation import MotionEstimator
from zvc69.config import EncoderConfig
from zvc69.core.motion import MotionField

from .inter_samples import HEIGHT, WIDTH, coded, picture


def size(stream) -> int:
    return sum(len(bytes(packet)) for packet in stream.packets)


def vectors(stream) -> list[bytes]:
    """Of both slots, of every frame that has them."""
    return [field for _, _, *fields, _ in stream.symbols for field in fields if field]


@pytest.mark.parametrize("b_frames", [0, 3])
def test_without_motion_all_vectors_are_zero(b_frames):
    still, moving = (coded(6, motion=motion, b_frames=b_frames) for motion in ("none", "search"))
    assert len(still.frames) == 6 and vectors(still)
    assert not any(any(field) for field in vectors(still)) and any(any(field) for field in vectors(moving))


def test_vectors_pay():
    still, moving = (coded(6, motion=motion, qp=24) for motion in ("none", "search"))
    assert size(moving) < size(still)


def test_rounding_by_rate_and_distortion_spends_fewer_bits():
    plain, rd = (coded(4, rounding=rounding) for rounding in ("plain", "rd"))
    assert size(rd) < size(plain) and plain.symbols != rd.symbols


def test_estimator_without_motion_looks_at_no_picture():
    frame = zvc69.Frame.from_ndarray(picture(0), "rgb24")
    estimator = MotionEstimator(EncoderConfig(motion="none").resolved())
    assert estimator.field(frame, None, 30, None) == MotionField.zero(HEIGHT // 8, WIDTH // 8)
