"""Frames and their conversions."""
from __future__ import annotations

import av
import numpy as np
import pytest

from zvc69.errors import ConfigError
from zvc69.media import Frame
from zvc69.media.frame import frame_bytes, plane_shapes

SIZES = [(16, 16), (17, 16), (16, 17), (33, 19), (1, 1), (2, 3)]


def smooth_rgb(width: int, height: int) -> np.ndarray:
    x, y = np.meshgrid(np.linspace(20, 220, width), np.linspace(30, 200, height))
    return np.stack([x, y, (x + y) / 2], -1).round().astype(np.uint8)


def noise_frame(width: int, height: int, depth: int = 8, seed: int = 0) -> Frame:
    rng = np.random.default_rng(seed)
    dtype = np.uint8 if depth == 8 else np.uint16
    planes = [rng.integers(0, 2**depth, shape).astype(dtype) for shape in plane_shapes(width, height)]
    return Frame(*planes, depth)


def assert_same(a: Frame, b: Frame) -> None:
    assert a.depth == b.depth
    for first, second in zip(a.planes, b.planes):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("depth", [8, 10, 12])
@pytest.mark.parametrize("size", SIZES)
def test_av_and_back_changes_nothing(size, depth):
    frame = noise_frame(*size, depth)
    assert_same(Frame.from_av(frame.to_av()), frame)


@pytest.mark.parametrize("depth", [8, 10, 12])
@pytest.mark.parametrize("size", SIZES)
def test_bytes_and_back_changes_nothing(size, depth):
    frame = noise_frame(*size, depth)
    data = frame.to_bytes()
    assert len(data) == frame_bytes(*size, depth)
    assert_same(Frame.from_bytes(data, *size, depth), frame)


@pytest.mark.parametrize("format, depth", [("yuv420p", 8), ("yuv420p10", 10), ("yuv420p12", 12)])
def test_single_array_is_what_pyav_gives(format, depth):
    frame = noise_frame(32, 18, depth)
    array = frame.to_ndarray(format)
    assert array.shape == (27, 32)
    if depth == 8:  # not every PyAV gives arrays of more bits
        np.testing.assert_array_equal(array, frame.to_av().to_ndarray())
    assert_same(Frame.from_ndarray(array, format), frame)
    assert_same(Frame.from_yuv420p(array, depth=depth), frame)


def test_planes_in_any_memory_order_reach_pyav():
    frame = noise_frame(33, 19, 10)
    strided = Frame(*(np.asfortranarray(plane) for plane in frame.planes), 10)
    assert_same(Frame.from_av(strided.to_av()), frame)
    assert strided.to_bytes() == frame.to_bytes()


def expected_yuv(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """BT.601 limited range in floats, full chroma resolution."""
    r, g, b = (rgb[..., i].astype(float) for i in range(3))
    luma = 0.299 * r + 0.587 * g + 0.114 * b
    return 16 + 219 / 255 * luma, 128 + 224 / 255 * (b - luma) / 1.772, 128 + 224 / 255 * (r - luma) / 1.402


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (255, 0, 0), (0, 255, 0), (10, 200, 90)])
def test_rgb_is_bt601_limited_range(colour):
    frame = Frame.from_rgb24(np.full((9, 7, 3), colour, np.uint8))
    for plane, expected in zip(frame.planes, expected_yuv(np.array([[colour]]))):
        assert np.abs(plane - expected[0, 0]).max() <= 1


@pytest.mark.parametrize("size", [(64, 48), (33, 48), (64, 31), (35, 29)])
def test_rgb_chroma_stays_in_place_at_odd_sizes(size):
    rgb = smooth_rgb(*size)
    frame = Frame.from_rgb24(rgb)
    padded = np.pad(rgb, ((0, size[1] % 2), (0, size[0] % 2), (0, 0)), mode="edge")
    for plane, expected in zip((frame.u, frame.v), expected_yuv(padded)[1:]):
        rows, columns = plane.shape
        mean = expected.reshape(rows, 2, columns, 2).mean((1, 3))
        assert np.abs(plane - mean).max() <= 2.5
    assert np.abs(frame.y - expected_yuv(rgb)[0]).max() <= 1


@pytest.mark.parametrize("size", [(64, 48), (33, 48), (64, 31), (35, 29), (1, 1)])
def test_rgb_and_back_is_close(size):
    rgb = smooth_rgb(*size)
    back = Frame.from_rgb24(rgb).to_rgb()
    assert back.shape == rgb.shape and back.dtype == np.uint8
    assert np.abs(back.astype(int) - rgb).mean() < 3


def test_rgb_of_high_depth():
    frame = Frame.from_av(av.VideoFrame.from_ndarray(smooth_rgb(33, 18).astype(np.uint16) * 257, format="rgb48le"))
    assert frame.depth == 12 and (frame.width, frame.height) == (33, 18)
    assert np.abs(frame.to_rgb().astype(int) - smooth_rgb(33, 18)).mean() < 3


def test_bt709_differs_and_comes_back():
    rgb = np.full((8, 8, 3), (0, 255, 0), np.uint8)
    frame = Frame.from_rgb24(rgb, matrix="bt709")
    assert abs(int(frame.y[0, 0]) - 173) <= 1
    assert np.abs(frame.to_rgb("bt709").astype(int) - rgb).max() <= 3


@pytest.mark.parametrize("format", ["yuv444p", "yuv422p", "nv12", "yuva420p", "rgba", "gbrp", "gray", "yuvj420p"])
@pytest.mark.parametrize("size", [(32, 18), (33, 19)])
def test_any_pixel_format_is_taken(format, size):
    rgb = smooth_rgb(*size)
    source = av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format=format, threads=1)
    frame = Frame.from_av(source)
    assert (frame.width, frame.height, frame.depth) == (*size, 8)
    frame = frame.convert("yuv420")
    assert np.abs(frame.y - expected_yuv(rgb)[0]).max() <= 3


@pytest.mark.parametrize("format, depth", [("yuv444p10le", 10), ("yuv422p12le", 12), ("yuv420p16le", 12),
                                           ("gray10le", 10), ("p010le", 10)])
def test_depth_is_the_least_that_holds_the_source(format, depth):
    source = av.VideoFrame.from_ndarray(smooth_rgb(33, 19), format="rgb24").reformat(format=format, threads=1)
    frame = Frame.from_av(source)
    assert frame.depth == depth and (frame.width, frame.height) == (33, 19)
    frame = frame.convert("yuv420")
    assert np.abs(frame.y / 2 ** (depth - 8) - expected_yuv(smooth_rgb(33, 19))[0]).max() <= 2


def test_full_range_becomes_limited():
    source = noise_frame(16, 16).to_av()
    source.color_range = av.video.reformatter.ColorRange.JPEG
    for plane in source.planes:
        plane.update(bytes([255]) * plane.buffer_size)
    frame = Frame.from_av(source)
    assert (frame.y == 235).all() and (frame.u == 240).all()


def test_matrix_of_yuv_is_left_alone():
    source = av.VideoFrame(16, 16, "yuv444p")
    source.colorspace = 1  # BT.709
    for plane, value in zip(source.planes, (100, 60, 200)):
        plane.update(bytes([value]) * plane.buffer_size)
    frame = Frame.from_av(source)
    assert [int(plane[3, 3]) for plane in frame.planes] == [100, 60, 200]


def test_pts_is_carried():
    assert Frame.from_rgb24(smooth_rgb(4, 4), pts=7).to_av().pts == 7


@pytest.mark.parametrize("make, message", [
    (lambda: Frame(np.zeros((4, 4), np.uint8), np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8)), "plane v"),
    (lambda: Frame(*[np.zeros((1, 1), np.uint8)] * 3, depth=9), "depth 9"),
    (lambda: Frame(*[np.zeros((1, 1), np.uint8)] * 3, depth=10), "uint16"),
    (lambda: Frame(*[np.zeros((0, 4), np.uint8)] * 3), "luma"),
    (lambda: Frame.from_rgb24(np.zeros((4, 4), np.uint8)), "rgb24"),
    (lambda: Frame.from_rgb24(np.zeros((4, 4, 3), np.float32)), "rgb24"),
    (lambda: Frame.from_rgb24(np.zeros((4, 4, 3), np.uint8), matrix="bt470"), "bt470"),
    (lambda: Frame.from_ndarray(np.zeros((6, 4), np.uint8), "nv12"), "nv12"),
    (lambda: Frame.from_yuv420p(np.zeros((5, 4), np.uint8)), "height"),
    (lambda: Frame.from_yuv420p(np.zeros((4, 4), np.uint8), np.zeros((2, 2), np.uint8)), "three planes"),
    (lambda: Frame.from_bytes(b"123", 4, 4), "3 bytes"),
    (lambda: Frame.from_bytes(b"123", 4, 4, 9), "depth 9"),
    (lambda: noise_frame(3, 4).to_ndarray(), "odd size"),
    (lambda: noise_frame(4, 4).to_ndarray("yuv420p10"), "8 bits"),
])
def test_wrong_input_is_refused(make, message):
    with pytest.raises(ConfigError, match=message):
        make()
