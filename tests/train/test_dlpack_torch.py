"""Pictures from and to PyTorch's tensors."""
from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.codec_samples import MODEL, picture
from tests.test_media_frame import assert_same, smooth_rgb
from zvc69 import Decoder, Encoder, Frame
from zvc69.errors import ConfigError


def test_tensors_go_in_and_come_out():
    rgb = smooth_rgb(64, 48)
    tensor = torch.from_numpy(rgb.transpose(2, 0, 1).copy()).permute(1, 2, 0)
    encoder, plain = (Encoder(64, 48, qp=10, model=MODEL) for _ in range(2))
    packet, = encoder.encode(tensor)
    assert packet == plain.encode(rgb)[0]
    frame, = Decoder(encoder.header).decode(packet)
    for plane in frame.planes:
        exported = torch.from_dlpack(plane)
        assert exported.dtype == torch.uint8 and exported.data_ptr() == plane.ctypes.data
        np.testing.assert_array_equal(exported.numpy(), plane)


def test_deep_planes_are_shared():
    frame = picture(33, 19, 12)
    tensors = [torch.from_dlpack(plane) for plane in frame.planes]
    back = Frame.from_yuv420p(*tensors, depth=12)
    assert_same(back, frame)
    assert all(np.shares_memory(a, b) for a, b in zip(back.planes, frame.planes))


def test_read_only_planes_are_shared():
    frame = picture(32, 18)
    for plane in frame.planes:
        plane.flags.writeable = False
    assert torch.from_dlpack(frame.y).data_ptr() == frame.y.ctypes.data


@pytest.mark.parametrize("tensor, message", [
    (torch.zeros(48, 64, 3, requires_grad=True), "gradient"),
    (torch.zeros(48, 64, 3, dtype=torch.bfloat16), "DLPack"),
    (torch.zeros(48, 64, 3, device="meta"), "another device|DLPack"),
    (torch.zeros(48, 64, 3), "float32"),
])
def test_tensors_that_are_no_pictures_are_refused(tensor, message):
    with pytest.raises(ConfigError, match=message):
        Encoder(64, 48, model=MODEL).encode(tensor)
