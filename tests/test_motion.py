"""Motion: sections round trip and survive hostile bytes, searches find what moved, fields check themselves."""
import doctest
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.checkcore.check_motion import moving_planes, random_field
from zvc69.core import cpu, motion, pack
from zvc69.core.motion import MotionField
from zvc69.core.motion_tables import CONTEXTS, RATES
from zvc69.errors import CorruptStreamError


def sizes(most):
    return st.integers(1, most).map(lambda n: 4 * n)


def copy_map(rng, field, share):
    return None if share is None else rng.random(field.splits.shape) < share


@settings(deadline=None)
@given(h=sizes(5), w=sizes(6), largest=st.sampled_from([0, 1, 30, 2047]), seed=st.integers(0, 10**6),
       share=st.sampled_from([None, 0.0, 0.5, 1.0]), before=st.booleans())
def test_decode_returns_what_was_encoded(h, w, largest, seed, share, before):
    rng = np.random.default_rng(seed)
    field, previous = random_field(rng, h, w, largest), random_field(rng, h, w, largest) if before else None
    copy = copy_map(rng, field, share)
    got, got_copy = motion.decode(motion.encode(field, copy, previous), h, w, previous)
    assert got == field
    assert got_copy is None if copy is None else np.array_equal(got_copy, copy)


@settings(deadline=None)
@given(vectors=st.lists(st.integers(-2047, 2047), min_size=32, max_size=32))
def test_any_vectors_round_trip(vectors):
    field = MotionField.from_vectors(np.array(vectors, np.int16).reshape(4, 4, 2))
    assert motion.decode(motion.encode(field), 4, 4) == (field, None)


@settings(deadline=None, max_examples=300)
@given(data=st.binary(max_size=200), h=sizes(4), w=sizes(4), before=st.booleans())
def test_hostile_bytes_give_an_error_or_a_valid_field(data, h, w, before):
    previous = random_field(np.random.default_rng(0), h, w) if before else None
    try:
        field, copy = motion.decode(data, h, w, previous)
    except CorruptStreamError:
        return
    MotionField(field.vectors, field.splits)
    assert motion.decode(motion.encode(field, copy, previous), h, w, previous)[0] == field


@settings(deadline=None)
@given(seed=st.integers(0, 10**6), at=st.floats(0, 1), flip=st.integers(1, 255))
def test_damaged_sections_give_an_error_or_a_valid_field(seed, at, flip):
    data = bytearray(motion.encode(random_field(np.random.default_rng(seed), 8, 12)))
    data[int(at * (len(data) - 1))] ^= flip
    try:
        field, _ = motion.decode(data, 8, 12)
    except CorruptStreamError:
        return
    MotionField(field.vectors, field.splits)


def test_a_still_copied_picture_costs_next_to_nothing():
    for h, w in ((4, 4), (48, 80), (136, 240), (1024, 1024)):
        copied = np.ones((h // 4, w // 4), bool)
        assert motion.encode(MotionField.zero(h, w), copied) == b""
        assert len(motion.encode(MotionField.zero(h, w))) <= 3
        copied[h // 8, w // 8] = False
        # One of 65,536 blocks: that many answers of the least cost, 1/1000 bit, are not free.
        assert len(motion.encode(MotionField.zero(h, w), copied)) <= (5 if h < 1000 else 20)


def test_a_field_like_the_previous_one_costs_little():
    field = random_field(np.random.default_rng(1), 16, 32, 40)
    smooth = MotionField.from_vectors(np.broadcast_to(np.int16([7, -9]), (16, 32, 2)).copy())
    assert len(motion.encode(smooth, previous=smooth)) <= 4
    assert len(motion.encode(field, previous=field)) < 0.8 * len(motion.encode(field))


def test_bytes_left_over_and_trailing_zeros_are_corrupt():
    data = motion.encode(random_field(np.random.default_rng(2), 8, 8))
    for wrong in (data + b"\0", data + b"abcdef"):
        with pytest.raises(CorruptStreamError, match="does not end"):
            motion.decode(wrong, 8, 8)


def test_vectors_out_of_range_are_corrupt():
    # Bytes of ones: the less likely answer everywhere, hence long differences.
    with pytest.raises(CorruptStreamError, match="out of range"):
        motion.decode(b"\xff\xff\xff\xfe" + b"\xff" * 400, 32, 32)


def test_a_code_as_large_as_the_range_is_corrupt():
    with pytest.raises(CorruptStreamError, match="never written"):
        motion.decode(b"\xff" * 400, 32, 32)


@pytest.mark.parametrize("level", cpu.available())
@pytest.mark.parametrize("depth", pack.DEPTHS)
def test_search_finds_what_moved(level, depth):
    current_y, reference_y = moving_planes(np.random.default_rng(3), 256, 192, depth)
    with cpu.force(level):
        field = motion.search(current_y, reference_y, 20, depth=depth)
    inner = field.vectors[14:22, 18:30]
    assert (inner == [-20, 12]).all(axis=-1).mean() > 0.9
    assert (field.vectors[2:10, 2:14] == [8, -8]).all(axis=-1).mean() > 0.9
    chroma = np.zeros((96, 128), current_y.dtype)
    predicted = field.warp((reference_y, chroma, chroma), depth)[0]
    assert np.abs(predicted.astype(int) - current_y)[16:-16, 16:-16].mean() < 2 << (depth - 8)


@pytest.mark.parametrize("level", cpu.available())
@pytest.mark.parametrize("effort", motion.EFFORTS)
@pytest.mark.parametrize("dx, dy", [(230, 0), (-411, 90), (16, -173)])
def test_search_finds_a_fast_pan(level, effort, dx, dy):
    """Farther than the windows of the levels that see details."""
    whole = moving_planes(np.random.default_rng(9), 1560, 720)[1]
    current_y, reference_y = whole[200:520, 460:1100], whole[200 - dy:520 - dy, 460 - dx:1100 - dx]
    with cpu.force(level):
        field = motion.search(current_y, reference_y, 30, depth=8, effort=effort)
    h, w = field.shape
    i, j = np.mgrid[:h, :w] * 8
    inside = (i + dy >= 0) & (i + dy <= 312) & (j + dx >= 0) & (j + dx <= 632)
    assert (field.vectors[inside] == (4 * dx, 4 * dy)).all(axis=-1).mean() > 0.8


@pytest.mark.parametrize("width, height", [(16, 16), (33, 47), (1, 1), (320, 40)])
def test_equal_pictures_have_no_motion(width, height):
    y = np.random.default_rng(4).integers(0, 256, (height, width), dtype=np.uint8)
    field = motion.search(y, y, 30, depth=8)
    assert field == MotionField.zero(*pack.blocks(width, height))


def test_search_depends_on_nothing_but_its_arguments():
    current_y, reference_y = moving_planes(np.random.default_rng(5), 200, 130)
    wide = np.zeros((130, 300), np.uint8)
    wide[:, 50:250] = current_y
    fields = [motion.search(plane, reference_y, 35, depth=8, effort=2) for plane in (current_y, wide[:, 50:250])]
    assert fields[0] == fields[1]


def test_previous_fields_and_efforts():
    current_y, reference_y = moving_planes(np.random.default_rng(6), 160, 96)
    field = motion.search(current_y, reference_y, 30, depth=8)
    for effort in motion.EFFORTS:
        again = motion.search(current_y, reference_y, 30, depth=8, previous=field, effort=effort)
        assert len(motion.encode(again, previous=field)) <= len(motion.encode(field)) + 20


def test_candidates_find_what_the_search_alone_does_not():
    """A small thing that moved farther than any window, on ground that did not move."""
    rng = np.random.default_rng(8)
    reference_y = moving_planes(rng, 512, 128)[1]
    current_y = reference_y.copy()
    current_y[32:64, 64:96] = reference_y[48:80, 384:416]
    candidates = np.zeros((16, 64, 2), np.int16)
    candidates[4:8, 8:12] = 4 * 320, 4 * 16
    alone, shown = (motion.search(current_y, reference_y, 30, depth=8, candidates=tried) for tried in (None, candidates))
    assert (shown.vectors[4:8, 8:12] == (4 * 320, 4 * 16)).all() and not (alone.vectors[4:8, 8:12] == (4 * 320, 4 * 16)).any()
    far = np.full_like(candidates, 32767)
    assert motion.search(current_y, reference_y, 30, depth=8, candidates=far) == alone


@pytest.mark.parametrize("kernel", motion.KERNELS)
@pytest.mark.parametrize("depth", pack.DEPTHS)
def test_a_prepared_reference_serves_any_number_of_searches(kernel, depth):
    rng = np.random.default_rng(9)
    current_y, reference_y = moving_planes(rng, 200, 130, depth)
    others = [current_y, reference_y.copy(), moving_planes(rng, 200, 130, depth)[0]]
    want = [motion.search(y, reference_y, 30, depth=depth, kernel=kernel) for y in others]
    prepared = motion.SearchReference(reference_y, depth, kernel)
    reference_y[:] = 0      # it has a copy
    with ThreadPoolExecutor(3) as pool:
        for _ in range(2):
            assert list(pool.map(lambda y: motion.search(y, prepared, 30, depth=depth, kernel=kernel, threads=2), others)) == want


def test_low_effort_leaves_blocks_whole_that_cost_little():
    rng = np.random.default_rng(10)
    current_y, reference_y = moving_planes(rng, 320, 192)
    noisy = np.clip(current_y + rng.normal(0, 2, current_y.shape), 0, 255).astype(np.uint8)
    quick, thorough = (motion.search(noisy, reference_y, 38, depth=8, effort=effort) for effort in (0, 1))
    assert (quick.sizes == 8).sum() <= (thorough.sizes == 8).sum() and (quick.sizes == 32).sum() > 0


def test_search_rejects_what_does_not_fit():
    y = np.zeros((32, 32), np.uint8)
    good = MotionField.zero(4, 4)
    for arguments, options in (((y, y[:-1], 30), {}), ((y, y, 64), {}), ((y, y, -1), {}), ((y, y, 30), {"effort": 3}),
                               ((y, y, 30), {"depth": 10}), ((y, y, 30), {"depth": 9}), ((y[0], y[0], 30), {}),
                               ((y, y, 30), {"previous": MotionField.zero(8, 4)}), ((y, y, 30), {"candidates": np.zeros((4, 8, 2), np.int16)}),
                               ((y, y, 30), {"candidates": np.zeros((4, 4, 2), np.int32)})):
        with pytest.raises(ValueError):
            motion.search(*arguments, **{"depth": 8, **options})
    for wrong in (motion.SearchReference(y, 8, "sharp"), motion.SearchReference(y[:-1].copy(), 8), motion.SearchReference(y.astype(np.uint16), 10)):
        with pytest.raises(ValueError, match="the reference is"):
            motion.search(y, wrong, 30, depth=8)
    for arguments in ((y, 10), (y, 9), (y[0], 8), (y, 8, "bilinear")):
        with pytest.raises(ValueError):
            motion.SearchReference(*arguments)
    for call in (lambda: motion.encode(good, np.ones((2, 1), bool)), lambda: motion.encode(good, np.ones((1, 1), np.uint8)),
                 lambda: motion.encode(good, previous=MotionField.zero(8, 4)), lambda: motion.decode(b"", 6, 4),
                 lambda: motion.decode(b"", 0, 4), lambda: motion.decode(b"", 4, 4, MotionField.zero(4, 8))):
        with pytest.raises(ValueError):
            call()


def test_fields_check_their_arrays():
    vectors, splits = np.zeros((8, 8, 2), np.int16), np.zeros((2, 2), np.uint8)
    MotionField(vectors, splits)
    uneven, far = vectors.copy(), vectors.copy()
    uneven[0, 1] = 1
    far[:] = -2048
    for wrong in ((uneven, splits), (far, splits), (vectors, splits + np.uint8(1)), (vectors, splits + np.uint8(32)),
                  (vectors[:6], splits), (vectors, splits[:1]), (vectors.astype(np.int32), splits), (vectors[..., :1], splits)):
        with pytest.raises(ValueError):
            MotionField(*wrong)
    with pytest.raises(ValueError):
        MotionField(vectors, splits).vectors[0, 0] = 1


def test_sizes_are_the_leaves():
    splits = np.array([[0, 16], [31, 18]], np.uint8)
    sizes = MotionField(np.zeros((8, 8, 2), np.int16), splits).sizes
    assert (sizes[:4, :4] == 32).all() and (sizes[:4, 4:] == 16).all() and (sizes[4:, :4] == 8).all()
    assert (sizes[4:6, 6:] == 8).all() and (sizes[6:, 4:] == 16).all()


def test_large_pictures_have_fields_too():
    vectors = np.random.default_rng(0).integers(-64, 65, (4, 68, 2)).astype(np.int16).repeat(4, 1)       # 2,176 samples across
    for turned in (vectors, vectors.swapaxes(0, 1).copy()):
        field = MotionField.from_vectors(turned)
        assert np.array_equal(MotionField(field.vectors, field.splits).vectors, turned)


def test_from_vectors_takes_the_largest_blocks():
    field = random_field(np.random.default_rng(7), 16, 16, 2)
    coarsest = MotionField.from_vectors(field.vectors)
    assert (coarsest.sizes >= field.sizes).all() and np.array_equal(coarsest.vectors, field.vectors)


def test_tables_are_in_range():
    assert sum(len(values) for _, values in CONTEXTS) == 89
    assert all(1 <= p <= 255 and 0 <= n < len(RATES) for _, values in CONTEXTS for p, n in values)


def test_documentation_examples():
    assert doctest.testmod(motion).failed == 0
