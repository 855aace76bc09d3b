"""Kernels of the GPU, run thread by thread on the CPU, against what the codec does on the CPU: the same bits."""
from __future__ import annotations

import numpy as np
import pytest

from zvc69.core import pack, quantise, scale, state
from zvc69.core.motion import MotionField
from zvc69.core.planes import average
from zvc69.core.reference.scale import MAGNITUDE
from zvc69.cuda.pictures import Pictures, PictureShape, way_of
from zvc69.cuda.sigma import SigmaNetwork
from zvc69.cuda.symbols import Symbols
from zvc69.errors import BackendError

from .emulator import COMPILER
from .sigma_arrays import bound_sigma_arrays, random_sigma_arrays, random_state, random_symbols, random_z

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")

SHAPES = [PictureShape(50, 38, 8), PictureShape(64, 32, 10), PictureShape(33, 65, 12)]
PACKED = [*SHAPES, PictureShape(64, 40, 8)]     # the last one's rows are aligned, those of chroma too


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def random_planes(rng, shape: PictureShape) -> tuple[np.ndarray, ...]:
    return tuple(rng.integers(0, 1 << shape.depth, size).astype(shape.dtype) for size in shape.planes)


def uploaded(device, arrays) -> tuple:
    return tuple(device.upload(array) for array in arrays)


# ---- pictures -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("shape", PACKED, ids=str)
def test_packed_halves_are_the_levels_exactly(device, rng, shape):
    planes, pictures = random_planes(rng, shape), Pictures(device, shape)
    out = pictures.packed()
    pictures.pack(uploaded(device, planes), out)
    levels = out.astype(np.float32).reshape(shape.rows, shape.columns, 96).transpose(2, 0, 1) + 128
    assert np.array_equal(levels, pack.pack(*planes, shape.depth))


@pytest.mark.parametrize("shape", PACKED, ids=str)
def test_unpacking_rounds_as_on_the_cpu(device, rng, shape):
    levels = rng.uniform(-20, 280, (96, shape.rows, shape.columns)).astype(np.float32)
    levels[rng.random(levels.shape) < 0.1] = np.nan
    levels[rng.random(levels.shape) < 0.1] = 127.5
    pictures = Pictures(device, shape)
    out = pictures.planes()
    pictures.unpack(device.upload(levels.transpose(1, 2, 0).reshape(shape.positions, 96)), out)
    for got, want in zip(out, pack.unpack(levels, shape.width, shape.height, shape.depth)):
        assert np.array_equal(got, want)


def test_unpacking_takes_copied_blocks_from_the_prediction(device, rng):
    shape = PictureShape(70, 40, 8)
    pictures, predicted = Pictures(device, shape), random_planes(rng, PictureShape(70, 40, 8))
    copy = np.array([[0, 1, 0], [1, 0, 0]], np.uint8)
    out = pictures.planes()
    pictures.unpack(device.upload(np.full((shape.positions, 96), 9, np.float32)), out, device.upload(copy), uploaded(device, predicted))
    for got, prediction, block in zip(out, predicted, (32, 16, 16)):
        copied = copy.astype(bool).repeat(block, 0).repeat(block, 1)[:got.shape[0], :got.shape[1]]
        assert np.array_equal(got, np.where(copied, prediction, 9))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("reach", [3, 40, 2047])
@pytest.mark.parametrize(("kernel", "overlap"), [("bicubic", False), ("bicubic", True), ("sharp", False), ("sharp", True)])
def test_compensation_is_exact(device, rng, shape, reach, kernel, overlap):
    planes, pictures = random_planes(rng, shape), Pictures(device, shape)
    vectors = rng.integers(-reach, reach + 1, (shape.rows // 4, shape.columns // 4, 2)).astype(np.int16).repeat(4, 0).repeat(4, 1)
    vectors[:, ::3] = rng.integers(-reach, reach + 1, (shape.rows, len(range(0, shape.columns, 3)), 2))
    field = MotionField.from_vectors(vectors).using(kernel, overlap)
    out = pictures.planes()
    pictures.compensate(uploaded(device, planes), device.upload(vectors), device.upload(np.array([way_of(field)], np.int32)), out)
    for got, want in zip(out, field.warp(planes, shape.depth)):
        assert np.array_equal(got, want)


@pytest.mark.parametrize("shape", SHAPES[:2], ids=str)
def test_average_of_two_predictions(device, rng, shape):
    a, b, pictures = random_planes(rng, shape), random_planes(rng, shape), Pictures(device, shape)
    out = pictures.planes()
    pictures.average(uploaded(device, a), uploaded(device, b), out)
    assert all(np.array_equal(got, want) for got, want in zip(out, average(a, b)))


@pytest.mark.parametrize(("shape", "lift"), [(PictureShape(50, 38, 8), 0), (PictureShape(37, 35, 10), 6)], ids=["NV12", "P010"])
def test_interleaved_chroma_is_taken_apart(device, rng, shape, lift):
    y, u, v = random_planes(rng, shape)
    pitch = shape.width + 12
    luma, chroma = np.zeros((shape.height, pitch), shape.dtype), np.zeros((u.shape[0], pitch), shape.dtype)
    luma[:, :shape.width] = y << lift
    chroma[:, 0:2 * u.shape[1]:2], chroma[:, 1:2 * u.shape[1]:2] = u << lift, v << lift
    pictures = Pictures(device, shape)
    out = pictures.planes()
    pictures.from_nv12(device.upload(luma), device.upload(chroma), pitch, out)
    assert all(np.array_equal(got, want) for got, want in zip(out, (y, u, v)))


def test_rgb_becomes_limited_range(device, rng):
    rgb = rng.integers(0, 256, (35, 51, 3)).astype(np.uint8)
    rgb[:4, :4], rgb[4:8, :4], rgb[8:12, :4] = 0, 255, (255, 0, 0)
    pictures = Pictures(device, PictureShape(51, 35, 8))
    y, u, v = out = pictures.planes()
    pictures.from_rgb(device.upload(rgb), out)
    padded = np.pad(rgb.astype(np.float64), ((0, 1), (0, 1), (0, 0)), "edge")
    red, green, blue = np.moveaxis(padded.reshape(18, 2, 26, 2, 3).mean((1, 3)), -1, 0)
    exact = np.moveaxis(rgb.astype(np.float64), -1, 0)
    luma = 16 + (65.481 * exact[0] + 128.553 * exact[1] + 24.966 * exact[2]) / 255
    assert np.abs(y - luma).max() < 0.51
    assert np.abs(u - (128 + (-37.797 * red - 74.203 * green + 112 * blue) / 255)).max() < 0.51
    assert np.abs(v - (128 + (112 * red - 93.786 * green - 18.214 * blue) / 255)).max() < 0.51
    assert (y[0, 0], y[4, 0], u[0, 0], v[2, 0], v[4, 0]) == (16, 235, 128, 128, 240)


# ---- symbols ------------------------------------------------------------------------------------------------------

SYMBOLS = PictureShape(96, 64, 8)


def step_major(rng, low, high, dtype) -> np.ndarray:
    return rng.integers(low, high, (4, SYMBOLS.rows, SYMBOLS.columns, 24)).astype(dtype)


@pytest.mark.parametrize("step", range(4))
@pytest.mark.parametrize("classed", [False, True], ids=["one class", "classes"])
def test_rounding_is_the_cpus(device, rng, step, classed):
    y, mean = (rng.normal(0, 12, (96, SYMBOLS.rows, SYMBOLS.columns)).astype(np.float32) for _ in range(2))
    y[rng.random(y.shape) < 0.02] = np.nan
    y[rng.random(y.shape) < 0.02] = np.inf
    y[rng.random(y.shape) < 0.02] = 1e6
    y[rng.random(y.shape) < 0.1] = mean[rng.random(y.shape) < 0.1][0]
    index, thresholds = step_major(rng, 0, 64, np.uint8), np.sort(rng.uniform(0, 16, (5, 64, 16)), 2).astype(np.float32)
    classes = rng.integers(0, 5, (SYMBOLS.rows, SYMBOLS.columns)).astype(np.uint8) if classed else None
    thresholds = thresholds if classed else thresholds[0]
    symbols = Symbols(device, SYMBOLS, 96)
    r = device.zeros(index.shape, np.int16)
    last = (device.upload(a.transpose(1, 2, 0).reshape(SYMBOLS.positions, 96)) for a in (y, mean))
    symbols.quantise(*last, device.upload(index), device.upload(thresholds), step, 6, r, None if classes is None else device.upload(classes))
    assert np.array_equal(r[step], quantise.quantise(y, mean, index[step], step, thresholds, 6, classes))
    assert np.abs(r[step]).max() == 32767


def test_state_codes_and_their_fetch(device, rng):
    r, index = step_major(rng, -20, 21, np.int16), step_major(rng, 0, 64, np.uint8)
    r[0, 0, 0] = -32768
    symbols = Symbols(device, SYMBOLS, 96)
    out, fetched = (tuple(device.empty((SYMBOLS.positions, 24), np.uint32) for _ in range(2)) for _ in range(2))
    symbols.state(device.upload(r), device.upload(index), out)
    codes = tuple(a.view(np.uint8).reshape(SYMBOLS.rows, SYMBOLS.columns, 96) for a in out)
    step = quantise.step_of(SYMBOLS.rows, SYMBOLS.columns, 96).transpose(1, 2, 0)
    for k in range(4):
        assert np.array_equal(codes[0][step == k], MAGNITUDE[np.minimum(np.abs(r[k].astype(int)), 15)].reshape(-1))
        assert np.array_equal(codes[1][step == k], 4 * index[k].reshape(-1))
    vectors = rng.integers(-300, 300, (SYMBOLS.rows, SYMBOLS.columns, 2)).astype(np.int16)
    symbols.fetch(out, device.upload(vectors), fetched)
    for got, want in zip(fetched, state.fetch(codes, vectors)):
        assert np.array_equal(got.view(np.uint8).reshape(want.shape), want)


# ---- sigma network ------------------------------------------------------------------------------------------------

NETWORKS = {
    "lite": lambda rng: random_sigma_arrays(rng),
    "main": lambda rng: random_sigma_arrays(rng, step_width=96, mix_width=96),
    "bounds": lambda rng: bound_sigma_arrays(rng),
    "narrow": lambda rng: random_sigma_arrays(rng, hyper_width=36, step_width=8, mix_width=12),
    "uneven": lambda rng: bound_sigma_arrays(rng, hyper_width=68, step_width=68, mix_width=20),
}


def extreme(rng, shape, low: int, high: int, dtype) -> np.ndarray:
    return rng.choice(np.array([low, high], dtype), shape)


@pytest.mark.parametrize("arrays", NETWORKS.values(), ids=NETWORKS)
@pytest.mark.parametrize(("hz", "wz"), [(3, 3), (1, 1), (2, 9)])
@pytest.mark.parametrize("inputs", ["state", "blank", "extremes"])
def test_sigma_indices_are_the_cpus(device, rng, arrays, hz, wz, inputs):
    arrays, qp = arrays(rng), 41
    rows, columns = 4 * hz, 4 * wz
    want, network = scale.SigmaNetwork(arrays), SigmaNetwork(device, arrays)
    z, state = random_z(rng, hz, wz), random_state(rng, rows, columns)
    if inputs == "blank":
        state = None
    elif inputs == "extremes":
        z, state = extreme(rng, z.shape, -128, 127, np.int16), tuple(extreme(rng, codes.shape, 0, 255, np.uint8) for codes in state)
    copy = rng.random((hz, wz)) < 0.3
    frame = want.frame(z, qp, state, copy=copy)

    scratch = device.empty(network.scratch_bytes(rows, columns), np.uint8)
    features = device.empty((rows * columns, network.hyper), np.uint8)
    on_device = device.upload(np.array([qp], np.int32))
    words = None if state is None else tuple(device.upload(a.reshape(rows * columns, -1).view(np.uint32)) for a in state)
    if state is not None:
        z_index = device.empty((hz * wz, network.hyper), np.uint8)
        network.z_indices(words, on_device, hz, wz, z_index)
        assert np.array_equal(z_index.reshape(hz, wz, -1), want.z_indices(qp, state))
    network.hyper_features(device.upload(z), hz, wz, scratch, features)
    index, r = device.empty((4, rows * columns, 24), np.uint8), device.zeros((4, rows * columns, 24), np.int16)
    for k in range(4):
        network.indices(k, features.view(np.uint32), words, r, on_device, device.upload(copy.astype(np.uint8)), rows, columns, scratch, index)
        assert np.array_equal(index[k].reshape(rows, columns, 24), frame.indices(k)), f"step {k}"
        symbols = random_symbols(rng, (rows, columns, 24))
        frame.put(k, symbols)
        r[k] = symbols.reshape(-1, 24)


@pytest.mark.parametrize("widths", [{"step_width": 100}, {"mix_width": 128}, {"latent": 80}, {"hyper": 64}], ids=str)
def test_sigma_networks_that_kernels_are_not_made_for_are_refused(device, rng, widths):
    with pytest.raises(BackendError, match="this model has"):
        SigmaNetwork(device, random_sigma_arrays(rng, **widths))


# ---- launches -----------------------------------------------------------------------------------------------------

def test_arguments_that_do_not_fit_are_refused(device):
    shape = PictureShape(32, 32, 8)
    out = device.empty((16, 96), np.float16)
    with pytest.raises(TypeError, match="pack_8: y points to const uint8_t\\*"):
        device.launch("pack_8", [1], [256], [device.empty((32, 32), np.uint16), None, None, 32, 32, 4, 16, out])
    with pytest.raises(TypeError, match="takes 8 arguments"):
        device.launch("pack_8", [1], [256], [])
    with pytest.raises(TypeError, match="not contiguous"):
        Pictures(device, shape).pack(tuple(device.empty((64, 64), np.uint8)[:h, :w] for h, w in shape.planes), out)


def test_blocks_that_no_gpu_runs_are_refused(device):
    with pytest.raises(BackendError, match="no GPU"):
        device.launch("average_8", [1], [2048], [None, None, 0, None])
