"""Frequency tables counted on training data, smoothed towards the model's own distribution."""
from __future__ import annotations

import numpy as np

from zvc69.core.entropy import GAUSSIAN, TOTAL

PRIOR = 2000.0       # symbols' worth of belief in the Gaussian


def allocate(p: np.ndarray) -> np.ndarray:
    """Integers >= 1 of sum 4096 that minimise sum p * -log2(f): exchanges of single units until none pays."""
    f = np.maximum(1, np.floor(p * TOTAL)).astype(np.int64)
    while True:
        gain = p * np.log2((f + 1) / f)
        with np.errstate(divide="ignore", invalid="ignore"):
            loss = np.where(f > 1, p * np.log2(f / np.maximum(f - 1, 1)), np.inf)
        excess = f.sum() - TOTAL
        up, down = int(gain.argmax()), int(loss.argmin())
        if excess < 0:
            f[up] += 1
        elif excess > 0:
            f[down] -= 1
        elif gain[up] > loss[down] * (1 + 1e-12):
            f[up] += 1
            f[down] -= 1
        else:
            return f.astype(np.uint16)


def refine_sigma_tables(counts: np.ndarray) -> dict[str, np.ndarray]:
    """Tables by sigma index from `counts` (64, 65536) of values + 32768 coded with each index.

    Buckets are the Gaussian tables'; both signs are averaged where a bucket is one value.
    """
    out = []
    for t in range(len(GAUSSIAN)):
        gauss = GAUSSIAN.frequencies(t).astype(np.float64)
        first, shift = int(GAUSSIAN.first[t]), int(GAUSSIAN.shift[t])
        row = counts[t].astype(np.float64)
        row = (row[1:] + row[1:][::-1]) / 2                 # values -32767..32767, symmetric
        bucket = (np.arange(-32767, 32768) >> shift) - first
        inside = (bucket >= 0) & (bucket < len(gauss) - 1)
        hist = np.bincount(bucket[inside], row[inside], len(gauss))
        hist[-1] += row[~inside].sum()
        p = hist + PRIOR * gauss / TOTAL
        out.append(allocate(p / p.sum()))
    return dict(first=GAUSSIAN.first, shift=GAUSSIAN.shift, sizes=np.array([len(f) for f in out], np.uint8),
                frequencies=np.concatenate(out))


def factorised_tables(counts: np.ndarray, log_sigma: np.ndarray, limit: int = 60) -> dict[str, np.ndarray]:
    """Tables of z per (knot, channel) from `counts` (knots, channels, 256) of values + 128; `log_sigma` (knots, channels)
    gives the Gaussian that thin counts lean on. Buckets are single values in the range that was seen, `limit` at most."""
    first, sizes, frequencies = [], [], []
    values = np.arange(-128, 128)
    for k, c in np.ndindex(log_sigma.shape):
        n = counts[k, c].astype(np.float64)
        mean = (n * values).sum() / max(n.sum(), 1)
        spread = max(float(np.exp(log_sigma[k, c])), np.sqrt((n * (values - mean) ** 2).sum() / max(n.sum(), 1)), 0.3)
        low, high = (int(np.clip(round(mean + s * 4.5 * spread), -limit, limit)) for s in (-1, 1))
        bell = np.exp(-0.5 * ((values - mean) / spread) ** 2)
        p = n + 64 * bell / bell.sum()
        inside = (values >= low) & (values <= high)
        p = np.append(p[inside], p[~inside].sum())
        f = allocate(np.maximum(p / p.sum(), 1e-7))
        first.append(low)
        sizes.append(len(f))
        frequencies.append(f)
    return dict(first=np.array(first, np.int16), shift=np.zeros(len(first), np.uint8), sizes=np.array(sizes, np.uint8),
                frequencies=np.concatenate(frequencies))
