"""What decoding with OpenVINO is made of: graphs that give a difference from the prediction, of one slot or two, in float32 or bfloat16."""
from __future__ import annotations

import numpy as np
import pytest

from tests.parse_digest import INTER_MODEL
from zvc69.core.layout import BFLOAT16, Layout, to_float32
from zvc69.core.pack import unpack
from zvc69.core.reference.bfloat16 import to_bfloat16
from zvc69.errors import BackendError
from zvc69.model import Model, available_backends, create_backend, load_model
from zvc69.model.backend import Slots

openvino = pytest.importorskip("openvino")
opset13 = pytest.importorskip("openvino.opset13")

MODELS = {"lite": lambda: load_model("lite"), "of format 1.1": lambda: Model(INTER_MODEL)}
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


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("kind", ["blank", "two", "between"])
def test_difference_and_prediction_are_the_picture(model, kind):
    """Of the first size, of another one, and of the first one again."""
    model = MODELS[model]()
    cpu, ours = create_backend("cpu", model, 1), backend("openvino", model)
    for rows, columns in ((12, 16), (8, 8), (12, 16)):
        z, r, a, b = frame(rows, columns, rows)
        slots = slots_of(kind, a, b)
        decoded, wanted = ours.decode(z, r, QP, slots), cpu.decode(z, r, QP, slots).picture
        assert np.abs(decoded.picture - wanted).max() < 1 / 256
        assert np.abs(decoded.values).max() < np.abs(wanted).max() and decoded.values.dtype == np.float32
        planes = unpack(decoded.values, 8 * columns, 8 * rows, 8, prediction=decoded.prediction)
        for got, want in zip(planes, unpack(decoded.picture, 8 * columns, 8 * rows, 8), strict=True):
            np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("kind", ["blank", "two", "between"])
def test_layout_does_not_change_the_difference(kind):
    model = load_model("lite")
    ours, (z, r, a, b) = backend("openvino", model), frame(12, 16)
    plain = ours.decode(z, r, QP, slots_of(kind, a, b)).values
    last = [np.ascontiguousarray(array.transpose(1, 2, 0)).transpose(2, 0, 1) for array in (r, a, b)]
    np.testing.assert_array_equal(ours.decode(z, last[0], QP, slots_of(kind, *last[1:])).values, plain)


@pytest.mark.parametrize("kind", ["blank", "two", "between"])
def test_bfloat16_comes_out_where_it_goes_in(kind):
    """As near to what is computed in float32 as if arrays were float32; of a size that comes first and of another."""
    model = load_model("lite")
    cpu, ours = create_backend("cpu", model, 1), backend("openvino-bf16", model)
    for rows, columns in ((12, 16), (8, 8)):
        z, r, a, b = frame(rows, columns)
        wanted = cpu.decode(z, r, QP, slots_of(kind, a, b)).picture
        narrow = ours.decode(z, to_bfloat16(r), QP, slots_of(kind, to_bfloat16(a), to_bfloat16(b)))
        wide = ours.decode(z, r, QP, slots_of(kind, a, b))
        assert (narrow.values.dtype, wide.values.dtype) == (BFLOAT16, np.float32)
        errors = [np.sqrt(np.mean((decoded.picture - wanted) ** 2)) for decoded in (narrow, wide)]
        assert errors[0] < 1.2 * errors[1] + 0.02 < 0.5


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


def test_graph_without_the_names_is_refused():
    from zvc69.model.difference import with_difference
    inputs = [opset13.parameter([1, 96, 4, 4], np.float32, name) for name in ("slot_a", "slot_b")]
    for parameter in inputs:
        parameter.output(0).get_tensor().set_names({parameter.get_friendly_name()})
    model = openvino.Model([opset13.result(opset13.add(*inputs))], inputs, "other")
    with pytest.raises(BackendError, match="decode_inter has no base, blend, picture"):
        with_difference(model, one_slot=True, merge=True)


def test_rounding_to_bfloat16_is_to_the_nearest_and_halves_to_even():
    assert to_float32(to_bfloat16(np.float32([256, 257, 258, 259, -257, 0.5]))).tolist() == [256, 256, 258, 260, -256, 0.5]
