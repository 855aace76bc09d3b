"""The pool of frame buffers: when memory comes back, and that decoding in its stride takes none anew."""
from __future__ import annotations

import gc
import io
import threading
import tracemalloc
from functools import partial

import numpy as np
import pytest

import zvc69
from zvc69.core import warp
from zvc69.core.pack import CHANNELS, blocks, pack, unpack
from zvc69.core.planes import average
from zvc69.core.pool import Pool

from .codec_samples import MODEL, picture

WIDTH, HEIGHT = 320, 192


def address(array: np.ndarray) -> int:
    return array.ctypes.data


def test_memory_comes_back_with_the_last_view():
    pool = Pool()
    array = pool.empty((300, 200), np.float32)
    first, view = address(array), array[5:, ::2].T
    del array
    assert address(pool.empty((300, 200), np.float32)) != first
    assert view.base is not None and pool.allocated == 2
    del view
    assert address(pool.empty((300, 200), np.float32)) in {first} and pool.allocated == 2


def test_memory_is_kept_by_everything_that_sees_it():
    pool = Pool()
    array = pool.empty(20_000, np.uint8)
    first = address(array)
    for keep in (memoryview(array), np.from_dlpack(array), np.frombuffer(array, np.uint16), zvc69.Frame.from_gray(array.reshape(100, 200))):
        del array
        assert address(other := pool.empty(20_000, np.uint8)) != first
        array = np.asarray(keep.y.reshape(-1) if isinstance(keep, zvc69.Frame) else keep).view(np.uint8)
        assert address(array) == first
        del keep, other
    del array
    gc.collect()
    assert pool.allocated == 2


def test_arrays_are_what_numpy_would_make():
    pool = Pool()
    for shape, dtype in (((96, 12, 20), np.float32), ((4, 8, 8, 24), np.int16), ((70_000,), np.uint8), (70_000, "u2"), ((3, 5), np.uint8), (0, "f4")):
        array = pool.empty(shape, dtype)
        like = np.empty(shape, dtype)
        assert (array.shape, array.dtype, array.strides) == (like.shape, like.dtype, like.strides)
        assert array.flags.writeable and array.flags.c_contiguous and array.flags.aligned
        array[...] = 1
        if array.nbytes > 1 << 14:
            assert address(array) % 64 == 0


@pytest.mark.parametrize("depth", [8, 10])
@pytest.mark.parametrize("size", [(320, 192), (161, 121)])
def test_planes_of_a_picture_are_one_block(size, depth):
    pool = Pool()
    planes = pool.planes(*size, depth)
    assert [(plane.shape, plane.dtype) for plane in planes] == [(plane.shape, plane.dtype) for plane in picture(*size, depth).planes]
    for plane, value in zip(planes, (1, 2, 3)):
        plane[...] = value
    assert [int(plane.min()) for plane in planes] == [int(plane.max()) for plane in planes] == [1, 2, 3]
    chroma = planes[2]
    del planes, plane
    pool.planes(*size, depth)
    assert pool.allocated == 2 and (chroma == 3).all()
    del chroma
    pool.planes(*size, depth)
    assert pool.allocated == 2


def test_idle_memory_is_bounded():
    pool = Pool(most_idle=3)
    arrays = [pool.empty(1 << 16, np.uint8) for _ in range(10)]
    assert pool.idle_bytes == 0
    del arrays
    assert 3 << 16 <= pool.idle_bytes < 4 << 16


def test_threads_never_share_a_block():
    pool, failures = Pool(), []

    def work(value: int) -> None:
        for _ in range(300):
            array = pool.empty(1 << 14, np.uint8)
            array.fill(value)
            if not (array == value).all():
                failures.append(value)

    threads = [threading.Thread(target=work, args=(value,)) for value in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and pool.allocated <= 2 * 8      # a thread still holds one when it asks for the next


def most_memory_asked_for(steps) -> int:
    """The most bytes that Python and NumPy held at once, beyond what they held before it, in any of the steps."""
    most = 0
    tracemalloc.start(1)
    try:
        for step in steps:
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            step()
            most = max(most, tracemalloc.get_traced_memory()[1] - before)
    finally:
        tracemalloc.stop()
    return most


def test_a_pictures_way_takes_no_frame_sized_memory_in_its_stride():
    """Compensation of two references, mean, packing and unpacking, each into the pool, 100 frames."""
    pool, field = Pool(), np.full((*blocks(WIDTH, HEIGHT), 2), 5, np.int16)
    shown: list[tuple] = []

    def one(reference):
        a, b = (warp.compensate(*reference, field, 8, out=pool.planes(WIDTH, HEIGHT, 8)) for _ in range(2))
        mean = average(a, b, out=pool.planes(WIDTH, HEIGHT, 8))
        packed = pack(*mean, 8, out=pool.empty((CHANNELS, *blocks(WIDTH, HEIGHT)), np.float32))
        return unpack(packed, WIDTH, HEIGHT, 8, out=pool.planes(WIDTH, HEIGHT, 8))

    def step() -> None:
        shown.append(one(shown[-1]))
        del shown[:-3]        # what a consumer holds

    shown.append(picture(WIDTH, HEIGHT).planes)
    for _ in range(5):
        step()
    warm = pool.allocated
    assert most_memory_asked_for([step] * 100) < WIDTH * HEIGHT // 4
    assert pool.allocated == warm


def test_decoding_takes_no_new_blocks_in_its_stride():
    file = io.BytesIO()
    zvc69.encode_frames((picture(WIDTH, HEIGHT, number=n % 5) for n in range(112)), file, width=WIDTH, height=HEIGHT, fps=25, qp=40, model=MODEL)
    with zvc69.StreamReader(file.getvalue()) as reader:
        decoder = zvc69.Decoder(reader.header)
        packets = list(reader)
    pool = decoder._chain._pool
    for packet in packets[:12]:
        decoder.decode(packet)
    warm = pool.allocated
    # All of a frame's small arrays together are less than its luma; without the pool it is sixteen times that.
    assert most_memory_asked_for(partial(decoder.decode, packet) for packet in packets[12:]) < 1.2 * WIDTH * HEIGHT
    assert pool.allocated == warm
    assert pool.idle_bytes < 40 * WIDTH * HEIGHT


def test_frames_that_are_kept_are_not_written_to():
    file = io.BytesIO()
    zvc69.encode_frames((picture(WIDTH, HEIGHT, number=n) for n in range(6)), file, width=WIDTH, height=HEIGHT, fps=25, qp=20, model=MODEL)
    with zvc69.open(file.getvalue()) as video:
        kept = list(video)
        copies = [tuple(plane.copy() for plane in frame.planes) for frame in kept]
        for _ in range(3):
            list(video)
    for frame, copy in zip(kept, copies):
        for ours, theirs in zip(frame.planes, copy):
            np.testing.assert_array_equal(ours, theirs)
