"""Pictures from and to other libraries' arrays by DLPack; with NumPy on both sides here, with PyTorch in tests/train."""
from __future__ import annotations

import io

import numpy as np
import pytest

import zvc69
from zvc69 import Encoder, Frame, encode_frames
from zvc69.errors import ConfigError

from .codec_samples import MODEL, picture
from .test_media_frame import assert_same, smooth_rgb


class Exported:
    """Memory that can be had by DLPack alone."""

    def __init__(self, array: np.ndarray, device: tuple[int, int] = (1, 0)) -> None:
        self._array, self._device = array, device

    def __dlpack__(self, **how):
        return self._array.__dlpack__(**how)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._device


def payload(frame, depth: int = 8, colour: str = "yuv420") -> bytes:
    packet, = Encoder(64, 48, qp=20, model=MODEL, depth=depth, colour=colour).encode(frame)
    return bytes(packet)


@pytest.mark.parametrize("array, depth", [
    (smooth_rgb(64, 48), 8), (picture(64, 48).to_ndarray(), 8), (picture(64, 48, 10).to_ndarray(), 10), (picture(64, 48).y, 8),
    (np.stack([picture(64, 48).y] * 3), 8),
])
def test_encoder_takes_what_dlpack_exports(array, depth):
    assert payload(Exported(array), depth) == payload(array, depth)


def test_memory_may_be_read_only_and_strided():
    rgb = smooth_rgb(64, 48)
    channels_first = np.ascontiguousarray(rgb.transpose(2, 0, 1))
    channels_first.flags.writeable = False
    assert payload(Exported(channels_first.transpose(1, 2, 0))) == payload(rgb)
    wide = np.repeat(picture(64, 48).y, 2, axis=1)
    assert payload(Exported(wide[:, ::2]), colour="gray") == payload(picture(64, 48).y, colour="gray")


def test_planes_are_shared_both_ways():
    frame = picture(33, 19, 10)
    taken = Frame.from_yuv420p(*(Exported(plane) for plane in frame.planes), depth=10)
    assert_same(taken, frame)
    for ours, theirs in zip(taken.planes, frame.planes):
        assert np.shares_memory(ours, theirs) and np.shares_memory(np.from_dlpack(ours), theirs)
    assert np.shares_memory(Frame.from_gray(Exported(frame.y), depth=10).y, frame.y)
    whole = np.stack([frame.y] * 3)
    assert np.shares_memory(Frame.from_yuv444p(Exported(whole), depth=10).u, whole[1])
    np.testing.assert_array_equal(Frame.from_ndarray(Exported(smooth_rgb(33, 19))).y, Frame.from_rgb24(smooth_rgb(33, 19)).y)


def test_decoded_planes_are_exported_even_if_read_only():
    file = io.BytesIO()
    encode_frames([Exported(smooth_rgb(64, 48))], file, width=64, height=48, fps=25, model=MODEL)
    with zvc69.open(file.getvalue()) as video:
        frame = video[0]
    for plane in frame.planes:
        plane.flags.writeable = False
        if np.lib.NumpyVersion(np.__version__) >= "2.1.0":     # before that read-only memory could not be exported
            assert np.shares_memory(np.from_dlpack(plane), plane)


@pytest.mark.parametrize("exported, message", [
    (Exported(smooth_rgb(64, 48), device=(2, 0)), "another device"),
    (Exported(np.zeros((48, 64, 3), ">f4")), "DLPack"),
    (Exported(np.zeros((48, 64, 3), np.float32)), "float32"),
    (Exported(smooth_rgb(32, 48)), "a frame of 32x48"),
])
def test_memory_that_is_no_picture_is_refused(exported, message):
    with pytest.raises(ConfigError, match=message):
        Encoder(64, 48, model=MODEL).encode(exported)
