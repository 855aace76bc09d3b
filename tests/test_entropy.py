"""Entropy coder: round trips, cost, and what hostile bytes can do."""
import doctest
import math
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.checkcore.check_entropy import outcome, random_calls
from zvc69.core import cpu, entropy
from zvc69.core.entropy import GAUSSIAN, Decoder, Encoder, Tables
from zvc69.core.reference import entropy as reference
from zvc69.errors import CorruptStreamError

SIGMA = 0.1 * 1280 ** (np.arange(64) / 63)

lanes_of = st.sampled_from(entropy.LANES)
level_of = st.sampled_from(cpu.available())


@st.composite
def calls(draw):
    """A few calls of random symbols: often typical of their table, at times anywhere in int16."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    made = []
    for n in draw(st.lists(st.integers(0, 200), max_size=6)):
        low = draw(st.integers(0, 63))
        index = rng.integers(low, 64, n, dtype=np.uint8)
        values = np.round(rng.normal(0, SIGMA[index]))
        wild = rng.random(n) < draw(st.sampled_from([0, 0.02, 1]))
        values = np.where(wild, rng.integers(-32768, 32768, n), values).astype(np.int16)
        made.append((values, index, GAUSSIAN, draw(st.sampled_from([0, low, low + 1, 63, 64, 256]))))
    return made


def encoded(made, lanes=None):
    encoder = Encoder()
    for call in made:
        encoder.put(*call)
    return encoder.finish(lanes)


def decoded(data, lanes, made):
    decoder = Decoder(data, lanes)
    values = [decoder.get(index, tables, skip_below) for _, index, tables, skip_below in made]
    decoder.finish()
    return values


def gaussian_mass(values, sigma):
    """Probability of integers under the rounded Gaussian; taken in the lower tail, where it keeps its digits."""
    tail = np.vectorize(lambda x: 0.5 * math.erfc(-x / 2**0.5))
    below = -np.abs(values.astype(float))
    return tail((below + 0.5) / sigma) - tail((below - 0.5) / sigma)


def normal(rng, index):
    return np.round(rng.normal(0, SIGMA[index])).astype(np.int16)


@given(calls(), lanes_of, level_of, level_of)
def test_round_trip_between_any_two_levels(made, lanes, writer, reader):
    with cpu.force(writer):
        used, data = encoded(made, lanes)
    assert used == lanes
    with cpu.force(reader):
        for got, (values, index, _, skip_below) in zip(decoded(data, lanes, made), made, strict=True):
            assert got.dtype == np.int16
            np.testing.assert_array_equal(got, np.where(index < skip_below, 0, values))


@pytest.mark.parametrize("level", cpu.available())
@pytest.mark.parametrize("lanes", entropy.LANES)
@pytest.mark.parametrize("sigma", [0, 5, 30, 45, 63])
def test_every_int16_value_survives_in_every_kind_of_table(level, lanes, sigma):
    values = np.arange(-32768, 32768, dtype=np.int32).astype(np.int16)
    made = [(values, np.full(values.size, sigma, np.uint8), GAUSSIAN, 0)]
    with cpu.force(level):
        np.testing.assert_array_equal(decoded(encoded(made, lanes)[1], lanes, made)[0], values)


@pytest.mark.parametrize("level", cpu.available())
def test_tables_at_both_ends_of_int16(level):
    frequencies = [[4000, 96], [4000, 95, 1], [4096], [4000] + [6] * 16, [4000, 96]]
    tables = Tables([-32768, 32766, 0, -8, 7], [0, 0, 0, 12, 12], frequencies)
    values = np.array([-32768, -32767, 0, 32767], np.int16)
    index, values = (a.ravel() for a in np.meshgrid(np.arange(5, dtype=np.uint8), values))
    with cpu.force(level):
        for lanes in entropy.LANES:
            made = [(np.tile(values, 9), np.tile(index, 9), tables, 0)]
            np.testing.assert_array_equal(decoded(encoded(made, lanes)[1], lanes, made)[0], made[0][0])


def test_the_rarest_and_surest_symbols_give_the_reference_bytes():
    # Frequencies 1 and 4095 drive states to both ends of their range; the kernels' division must stay exact there.
    tables = Tables([0, 0], [0, 0], [[4095, 1], [1, 1, 4093, 1]])
    rng = np.random.default_rng(5)
    for level in cpu.available():
        for _ in range(20):
            index = rng.integers(0, 2, 3000, dtype=np.uint8)
            values = np.where(index, rng.choice([0, 1, 2], 3000, p=[0.05, 0.05, 0.9]), 0).astype(np.int16)
            made = [(values, index, tables, 0)]
            with cpu.force(level):
                data = encoded(made, 32)[1]
                np.testing.assert_array_equal(decoded(data, 32, made)[0], values)
            assert data == reference.encode(made, 32)


def test_skipped_symbols_are_zero_and_cost_nothing():
    rng = np.random.default_rng(1)
    index = rng.integers(0, 40, (7, 9, 24), dtype=np.uint8)
    values = normal(rng, index) + 1
    kept = index >= 20
    assert encoded([(values, index, GAUSSIAN, 20)], 8) == encoded([(values[kept], index[kept], GAUSSIAN, 0)], 8)
    got = decoded(encoded([(values, index, GAUSSIAN, 20)], 8)[1], 8, [(values, index, GAUSSIAN, 20)])[0]
    assert got.shape == (7, 9, 24)
    np.testing.assert_array_equal(got, np.where(kept, values, 0))


@pytest.mark.parametrize("level", cpu.available())
def test_nothing_coded_is_no_bytes(level):
    empty, skipped = np.zeros((0, 3), np.uint8), np.zeros(100, np.uint8)
    with cpu.force(level):
        assert encoded([]) == (1, b"")
        made = [(empty, empty, GAUSSIAN, 0), (skipped, skipped, GAUSSIAN, 1), (skipped, skipped, GAUSSIAN, 256)]
        assert encoded(made, 32) == (32, b"")
        assert [a.shape for a in decoded(b"", 32, made)] == [(0, 3), (100,), (100,)]
        with pytest.raises(CorruptStreamError):
            Decoder(b"", 1).get(skipped, GAUSSIAN)


def test_empty_calls_between_others_change_nothing():
    a, e = np.array([1, 2, 3], np.int16), np.array([], np.int16)
    t = np.array([20, 21, 22], np.uint8)
    with_empty = [(a, t, GAUSSIAN, 0), (e, e, GAUSSIAN, 0), (a, t, GAUSSIAN, 64), (a, t, GAUSSIAN, 0)]
    assert encoded(with_empty, 4) == encoded([with_empty[0], with_empty[3]], 4)


def test_an_encoder_starts_anew_after_finish():
    made = [(np.array([9, -9], np.int16), np.array([50, 10], np.uint8), GAUSSIAN, 0)]
    encoder = Encoder()
    encoder.put(*made[0])
    first = encoder.finish()
    assert encoder.finish() == (1, b"")
    encoder.put(*made[0])
    assert encoder.finish() == first


@pytest.mark.parametrize("size, lanes", [(700, 1), (1400, 4), (7000, 4), (9000, 8), (30000, 8), (36000, 32)])
def test_lanes_follow_the_size(size, lanes):
    rng = np.random.default_rng(size)
    index = rng.integers(10, 60, size * 4, dtype=np.uint8)
    values = normal(rng, index)
    n = int(np.searchsorted(np.cumsum(GAUSSIAN.bits(index, values), dtype=np.float64), 8 * size))
    used, data = encoded([(values[:n], index[:n], GAUSSIAN, 0)])
    assert n < index.size and abs(len(data) - size) < 0.02 * size + 20
    assert used == lanes


@pytest.mark.parametrize("lanes, allowed", [(1, 1.0025), (4, 1.005), (None, 1.005)])
def test_overhead_over_the_entropy_at_4_kb(lanes, allowed):
    """Sigmas log-uniform over 0.12..8 and between those of the tables, values of the true Gaussian."""
    rng = np.random.default_rng(69)
    written = ideal = 0.0
    for _ in range(40):
        sigma = np.exp(rng.uniform(np.log(0.12), np.log(8), 15000))
        index = np.round(63 * np.log(sigma / 0.1) / np.log(1280)).astype(np.uint8)
        values = np.round(rng.normal(0, sigma)).astype(np.int16)
        data = encoded([(values, index, GAUSSIAN, 0)], lanes)[1]
        assert 3800 < len(data) < 4600
        written += 8 * len(data)
        ideal -= np.log2(gaussian_mass(values, sigma)).sum()
    assert 1 < written / ideal <= allowed


def test_bits_is_the_cost_of_a_substream():
    rng = np.random.default_rng(3)
    for made in ([(normal(rng, i), i, GAUSSIAN, 0)] for i in rng.integers(0, 64, (10, 5000), dtype=np.uint8)):
        values, index = made[0][:2]
        values[::100] = rng.integers(-32768, 32768, values[::100].size)
        bits = GAUSSIAN.bits(index, values)
        assert bits.dtype == np.float32 and bits.shape == index.shape
        # A state of 32 bits carries 0 to 16 of the symbols' bits; the last byte is padded.
        assert -0.5 <= len(encoded(made, 1)[1]) - bits.sum(dtype=np.float64) / 8 < 5


@pytest.mark.parametrize("i", range(64))
def test_gaussian_table_is_within_its_bounds_of_the_entropy(i):
    values = np.arange(-int(12 * SIGMA[i]) - 3, int(12 * SIGMA[i]) + 4)
    p = gaussian_mass(values, SIGMA[i])
    entropy_bits = -(p[p > 0] * np.log2(p[p > 0])).sum()
    assert abs(p.sum() - 1) < 1e-9
    excess = (p * GAUSSIAN.bits(i, values)).sum() - entropy_bits
    assert -1e-6 < excess < (0.0006 if GAUSSIAN.shift[i] == 0 else 0.0045)
    assert GAUSSIAN.shift[i] == 0 or 1 << GAUSSIAN.shift[i] <= SIGMA[i] / 4 < 2 << GAUSSIAN.shift[i]


def test_gaussian_tables_are_what_the_generator_writes():
    tool = Path(__file__).parents[1] / "tools" / "generate_tables.py"
    assert subprocess.run([sys.executable, tool, "--check"], check=False).returncode == 0


@settings(max_examples=200)
@given(st.binary(max_size=400), lanes_of, calls())
def test_random_bytes_give_every_level_the_same_outcome(data, lanes, made):
    # Valid states at the start let decoding go on beyond them.
    for prefix in (b"", b"\0\0\1\0" * lanes):
        want = outcome(reference.Decoder, prefix + data, lanes, made)
        for level in cpu.available():
            with cpu.force(level):
                assert outcome(Decoder, prefix + data, lanes, made) == want


@settings(max_examples=200)
@given(calls(), lanes_of, st.data())
def test_damage_gives_every_level_the_same_outcome(made, lanes, data):
    good = encoded(made, lanes)[1]
    if good and data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(good) - 1))
        bad = good[:at] + bytes([good[at] ^ data.draw(st.integers(1, 255))]) + good[at + 1:]
    else:
        bad = good[: data.draw(st.integers(0, len(good)))] + data.draw(st.binary(max_size=6))
    want = outcome(reference.Decoder, bad, lanes, made)
    if bad != good:
        right = [np.where(index < skip, 0, values).astype(np.int16).tobytes() for values, index, _, skip in made]
        assert want != [*right, "finished"], "two substreams for the same symbols"
    if bad != good:
        right = [np.where(index < skip, 0, values).astype(np.int16).tobytes() for values, index, _, skip in made]
        assert want != [*right, "finished"], "two substreams for the same symbols"
    for level in cpu.available():
        with cpu.force(level):
            assert outcome(Decoder, bad, lanes, made) == want


@pytest.mark.parametrize("level", cpu.available())
def test_a_truncated_or_extended_substream_is_always_refused(level):
    rng = np.random.default_rng(8)
    with cpu.force(level):
        for lanes in entropy.LANES:
            index = rng.integers(0, 64, 300, dtype=np.uint8)
            made = [(normal(rng, index), index, GAUSSIAN, 0)]
            data = encoded(made, lanes)[1]
            assert len(decoded(data, lanes, made)) == 1
            for bad in [data[:n] for n in range(len(data))] + [data + b"\0", b"\0" + data, data + data]:
                with pytest.raises(CorruptStreamError):
                    decoded(bad, lanes, made)


def test_an_error_is_final():
    decoder = Decoder(b"\0\0\1\0", 1)
    index = np.full(50, 40, np.uint8)
    for _ in range(2):
        with pytest.raises(CorruptStreamError):
            decoder.get(index, GAUSSIAN)
    with pytest.raises(CorruptStreamError):
        decoder.finish()


def test_escape_with_an_endless_prefix_or_a_huge_value_is_refused():
    tables = Tables([0], [0], [[4096]])
    index = np.zeros(1, np.uint8)
    state = (1 << 16).to_bytes(4, "little")
    good = encoded([(np.array([-5], np.int16), index, tables, 0)], 1)[1]
    assert good[:4] == state  # a symbol of probability 1 leaves the state, so raw bits can be forged behind it
    for raw in (b"\0" * 12, b"\xff" * 8 + b"\0\0\1\0", b"\0" * 8 + b"\0\1\0\0"):
        for level in cpu.available():
            with cpu.force(level), pytest.raises(CorruptStreamError, match="escaped"):
                Decoder(state + raw, 1).get(index, tables)


@pytest.mark.parametrize("make", [
    lambda a: a.astype(np.int64),
    lambda a: a.astype(">i4"),
    lambda a: np.asfortranarray(a),
    lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    lambda a: a[::-1].copy()[::-1],
    lambda a: np.frombuffer(a.tobytes(), a.dtype).reshape(a.shape),  # read-only
    lambda a: a.tolist(),
])
def test_any_integer_array_will_do(make):
    rng = np.random.default_rng(2)
    index = rng.integers(0, 64, (6, 10), dtype=np.uint8)
    values = normal(rng, index)
    want = encoded([(values, index, GAUSSIAN, 5)], 4)
    assert encoded([(make(values), make(index), GAUSSIAN, 5)], 4) == want
    for wrap in (bytes, bytearray, memoryview, lambda d: np.frombuffer(d, np.uint8),
                 lambda d: np.repeat(np.frombuffer(d, np.uint8), 2)[::2]):
        got = Decoder(wrap(want[1]), 4).get(make(index), GAUSSIAN, 5)
        np.testing.assert_array_equal(got, np.where(index < 5, 0, values))


@pytest.mark.parametrize("values, index, error", [
    ([0.5], [1], TypeError),
    ([1], [1.0], TypeError),
    ([True], [1], TypeError),
    ([40000], [1], ValueError),
    ([-32769], [1], ValueError),
    ([1], [64], ValueError),
    ([1], [-1], ValueError),
    ([1, 2], [1], ValueError),
    ([[1, 2]], [1, 2], ValueError),
])
def test_wrong_arrays_are_refused(values, index, error):
    with pytest.raises(error):
        Encoder().put(np.array(values), np.array(index), GAUSSIAN)


def test_wrong_lanes_and_thresholds_are_refused():
    with pytest.raises(ValueError, match="lanes"):
        Encoder().finish(2)
    with pytest.raises(ValueError, match="lanes"):
        Decoder(b"", 16)
    for skip in (-1, 257):
        with pytest.raises(ValueError, match="skip_below"):
            Encoder().put([], [], GAUSSIAN, skip)
    with pytest.raises(ValueError, match="holds 64"):
        Decoder(b"", 1).get([64], GAUSSIAN)


@pytest.mark.parametrize("first, shift, frequencies, message", [
    ([], [], [], "there must be"),
    ([0] * 257, [0] * 257, [[4096]] * 257, "there must be"),
    ([0], [0, 0], [[4096]], "first buckets"),
    ([0], [0], [[4095]], "sum to 4096"),
    ([0], [0], [[4096, 0]], "at least 1"),
    ([0], [0], [[]], "symbols"),
    ([0], [0], [[3841] + [1] * 255], "symbols"),
    ([0], [13], [[4096]], "shift"),
    ([32767], [0], [[4094, 1, 1]], "leave int16"),
    ([-32768], [1], [[4096]], "leave int16"),
])
def test_wrong_tables_are_refused(first, shift, frequencies, message):
    with pytest.raises(ValueError, match=message):
        Tables(first, shift, frequencies)


def test_tables_cannot_be_changed():
    with pytest.raises(ValueError):
        GAUSSIAN.frequencies(3)[0] = 1
    with pytest.raises(ValueError):
        GAUSSIAN.first[0] = 1


def test_coders_of_one_table_run_in_threads():
    rng = np.random.default_rng(4)
    index = rng.integers(0, 64, (4, 200_000), dtype=np.uint8)
    values = normal(rng, index)
    results: list = [None] * 4

    def work(i):
        made = [(values[i], index[i], GAUSSIAN, 0)]
        results[i] = decoded(encoded(made, 32)[1], 32, made)[0]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(np.array(results), values)


def test_substreams_of_version_1_decode_for_ever():
    """Bytes written by the first version: the format and GAUSSIAN may never change."""
    golden = Path(__file__).parent / "golden" / "entropy.npz"
    with np.load(golden) as stored:
        for lanes in entropy.LANES:
            data = stored[f"lanes_{lanes}"].tobytes()
            made = [(stored["values"], stored["index"], GAUSSIAN, 0), (stored["values"], stored["index"], GAUSSIAN, 30)]
            for got, (values, index, _, skip) in zip(decoded(data, lanes, made), made, strict=True):
                np.testing.assert_array_equal(got, np.where(index < skip, 0, values))
            assert encoded(made, lanes)[1] == data


def test_checks_cover_escapes_wide_buckets_and_skips():
    """The kernel checks draw random calls; make sure that these reach what they are to test."""
    seen = {"escape": 0, "wide": 0, "skipped": 0, "alone": 0}
    rng = np.random.default_rng(0)
    for values, index, tables, skip in (call for _ in range(20) for call in random_calls(rng)):
        kept = index >= skip
        t, v = index[kept], values[kept].astype(int)
        bucket = (v >> tables.shift[t]) - tables.first[t]
        seen["escape"] += int(((bucket < 0) | (bucket >= tables.sizes[t] - 1)).sum())
        seen["wide"] += int((tables.shift[t] > 0).sum())
        seen["alone"] += int((tables.sizes[t] == 1).sum())
        seen["skipped"] += int((~kept).sum())
    assert min(seen.values()) > 100, seen


def test_documentation_examples():
    result = doctest.testmod(entropy, optionflags=doctest.ELLIPSIS)
    assert result.attempted >= 10 and result.failed == 0
