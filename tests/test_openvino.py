"""What decoding with OpenVINO is made of: in bfloat16, graphs that give a difference from the prediction, of one slot or two."""
from __future__ import annotations

import numpy as np
import pytest

from tests.checkcore.check_pack import channel_last
from tests.parse_digest import INTER_MODEL
from zvc69.core.layout import BFLOAT16, Layout, to_float32
from zvc69.core.pack import unpack
from zvc69.core.reference.bfloat16 import to_bfloat16
from zvc69.errors import BackendError
from zvc69.model import Model, available_backends, create_backend, load_model
from zvc69.model.backend import Slots

pytest.importorskip("openvino")

QP = 32


def frame(rows, columns, seed=0):
    """z, r and two packed pictures, of whole numbers below 256."""
    rng = np.random.default_rng(seed)
    z, r = (np.rint(rng.normal(0, 1, shape)).astype(np.float32) for shape in ((48, rows // 4, columns // 4), (96, rows, columns)))
    smooth = rng.uniform(0, 200, (2, 1, rows, columns)) + rng.uniform(0, 40, (2, 96, rows, columns))
    return z, r, *np.rint(smooth).astype(np.float32)


def slots_of(kind, a, b):
    return {"blank": Slots(a, a), "two": Slots(a, b), "between": Slots(a, b, 0.5)}[kind]


def backend(name, model):
    if available_backends()[name]:
        pytest.skip(available_backends()[name])
    return create_backend(name, model, 1)


@pytest.mark.parametrize("kind", ["blank", "two", "between"])
def test_bfloat16_comes_out_where_it_goes_in(kind):
    """Then it is a difference. As near to what is computed in float32 as if arrays were float32; of a size that comes first, another, and the first."""
    model = load_model("lite")
    cpu, ours = create_backend("cpu", model, 1), backend("openvino-bf16", model)
    for rows, columns in ((12, 16), (8, 8), (12, 16)):
        z, r, a, b = frame(rows, columns, rows)
        wanted, wide = (one.decode(z, r, QP, slots_of(kind, a, b)) for one in (cpu, ours))
        narrow = ours.decode(z, to_bfloat16(r), QP, slots_of(kind, to_bfloat16(a), to_bfloat16(b)))
        assert (narrow.values.dtype, wide.values.dtype) == (BFLOAT16, np.float32) and wide.slots is None
        assert np.abs(to_float32(narrow.values)).max() < np.abs(wanted.picture).max()
        errors = [np.sqrt(np.mean((decoded.picture - wanted.picture) ** 2)) for decoded in (narrow, wide)]
        assert errors[0] < 1.2 * errors[1] + 0.02 < 0.5


@pytest.mark.parametrize("kind", ["blank", "two", "between"])
def test_unpacked_difference_is_the_unpacked_picture(kind):
    z, r, a, b = (array if n == 0 else to_bfloat16(array) for n, array in enumerate(frame(12, 16)))
    decoded = backend("openvino-bf16", load_model("lite")).decode(z, r, QP, slots_of(kind, a, b))
    planes = unpack(decoded.values, 128, 96, 8, prediction=decoded.prediction)
    for got, want in zip(planes, unpack(decoded.picture, 128, 96, 8), strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("kind", ["blank", "two", "between"])
def test_order_of_axes_in_memory_changes_nothing(kind):
    ours, (z, *arrays) = backend("openvino", load_model("lite")), frame(12, 16)
    plain, last = (ours.decode(z, r, QP, slots_of(kind, a, b)).picture for r, a, b in (arrays, map(channel_last, arrays)))
    np.testing.assert_array_equal(last, plain)


def test_bfloat16_is_asked_for_where_it_is_exact():
    model = load_model("lite")
    assert [create_backend("openvino", model, 1).layout(depth) for depth in (8, 10)] == 2 * [Layout(channel_last=True)]
    assert create_backend("cpu", model, 1).layout(8) == Layout()
    assert [backend("openvino-bf16", model).layout(depth).bfloat16 for depth in (8, 10, 12)] == [True, False, False]


def test_keyframes_take_bfloat16():
    z, r, _, _ = frame(12, 16)
    ours = backend("openvino-bf16", load_model("lite"))
    assert np.abs(ours.decode(z, to_bfloat16(r), QP).picture - ours.decode(z, r, QP).picture).max() < 0.5


def test_what_is_loaded_ahead_is_what_frames_of_one_slot_take():
    ours = backend("openvino-bf16", load_model("lite"))
    ours.prepare(12, 16, encode=False, depth=8)
    loaded = dict(ours._runner._fixed)
    z, r, a, _ = (array if n == 0 else to_bfloat16(array) for n, array in enumerate(frame(12, 16)))
    ours.decode(z, r, QP, Slots(a, a))
    assert ours._runner._fixed == loaded


def test_model_that_predicts_otherwise_stays_with_float32():
    """That of format 1.1 adds coefficients of its prediction."""
    model = Model(INTER_MODEL)
    cpu, ours, (z, r, a, b) = create_backend("cpu", model, 1), backend("openvino-bf16", model), frame(12, 16)
    assert ours.layout(8) == Layout(channel_last=True)
    slots = Slots(a, b, 0.5)
    assert np.sqrt(np.mean((ours.decode(z, r, QP, slots).picture - cpu.decode(z, r, QP, slots).picture) ** 2)) < 0.3
    with pytest.raises(BackendError, match="decode_inter does not add its prediction"):
        ours.decode(z, to_bfloat16(r), QP, Slots(to_bfloat16(a), to_bfloat16(b), 0.5))


def test_rounding_to_bfloat16_is_to_the_nearest_and_halves_to_even():
    assert to_float32(to_bfloat16(np.float32([256, 257, 258, 259, -257, 0.5]))).tolist() == [256, 256, 258, 260, -256, 0.5]
