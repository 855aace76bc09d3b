"""The entropy coder of the GPU, run thread by thread on the CPU, against the CPU's coder: the same bytes, and the same symbols of them."""
from __future__ import annotations

import ctypes

import numpy as np
import pytest

from zvc69.core import entropy
from zvc69.cuda import source
from zvc69.cuda.entropy import Call, Decoder, Encoder, Tables, check
from zvc69.errors import BackendError, CorruptStreamError

from .emulator import COMPILER, EmulatedDevice, compiled, run

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def uploaded(device, arrays) -> tuple:
    return tuple(device.upload(array) for array in arrays)


ROWS, COLUMNS = 3, 4      # of z
ENDS = {1: [0, 3], 2: [0, 1, 3], 3: [0, 1, 2, 3]}


def latents(rng, coded: float, wild: float):
    """z, r of the steps and their indices, of which a share is coded and a share far from what the tables expect."""
    sizes = [ROWS * COLUMNS * 48] + [16 * ROWS * COLUMNS * 24] * 4
    indices = [np.where(rng.random(n) < coded, rng.integers(6, 64, n), rng.integers(0, 6, n)).astype(np.uint8) for n in sizes]
    values = []
    for index in indices:
        sigma = 0.1 * 1280.0 ** (index / 63)
        value = np.round(rng.laplace(0, 1, index.size) * sigma)
        value = np.where(rng.random(index.size) < wild, rng.integers(-32768, 32768, index.size), np.clip(value, -32768, 32767))
        values.append(np.where(index < 6, 0, value).astype(np.int16))
    return values, indices


def ends_of(bands: int) -> np.ndarray:
    """(5, bands + 1) places in each call."""
    rows = np.array(ENDS[bands])
    return np.array([rows * COLUMNS * 48] + [rows * 16 * COLUMNS * 24] * 4, np.uint32)


def coded_on_cpu(values, indices, bands: int, lanes: int, left_out: np.ndarray) -> tuple[bytes, ...]:
    out = []
    for first, last in zip(ENDS[bands], ENDS[bands][1:]):
        encoder = entropy.Encoder()
        for n, (value, index) in enumerate(zip(values, indices)):
            each = value.size // ROWS
            part = slice(first * each, last * each)
            kept = ~left_out[first * COLUMNS:last * COLUMNS].repeat(48) if n == 0 else np.ones(value[part].size, bool)
            encoder.put(value[part][kept], index[part][kept], entropy.GAUSSIAN, 6)
        out.append(encoder.finish(lanes)[1])
    return tuple(out) if any(out) else ()


CASES = pytest.mark.parametrize(("bands", "lanes", "coded", "wild"), [
    (1, 32, 0.3, 0.0), (3, 32, 0.9, 0.02), (2, 8, 0.5, 0.3), (1, 4, 0.05, 0.0), (3, 1, 0.02, 0.1), (2, 32, 0.0, 0.0)])


def calls_of(device, indices, left_out) -> list[Call]:
    tables = Tables(device, entropy.GAUSSIAN)
    flags = device.upload(left_out.astype(np.uint8))
    return [Call(device.upload(index), tables, 6, flags if n == 0 else None, 48 if n == 0 else 1) for n, index in enumerate(indices)]


def a_frame(rng, coded, wild):
    values, indices = latents(rng, coded, wild)
    left_out = rng.random(ROWS * COLUMNS) < 0.3
    values[0][left_out.repeat(48)] = 0
    return values, indices, left_out


@CASES
def test_substreams_are_the_cpus_bytes(device, rng, bands, lanes, coded, wild):
    values, indices, left_out = a_frame(rng, coded, wild)
    encoder = Encoder(device, ends_of(bands), lanes)
    for _ in range(2):      # buffers are used again
        encoder.put(calls_of(device, indices, left_out), uploaded(device, values))
        assert encoder.bytes() == coded_on_cpu(values, indices, bands, lanes, left_out)


@CASES
def test_substreams_of_the_cpu_are_read(device, rng, bands, lanes, coded, wild):
    values, indices, left_out = a_frame(rng, coded, wild)
    decoder = Decoder(device, bands, 1 << 18)
    decoder.upload(coded_on_cpu(values, indices, bands, lanes, left_out))
    decoder.begin(lanes)
    for n, (call, want) in enumerate(zip(calls_of(device, indices, left_out), values)):
        got = device.zeros(want.shape, np.int16)
        decoder.get(call, device.upload(ends_of(bands)[n]), lanes, got)
        assert np.array_equal(got, want), f"call {n}"
    decoder.end(lanes)
    check(device.download(decoder.failures))


def test_damaged_substreams_fail_and_read_nothing_beyond(rng):
    device = EmulatedDevice()
    values, indices, left_out = a_frame(rng, 0.5, 0.05)
    sound, = coded_on_cpu(values, indices, 1, 32, left_out)
    found = set()
    for n in range(60):
        data = bytearray(sound)
        if n % 3 == 0:
            del data[int(rng.integers(len(data))):]
        elif n % 3 == 1:
            data[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        else:
            data[:] = rng.integers(0, 256, int(rng.integers(1, 2000))).astype(np.uint8).tobytes()
        decoder = Decoder(device, 1, len(sound))
        decoder.upload([bytes(data)])
        decoder.begin(32)
        for k, (call, want) in enumerate(zip(calls_of(device, indices, left_out), values)):
            decoder.get(call, device.upload(ends_of(1)[k]), 32, device.zeros(want.shape, np.int16))
        decoder.end(32)
        try:
            check(device.download(decoder.failures))
        except CorruptStreamError as error:
            found.add(error.message)
    assert len(found) >= 3


# ---- bands and calls of any size ----------------------------------------------------------------------------------

Edges = list[list[int]]
"""Where each band begins in each call, and where the last one ends."""


def drawn(rng, edges: Edges, coded: float, wild: float, indices: range = range(6, 64)):
    """Values of every call and their indices, of which a share is coded and a share far from what the tables expect."""
    out = []
    for size in (row[-1] for row in edges):
        index = np.where(rng.random(size) < coded, rng.integers(indices.start, indices.stop, size), rng.integers(0, 6, size)).astype(np.uint8)
        value = np.round(rng.laplace(0, 1, size) * 0.1 * 1280.0 ** (index / 63))
        value = np.where(rng.random(size) < wild, rng.choice([-32768, 32767, -4097, 300], size), np.clip(value, -32768, 32767))
        out.append((np.where(index < 6, 0, value).astype(np.int16), index))
    return out


def substreams_of_cpu(frame, edges: Edges, lanes: int) -> tuple[bytes, ...]:
    out = []
    for band in range(len(edges[0]) - 1):
        encoder = entropy.Encoder()
        for (value, index), row in zip(frame, edges):
            encoder.put(value[row[band]:row[band + 1]], index[row[band]:row[band + 1]], entropy.GAUSSIAN, 6)
        out.append(encoder.finish(lanes)[1])
    return tuple(out) if any(out) else ()


def decoded(device, tables, frame, edges: Edges, lanes: int, substreams) -> list[np.ndarray]:
    decoder = Decoder(device, len(edges[0]) - 1, 64)
    decoder.upload(substreams)
    decoder.begin(lanes)
    out = []
    for (value, index), row in zip(frame, edges):
        out.append(device.zeros(value.shape, np.int16))
        decoder.get(Call(device.upload(index), tables, 6), device.upload(np.array(row, np.uint32)), lanes, out[-1])
    decoder.end(lanes)
    check(device.download(decoder.failures))
    return out


MANY = [[8 * n * n for n in range(33)]] * 2
BANDS = {
    "one call": [[0, 2600]],
    "a part and no more": [[0, 2048]],
    "bands that are empty": [[0, 0, 1600, 1600, 5000], [0, 800, 800, 808, 808]],
    "edges of parts": [[0, 2048, 4096, 4104]] * 2,
    "32 bands": MANY,
    "five calls": [[0, 64, 160]] + [[0, 2560, 4104]] * 4,
}


def check_there_and_back(device, frame, edges, lanes: int) -> None:
    """The CPU's bytes, and of them the same symbols."""
    tables, encoder = Tables(device, entropy.GAUSSIAN), Encoder(device, np.array(edges, np.uint32), lanes)
    encoder.put([Call(device.upload(index), tables, 6) for _, index in frame], [device.upload(value) for value, _ in frame])
    substreams = encoder.bytes()
    assert substreams == substreams_of_cpu(frame, edges, lanes)
    for got, (want, _) in zip(decoded(device, tables, frame, edges, lanes, substreams), frame):
        assert np.array_equal(got, want)


@pytest.mark.parametrize("edges", BANDS.values(), ids=BANDS)
@pytest.mark.parametrize("lanes", entropy.LANES)
def test_bands_of_any_size_go_there_and_back(rng, edges, lanes):
    check_there_and_back(EmulatedDevice(5), drawn(rng, edges, 0.5 if lanes > 4 else 0.05, 0.02), edges, lanes)


SHARES = {"nothing": (0.0, 0.0), "little": (0.002, 0.0), "all": (1.0, 0.0), "all, wild": (1.0, 1.0), "some wild": (0.3, 0.2)}


@pytest.mark.parametrize(("coded", "wild"), SHARES.values(), ids=SHARES)
@pytest.mark.parametrize("indices", [range(6, 10), range(6, 64), range(55, 64)], ids=["narrow", "any", "wide"])
def test_any_symbols_go_there_and_back(rng, coded, wild, indices):
    edges = [[0, 1200, 3000], [0, 8, 2400]]
    check_there_and_back(EmulatedDevice(6), drawn(rng, edges, coded, wild, indices), edges, 32)


def or_refused(decode):
    try:
        return decode()
    except CorruptStreamError:
        return None


@pytest.mark.parametrize("lanes", entropy.LANES)
def test_damaged_bytes_are_taken_or_refused_as_on_the_cpu(rng, lanes):
    edges = [[0, 800 if lanes > 4 else 160], [0, 1600 if lanes > 4 else 240]]
    frame, refused = drawn(rng, edges, 0.5, 0.1), 0
    sound, = substreams_of_cpu(frame, edges, lanes)

    def by_cpu(data: bytes) -> list[np.ndarray]:
        decoder = entropy.Decoder(data, lanes)
        out = [decoder.get(index, entropy.GAUSSIAN, 6) for _, index in frame]
        decoder.finish()
        return out

    for n in range(24):
        data = bytearray(sound)
        data[-1 - int(rng.integers(20 if n % 2 else len(data)))] ^= 1 << int(rng.integers(8))
        device = EmulatedDevice(n, (64 if n % 3 else 160) << 10)
        got = or_refused(lambda: decoded(device, Tables(device, entropy.GAUSSIAN), frame, edges, lanes, [bytes(data)]))
        want = or_refused(lambda: by_cpu(bytes(data)))
        assert (got is None) == (want is None)
        assert got is None or all(np.array_equal(a, b) for a, b in zip(got, want))
        refused += got is None
    assert 0 < refused < 24


# ---- shared memory of other GPUs ----------------------------------------------------------------------------------

@pytest.mark.parametrize(("limit", "group"), [(227, 1), (163, 1), (99, 2), (64, 3), (40, 5)])
def test_guesses_are_as_fine_as_shared_memory_allows(rng, limit, group):
    device, edges = EmulatedDevice(4, limit << 10), [[0, 3000]]
    tables, frame = Tables(device, entropy.GAUSSIAN), drawn(rng, edges, 0.8, 0.05)
    assert tables.group == group and tables.shared <= limit << 10
    got, = decoded(device, tables, frame, edges, 32, substreams_of_cpu(frame, edges, 32))
    assert np.array_equal(got, frame[0][0])


def test_tables_that_do_not_fit_are_refused():
    with pytest.raises(BackendError, match="64 frequency tables of 1609 symbols do not fit into shared memory"):
        Tables(EmulatedDevice(shared_limit=20 << 10), entropy.GAUSSIAN)


# ---- arithmetic ---------------------------------------------------------------------------------------------------

_DIVIDE = """
extern "C" __global__ void divide(const uint32_t* x, const uint32_t* entries, uint32_t* quotients, uint32_t* states, uint8_t* gives) {
    const unsigned n = 256 * blockIdx.x + threadIdx.x;
    const zvc::DividedEntry entry = zvc::divided_entry(entries[n]);
    quotients[n] = zvc::quotient(x[n], entry);
    states[n] = zvc::encoded_state(x[n], entry);
    gives[n] = zvc::gives_word(x[n], entry);
}
"""


def test_quotients_by_products_are_exact(rng):
    """For every frequency: the smallest and largest states, multiples of it and their neighbours, of which the largest go wrong first, and any."""
    frequency = np.arange(1, 4097, dtype=np.uint64)[:, None]
    top = (frequency << 20) - 1
    multiples = frequency * np.concatenate([[1, 2, 3, 1 << 19], (1 << 20) - np.arange(1, 5), rng.integers(1, 1 << 20, 20)]).astype(np.uint64)
    x = np.concatenate([0 * frequency, top, multiples - 1, multiples, np.minimum(multiples + 1, top), (rng.random((4096, 9)) * top).astype(np.uint64)], axis=1)
    x = np.pad(x, ((0, 0), (0, -x.shape[1] % 16)))
    start = rng.integers(0, 4097 - frequency.astype(np.int64), x.shape).astype(np.uint64)
    entries = ((frequency - 1) << 12 | start).astype(np.uint32)
    quotients, states, gives = (np.empty(x.shape, dtype) for dtype in (np.uint32, np.uint32, np.uint8))
    arrays = [np.ascontiguousarray(x.astype(np.uint32)), entries, quotients, states, gives]
    run(compiled("divide", source.text("rans_encoder") + _DIVIDE), "divide", [x.size // 256], [256], [ctypes.c_void_p(a.ctypes.data) for a in arrays])
    assert np.array_equal(quotients, x // frequency)
    assert np.array_equal(states, ((x // frequency << 12) + x % frequency + start).astype(np.uint32))
    assert not gives.any()


def test_states_give_a_word_from_where_32_bits_would_not_do():
    frequency = np.repeat(np.arange(1, 4097, dtype=np.uint64), 4).reshape(-1, 256)
    x = np.minimum((frequency << 20) + np.tile(np.array([-1, 0, 1, 1 << 20]).astype(np.uint64), 4096).reshape(-1, 256), (1 << 32) - 1)
    out = [np.empty(x.shape, dtype) for dtype in (np.uint32, np.uint32, np.uint8)]
    arrays = [np.ascontiguousarray(x.astype(np.uint32)), ((frequency - 1) << 12).astype(np.uint32), *out]
    run(compiled("divide", source.text("rans_encoder") + _DIVIDE), "divide", [len(x)], [256], [ctypes.c_void_p(a.ctypes.data) for a in arrays])
    assert np.array_equal(out[2].astype(bool), x >> 20 >= frequency)
