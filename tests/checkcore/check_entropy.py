"""rANS kernels: same bytes, values and errors as the reference, at every lane count."""
from __future__ import annotations

import numpy as np

from zvc69.core import entropy
from zvc69.core.reference import entropy as reference
from zvc69.errors import CorruptStreamError

from .harness import Work, bench, check, compare

SIZES = (0, 1, 3, 7, 8, 9, 31, 32, 33, 63, 64, 65, 255, 1000)


def random_tables(rng: np.random.Generator) -> entropy.Tables:
    """Tables of every kind: one symbol, all 255, skewed, wide buckets, ranges far from zero."""
    count = int(rng.integers(1, 257))
    first, shift, frequencies = [], [], []
    for _ in range(count):
        size = int(rng.choice([1, 2, 3, 17, 64, 255]))
        bits = int(rng.choice([0, 0, 1, 4, 7]))
        weights = rng.dirichlet(np.full(size, 0.3))
        f = 1 + np.floor(weights * (entropy.TOTAL - size)).astype(np.int64)
        f[rng.integers(size)] += entropy.TOTAL - f.sum()
        low, high = -(32768 >> bits), min(32767, (32768 >> bits) - (size - 1))
        first.append(int(rng.choice([low, high, max(low, -size // 2), max(low, -3)])))
        shift.append(bits)
        frequencies.append(f)
    return entropy.Tables(first, shift, frequencies)


def random_call(rng: np.random.Generator, tables: entropy.Tables, n: int) -> reference.Call:
    """Mostly values inside the tables, some anywhere in int16; runs of skipped symbols."""
    index = rng.integers(0, len(tables), n, dtype=np.uint8)
    t = index.astype(np.int64)
    inside = (tables.first[t].astype(np.int64) << tables.shift[t]) + np.floor(
        rng.random(n) * ((tables.sizes[t] - 1) << tables.shift[t])).astype(np.int64)
    anywhere = rng.integers(-32768, 32768, n)
    extreme = rng.choice([-32768, 32767, 0, -1], n)
    values = np.choose(rng.choice(3, n, p=[0.9, 0.07, 0.03]), [inside, anywhere, extreme])
    skip_below = int(rng.choice([0, 0, len(tables) // 2, len(tables) - 1, 256]))
    values[index < skip_below] = 0
    return np.clip(values, -32768, 32767).astype(np.int16), index, tables, skip_below


def random_calls(rng: np.random.Generator) -> list[reference.Call]:
    tables = [entropy.GAUSSIAN, random_tables(rng)]
    return [random_call(rng, tables[rng.integers(2)], int(n)) for n in rng.choice(SIZES, 5)]


def encode(calls: list[reference.Call], lanes: int | None) -> tuple[int, bytes]:
    encoder = entropy.Encoder()
    for call in calls:
        encoder.put(*call)
    return encoder.finish(lanes)


@check("entropy", "encode")
def encode_writes_the_reference_bytes(rng, level):
    for _ in range(12):
        calls = random_calls(rng)
        for lanes in entropy.LANES:
            _, data = encode(calls, lanes)
            compare(f"{lanes} lanes", np.frombuffer(data, np.uint8),
                    np.frombuffer(reference.encode(calls, lanes), np.uint8))


@check("entropy", "decode")
def decode_reads_the_reference_bytes(rng, level):
    for _ in range(12):
        calls = random_calls(rng)
        for lanes in entropy.LANES:
            decoder = entropy.Decoder(reference.encode(calls, lanes), lanes)
            for values, index, tables, skip_below in calls:
                compare(f"{lanes} lanes", decoder.get(index, tables, skip_below), values)
            decoder.finish()


def outcome(decoder_type, data: bytes, lanes: int, calls: list[reference.Call]) -> list[bytes | str]:
    """What reading `calls` from `data` gives, call by call, up to the first error."""
    results: list[bytes | str] = []
    try:
        decoder = decoder_type(data, lanes)
        for _, index, tables, skip_below in calls:
            results.append(decoder.get(index, tables, skip_below).tobytes())
        decoder.finish()
        results.append("finished")
    except CorruptStreamError:
        results.append("corrupt")
    return results


@check("entropy", "damaged")
def damaged_bytes_give_the_reference_outcome(rng, level):
    ends = {"finished": 0, "corrupt": 0}
    for _ in range(60):
        calls = random_calls(rng)[:3]
        lanes = int(rng.choice(entropy.LANES))
        data = bytearray(reference.encode(calls, lanes))
        kind = rng.integers(4)
        if kind == 0 and data:
            data[rng.integers(len(data))] ^= 1 << rng.integers(8)
        elif kind == 1:
            del data[rng.integers(len(data) + 1):]
        elif kind == 2:
            data += rng.bytes(int(rng.integers(1, 9)))
        else:
            data[4 * lanes:] = rng.bytes(max(0, len(data) - 4 * lanes))
        got = outcome(entropy.Decoder, bytes(data), lanes, calls)
        want = outcome(reference.Decoder, bytes(data), lanes, calls)
        assert got == want, (
            f"{lanes} lanes, damage {kind}: {len(got)} results, {got[-1]}; reference {len(want)}, {want[-1]}")
        ends[want[-1]] += 1
    assert ends["corrupt"] > 30, f"damage was hardly ever detected: {ends}"


def realistic(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Values and sigma indices of n symbols, sigma log-uniform over 0.12..8."""
    sigma = np.exp(rng.uniform(np.log(0.12), np.log(8), n))
    index = np.round(63 * np.log(sigma / 0.1) / np.log(1280)).astype(np.uint8)
    return np.round(rng.normal(0, 0.1 * 1280 ** (index / 63))).astype(np.int16), index


def speed(lanes: int, n: int, skip_below: int):
    def encoding(rng: np.random.Generator) -> Work:
        call = (*realistic(rng, n), entropy.GAUSSIAN, skip_below)
        return lambda: encode([call], lanes), n

    def decoding(rng: np.random.Generator) -> Work:
        values, index = realistic(rng, n)
        _, data = encode([(values, index, entropy.GAUSSIAN, skip_below)], lanes)
        return lambda: entropy.Decoder(data, lanes).get(index, entropy.GAUSSIAN, skip_below), n

    name = f"{lanes} lanes, {n} symbols" + (f", index < {skip_below} skipped" if skip_below else "")
    bench("entropy", f"encode {name}")(encoding)
    bench("entropy", f"decode {name}")(decoding)


for _case in ((1, 2000, 0), (4, 20000, 0), (8, 100000, 0), (32, 1000000, 0), (32, 1000000, 20)):
    speed(*_case)
