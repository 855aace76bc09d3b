"""State along vectors against NumPy."""
import numpy as np

from zvc69.core import state
from zvc69.core.reference import state as reference

from .check_warp import block_field
from .harness import bench, check, compare

SHAPES = ((1, 1, 1), (4, 4, 96), (5, 7, 3), (3, 9, 33), (8, 12, 64), (12, 20, 96), (4, 40, 31))


def codes(rng, h, w, channels):
    return tuple(rng.integers(0, 256, (h, w, channels), dtype=np.uint8) for _ in range(2))


@check("state", "fetch")
def fetching(rng, level):
    for shape in SHAPES:
        h, w, _ = shape
        both = codes(rng, *shape)
        for largest in (0, 15, 40, 400, 32767):
            vectors = rng.integers(-largest - 1, largest + 1, (h, w, 2)).astype(np.int16)
            vectors[:, 1:][rng.random((h, w - 1)) < 0.6] = vectors[0, 0]     # runs
            for name, got, want in zip(("magnitude", "index"), state.fetch(both, vectors), reference.fetch(both, vectors), strict=True):
                compare(f"{name} of {shape}, vectors to {largest}", got, want)


@check("state", "fetch strided, read-only, into")
def strided(rng, level):
    both = tuple(array[:, ::2] for array in codes(rng, 8, 24, 96))
    vectors = rng.integers(-200, 200, (12, 8, 2)).astype(np.int16).transpose(1, 0, 2)
    for array in (*both, vectors):
        array.flags.writeable = False
    out = codes(rng, 8, 12, 96)
    got = state.fetch(both, vectors, out)
    for mine, array, want in zip(out, got, reference.fetch(both, vectors), strict=True):
        assert mine is array
        compare("codes", array, want)


def _speed(largest):
    def prepare(rng):
        both, out = codes(rng, 92, 160, 96), codes(rng, 92, 160, 96)
        vectors = block_field(rng, 1280, 720, largest) if largest else np.zeros((92, 160, 2), np.int16)
        return lambda: state.fetch(both, vectors, out), 92 * 160
    return prepare


bench("state", "fetch of 1280x720 along any vectors, per block")(_speed(200))
bench("state", "fetch of 1280x720 without motion, per block")(_speed(0))
