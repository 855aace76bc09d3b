"""Sigma network kernels against NumPy."""
import numpy as np

from tests.sigma_arrays import bound_sigma_arrays, random_sigma_arrays, random_state, random_symbols, random_z
from zvc69.core import scale
from zvc69.core.reference.bfloat16 import to_bfloat16
from zvc69.core.reference.scale import ReferenceNetwork

from .harness import bench, check, compare

WIDTHS = (
    {},
    {"latent": 16, "hyper": 4, "hyper_width": 4, "step_width": 4, "mix_width": 4},
    {"latent": 32, "hyper": 20, "hyper_width": 36, "step_width": 40, "mix_width": 28},
    {"latent": 112, "hyper": 64, "hyper_width": 132, "step_width": 96, "mix_width": 80},
)


def compare_frames(what, network, reference, z, qp, state, symbols, threads=1, copy=None):
    frame, wanted = network.frame(z, qp, state, threads, copy=copy), reference.frame(z, qp, state, copy)
    for k in range(4):
        compare(f"{what}, indices of step {k}", frame.indices(k), wanted.indices(k))
        r = symbols(frame.shape)
        frame.put(k, r)
        wanted.put(k, r)
    for last in (False, True):
        compare(f"{what}, residual, channels {'last' if last else 'first'}", frame.residual(channel_last=last), wanted.residual())
    compare(f"{what}, residual, bfloat16", frame.residual(channel_last=True, bfloat16=True), to_bfloat16(wanted.residual()))
    for name, got, want in zip(("magnitude", "index"), frame.state(), wanted.state()):
        compare(f"{what}, state {name}", got, want)
    return frame.state()


@check("scale", "frames, then frames with their state")
def frames(rng, level):
    for widths in WIDTHS:
        arrays = random_sigma_arrays(rng, **widths)
        network, reference = scale.SigmaNetwork(arrays), ReferenceNetwork(arrays)
        for hz, wz in ((1, 1), (1, 3), (2, 1), (3, 8)):
            state = None
            for qp in (0, 30, 63):
                what = f"{widths} {hz}x{wz} qp {qp} {'with' if state else 'without'} state"
                z = random_z(rng, hz, wz, network.hyper_channels)
                if state is not None:
                    compare(f"{what}, z", network.z_indices(qp, state), reference.z_indices(qp, state))
                state = compare_frames(what, network, reference, z, qp, state, lambda s: random_symbols(rng, s))


@check("scale", "any state, several threads")
def threads(rng, level):
    arrays = random_sigma_arrays(rng)
    network, reference = scale.SigmaNetwork(arrays), ReferenceNetwork(arrays)
    for count in (1, 2, 3, 100):
        state, z = random_state(rng, 12, 20), random_z(rng, 3, 5)
        compare("z", network.z_indices(17, state), reference.z_indices(17, state))
        compare_frames(f"{count} threads", network, reference, z, 41, state, lambda s: random_symbols(rng, s), count)


@check("scale", "copied blocks")
def copied(rng, level):
    """Symbols of copied blocks are given too: what the network makes of them at its neighbours must be as if all was computed."""
    for widths in WIDTHS:
        arrays = random_sigma_arrays(rng, **widths)
        network, reference = scale.SigmaNetwork(arrays), ReferenceNetwork(arrays)
        for hz, wz in ((1, 1), (1, 3), (4, 2), (5, 9)):
            for share in (0.0, 0.3, 0.8, 1.0):
                copy, z = rng.random((hz, wz)) < share, random_z(rng, hz, wz, network.hyper_channels)
                state = random_state(rng, 4 * hz, 4 * wz, network.latent_channels) if share != 0.3 else None
                for threads in (1, 3):
                    compare_frames(f"{widths} {hz}x{wz}, {share}, {threads} threads", network, reference, z, 33, state,
                                   lambda s: random_symbols(rng, s), threads, copy)


@check("scale", "residuals in bfloat16")
def bfloat16_residual(rng, level):
    """All that int16 holds: beyond 256 they are rounded."""
    network, every = scale.SigmaNetwork(random_sigma_arrays(rng)), np.arange(-32768, 32768).astype(np.int16)
    reference = ReferenceNetwork(network.arrays)
    z = random_z(rng, 5, 7, network.hyper_channels)
    frame, wanted = network.frame(z, 30), reference.frame(z, 30)
    for k in range(4):
        frame.indices(k), wanted.indices(k)
        r = np.resize(rng.permutation(every), frame.shape)
        frame.put(k, r)
        wanted.put(k, r)
    compare("residual", frame.residual(channel_last=True, bfloat16=True), to_bfloat16(wanted.residual()))


@check("scale", "weights and sums at the bound")
def bound(rng, level):
    for widths in WIDTHS:
        arrays = bound_sigma_arrays(rng, **widths)
        network, reference = scale.SigmaNetwork(arrays), ReferenceNetwork(arrays)
        for fill in (-32768, 32767, None):
            z = random_z(rng, 2, 3, network.hyper_channels)
            state = random_state(rng, 8, 12, network.latent_channels)
            if fill is not None:
                z[:] = fill
                for half in state:
                    half[:] = 255 if fill > 0 else 0
            symbols = (lambda s: random_symbols(rng, s)) if fill is None else (lambda s: np.full(s, fill, np.int16))
            compare("z", network.z_indices(63, state), reference.z_indices(63, state))
            compare_frames(f"{widths} all {fill}", network, reference, z, 63, state, symbols)
            compare_frames(f"{widths} all {fill}, blank", network, reference, z, 5, None, symbols)


@check("scale", "strided, read-only")
def strided(rng, level):
    arrays = random_sigma_arrays(rng)
    network, reference = scale.SigmaNetwork(arrays), ReferenceNetwork(arrays)
    z = random_z(rng, 2, 6)[:, ::2]
    state = tuple(half[:, ::-1] for half in random_state(rng, 8, 12))
    for array in (z, *state):
        array.flags.writeable = False
    compare_frames("strided", network, reference, z, 9, state,
                   lambda s: random_symbols(rng, s[::-1]).transpose(2, 1, 0))


def _frame_speed(with_state, copied=None):
    def prepare(rng):
        network = scale.SigmaNetwork(random_sigma_arrays(rng))
        z, state = random_z(rng, 23, 40), random_state(rng, 92, 160) if with_state else None
        symbols = [random_symbols(rng, (92, 160, 24)) for _ in range(4)]
        copy = None if copied is None else rng.random((23, 40)) < copied

        def whole_frame():
            frame = network.frame(z, 30, state, copy=copy)
            for k in range(4):
                frame.indices(k)
                frame.put(k, symbols[k])

        return whole_frame, 92 * 160
    return prepare


def _known_frame(rng):
    frame = scale.SigmaNetwork(random_sigma_arrays(rng)).frame(random_z(rng, 23, 40), 30)
    for k in range(4):
        frame.indices(k)
        frame.put(k, random_symbols(rng, frame.shape))
    return frame


@bench("scale", "z indices of 1280x720, per block")
def z_speed(rng):
    network, state = scale.SigmaNetwork(random_sigma_arrays(rng)), random_state(rng, 92, 160)
    return lambda: network.z_indices(30, state), 92 * 160


@bench("scale", "residual of 1280x720, per block")
def residual_speed(rng):
    return _known_frame(rng).residual, 92 * 160


@bench("scale", "residual of 1280x720 with channels last, per block")
def residual_last_speed(rng):
    frame = _known_frame(rng)
    return lambda: frame.residual(channel_last=True), 92 * 160


@bench("scale", "residual of 1280x720 in bfloat16, per block")
def residual_bfloat16_speed(rng):
    frame = _known_frame(rng)
    return lambda: frame.residual(channel_last=True, bfloat16=True), 92 * 160


@bench("scale", "state of 1280x720, per block")
def state_speed(rng):
    return _known_frame(rng).state, 92 * 160


for _with in (False, True):
    bench("scale", f"frame of 1280x720 {'with' if _with else 'without'} state, per block")(_frame_speed(_with))
bench("scale", "frame of 1280x720 with state, 70 % copied, per block")(_frame_speed(True, 0.7))
