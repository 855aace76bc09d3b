"""Checking of streams with P frames."""
from __future__ import annotations

import io

import pytest

import zvc69
from tests.train.test_inter_codec import FRAMES, HEIGHT, WIDTH, clip, model  # noqa: F401
from zvc69.codec.verify import Verification


@pytest.fixture
def stream(clip, model) -> bytes:  # noqa: F811
    file = io.BytesIO()
    zvc69.encode_frames(clip, file, width=WIDTH, height=HEIGHT, fps=25, qp=30, gop=5, model=model)
    return file.getvalue()


@pytest.mark.parametrize("decode", [False, True])
def test_p_frames_are_checked(stream, model, decode):  # noqa: F811
    check = Verification(stream, model=model, decode=decode)
    assert list(check) == [] and check.parsed == FRAMES


@pytest.mark.parametrize("decode", [False, True])
def test_frames_that_refer_to_a_damaged_one_are_not_checked_inside(stream, model, decode):  # noqa: F811
    with zvc69.StreamReader(stream) as reader:
        packets = list(reader)
    data = bytearray(stream)
    data[packets[6].offset + packets[6].header_size] ^= 1
    check = Verification(bytes(data), model=model, decode=decode)
    assert [problem.frame for problem in check] == [6]
    assert (check.frames, check.parsed, check.unchecked) == (FRAMES - 1, FRAMES - 4, 3)     # 7, 8 and 9 wait for the keyframe at 10
