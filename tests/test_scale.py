"""Sigma network: validation of arrays and input, order of calls, independence from the instruction set."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sigma_arrays import random_sigma_arrays, random_state, random_symbols, random_z
from zvc69.core import cpu, scale
from zvc69.core.quantise import step_of
from zvc69.core.sigma_arrays import at_qp


@pytest.fixture
def arrays():
    return random_sigma_arrays(np.random.default_rng(1))


@pytest.fixture
def rng():
    return np.random.default_rng(2)


def run_frame(network, z, qp, state, seed, threads=1):
    """All that a frame gives: indices of its steps, residual, state."""
    frame, rng = network.frame(z, qp, state, threads), np.random.default_rng(seed)
    results = []
    for k in range(4):
        results.append(frame.indices(k).copy())
        frame.put(k, random_symbols(rng, frame.shape))
    return [*results, frame.residual(), *frame.state()]


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 1 << 30), hz=st.integers(1, 4), wz=st.integers(1, 5), qp=st.integers(0, 63),
       with_state=st.booleans(), threads=st.integers(1, 3))
def test_every_level_and_thread_count_agrees(seed, hz, wz, qp, with_state, threads):
    rng = np.random.default_rng(seed)
    network, z = scale.SigmaNetwork(random_sigma_arrays(rng)), random_z(rng, hz, wz)
    state = random_state(rng, 4 * hz, 4 * wz) if with_state else None
    with cpu.force("scalar"):
        wanted = run_frame(network, z, qp, state, seed)
    for level in cpu.available():
        with cpu.force(level):
            for got, want in zip(run_frame(network, z, qp, state, seed, threads), wanted):
                np.testing.assert_array_equal(got, want)


def test_residual_and_state_hold_what_was_put(arrays, rng):
    frame = scale.SigmaNetwork(arrays).frame(random_z(rng, 1, 2), 20)
    indices, symbols = [], []
    for k in range(4):
        indices.append(frame.indices(k))
        symbols.append(rng.integers(-3, 4, frame.shape).astype(np.int16))
        frame.put(k, symbols[k])
    residual, (magnitude, index) = frame.residual(), frame.state()
    code = np.array([0, 22, 35, 44])
    for c, i, j in np.ndindex(96, 4, 8):
        k = 2 * ((c + i + j) % 2) + (c // 2 + i) % 2
        assert residual[c, i, j] == symbols[k][i, j, c // 4]
        assert magnitude[i, j, c] == code[abs(symbols[k][i, j, c // 4])]
        assert index[i, j, c] == 4 * indices[k][i, j, c // 4]


@pytest.mark.parametrize("level", cpu.available())
def test_magnitude_codes_are_rounded_logarithms_up_to_15(arrays, rng, level):
    wanted = np.round(32 * np.log1p(np.minimum(np.arange(32769), 15)))
    with cpu.force(level):
        frame = scale.SigmaNetwork(arrays).frame(random_z(rng, 3, 8), 0)
        every = np.arange(-32768, 32768).astype(np.int16)
        symbols = np.resize(every, (4, *frame.shape))
        for k in range(4):
            frame.indices(k)
            frame.put(k, symbols[k])
        residual, (magnitude, _) = frame.residual(), frame.state()
    np.testing.assert_array_equal(magnitude.transpose(2, 0, 1), wanted[np.abs(residual).astype(int)])


def test_residual_of_steps_to_come_is_zero(arrays, rng):
    frame = scale.SigmaNetwork(arrays).frame(random_z(rng, 1, 2), 20)
    step = step_of(4, 8)
    assert not frame.residual().any()
    for k in range(4):
        frame.indices(k)
        frame.put(k, np.full(frame.shape, k + 5, np.int16))
        np.testing.assert_array_equal(frame.residual(), np.where(step <= k, step + 5, 0))


def test_indices_stay_within_the_tables(arrays, rng):
    network = scale.SigmaNetwork(arrays)
    for k in range(4):
        frame = network.frame(random_z(rng, 3, 3), 63)
        for step in range(k + 1):
            index = frame.indices(step)
            assert index.max() <= 63
            frame.put(step, random_symbols(rng, frame.shape))


def test_per_qp_tables_pass_through_their_knots_and_round_half_up():
    knots = np.stack([np.array([-1000, 0, 10]) * k for k in range(8)]).astype(np.int32)
    for k in range(8):
        np.testing.assert_array_equal(at_qp(knots, 9 * k), knots[k])
    np.testing.assert_array_equal(at_qp(knots, 4), [-444, 0, 4])
    np.testing.assert_array_equal(at_qp(knots, 62), np.floor((knots[6] + knots[7] * 8.0 + 4) / 9))


def test_input_is_not_changed_and_symbols_are_copied(arrays, rng):
    network = scale.SigmaNetwork(arrays)
    z, state = random_z(rng, 2, 2), random_state(rng, 8, 8)
    before = z.copy(), state[0].copy(), state[1].copy()
    frame = network.frame(z, 12, state)
    for k in range(4):
        frame.indices(k)
        r = np.full(frame.shape, k, np.int16)
        frame.put(k, r)
        r[:] = 99
    assert frame.residual().max() == 3
    for array, copy in zip((z, *state), before):
        np.testing.assert_array_equal(array, copy)
    with pytest.raises(ValueError, match="read-only"):
        network.frame(z, 12).indices(0)[0, 0, 0] = 1


def test_steps_must_be_taken_in_order(arrays, rng):
    frame = scale.SigmaNetwork(arrays).frame(random_z(rng, 1, 1), 0)
    r = np.zeros(frame.shape, np.int16)
    for wrong in (lambda: frame.indices(1), lambda: frame.put(0, r), frame.state):
        with pytest.raises(ValueError):
            wrong()
    first = frame.indices(0)
    np.testing.assert_array_equal(frame.indices(0), first)  # asking again changes nothing
    frame.put(0, r)
    for wrong in (lambda: frame.put(0, r), lambda: frame.indices(0), lambda: frame.put(1, r)):
        with pytest.raises(ValueError):
            wrong()
    for k in range(1, 4):
        frame.indices(k)
        frame.put(k, r)
    with pytest.raises(ValueError):
        frame.indices(4)


def test_rejects_frames_that_do_not_fit(arrays, rng):
    network = scale.SigmaNetwork(arrays)
    z, state = random_z(rng, 2, 3), random_state(rng, 8, 12)
    for wrong in ((z[..., :47], 0), (z[0], 0), (z[:0], 0), (z.astype(np.int32), 0), (z, -1), (z, 64),
                  (z, 0, state[::-1] + state[:1]), (z, 0, (state[0], state[1][:4])),
                  (z, 0, (state[0].astype(np.int8), state[1])), (z, 0, None, 0)):
        with pytest.raises(ValueError):
            network.frame(*wrong)
    for wrong in ((0, (state[0][:7], state[1][:7])), (64, state), (0, (state[0], state[1][:, :8]))):
        with pytest.raises(ValueError):
            network.z_indices(*wrong)


def test_rejects_symbols_that_do_not_fit(arrays, rng):
    frame = scale.SigmaNetwork(arrays).frame(random_z(rng, 1, 1), 0)
    frame.indices(0)
    for wrong in (np.zeros((4, 4, 96), np.int16), np.zeros((4, 4, 24), np.int32), [0]):
        with pytest.raises(ValueError):
            frame.put(0, wrong)


@pytest.mark.parametrize("name", ("hyper_in.weight", "hyper_spatial.bias", "step2_in.blank", "step3_out.shift",
                                  "z_index.bias", "step0_mix.weight"))
def test_rejects_missing_misshapen_and_mistyped_arrays(arrays, name):
    whole = arrays[name]
    for wrong in (None, whole[:-1], whole[..., None], whole.astype(np.int64), whole.astype(np.float32)):
        changed = {**arrays, name: wrong}
        if wrong is None:
            del changed[name]
        with pytest.raises(ValueError, match=name.split(".")[0]):
            scale.SigmaNetwork(changed)


@pytest.mark.parametrize("layer", ("hyper_in", "hyper_spatial", "step0_in", "step1_out", "z_index"))
@pytest.mark.parametrize("weight", (65, -65, -128))
def test_rejects_weights_beyond_64(arrays, layer, weight):
    arrays[f"{layer}.weight"].flat[5] = weight
    with pytest.raises(ValueError, match="larger than 64"):
        scale.SigmaNetwork(arrays)


def test_rejects_shifts_beyond_24(arrays):
    arrays["step2_mix.shift"][3] = 25
    with pytest.raises(ValueError, match="larger than 24"):
        scale.SigmaNetwork(arrays)


@pytest.mark.parametrize("layer", ("hyper_out", "step1_spatial", "step2_in", "z_index"))
@pytest.mark.parametrize("sign", (1, -1))
def test_accumulators_stay_below_two_to_the_24(arrays, layer, sign):
    weight, bias = arrays[f"{layer}.weight"], arrays[f"{layer}.bias"]
    reach = 255 * int(np.abs(weight[1].astype(int)).sum()) + abs(int(arrays.get(f"{layer}.blank", np.zeros(2))[1]))
    bias[..., 1] = sign * ((1 << 24) - 1 - reach)
    scale.SigmaNetwork(arrays)
    bias[(-1, 1) if bias.ndim == 2 else 1] += sign  # one knot is enough
    with pytest.raises(ValueError, match="accumulator"):
        scale.SigmaNetwork(arrays)


@pytest.mark.parametrize("widths", ({"latent": 40}, {"hyper": 6}, {"hyper_width": 10}, {"step_width": 30},
                                    {"mix_width": 31}))
def test_rejects_widths_that_the_layouts_cannot_hold(rng, widths):
    with pytest.raises(ValueError, match="multiple"):
        scale.SigmaNetwork(random_sigma_arrays(rng, **widths))


def test_network_is_a_copy_of_its_arrays(arrays, rng):
    network = scale.SigmaNetwork({**arrays, "unrelated": np.zeros(3)})
    z = random_z(rng, 1, 1)
    before = network.frame(z, 9).indices(0).copy()
    for array in arrays.values():
        array[:] = 0
    np.testing.assert_array_equal(network.frame(z, 9).indices(0), before)
