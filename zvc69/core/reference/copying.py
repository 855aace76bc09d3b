"""Gains of coding a difference in plain NumPy: what the kernels of zvc69.core.copying must reproduce, bit by bit."""
from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..copying import GainModel

f = np.float32
SCALE_8 = [f(1 / math.sqrt(8))] + [f(0.25 / math.cos(k * math.pi / 16)) for k in range(1, 8)]
SCALE_4 = [f(0.5), f(math.cos(math.pi / 8) / math.sqrt(2))] * 2
LOGARITHM = f(-0.0451485529), f(0.1484258889), f(-0.2671790631), f(0.4419169969)


def transform8(d: NDArray[np.float32]) -> NDArray[np.float32]:
    """DCT of the first axis, 8 long; output k still to be multiplied by SCALE_8[k] (Arai, Agui and Nakajima 1988)."""
    s0, s1, s2, s3 = d[0] + d[7], d[1] + d[6], d[2] + d[5], d[3] + d[4]
    t0, t1, t2, t3 = d[0] - d[7], d[1] - d[6], d[2] - d[5], d[3] - d[4]
    e0, e1, e2, e3 = s0 + s3, s1 + s2, s1 - s2, s0 - s3
    e4 = (e2 + e3) * f(math.cos(math.pi / 4))
    o0, o1, o2 = t3 + t2, t2 + t1, t1 + t0
    cosine2, cosine6 = math.cos(math.pi / 8), math.cos(3 * math.pi / 8)
    turn = (o0 - o2) * f(cosine6)
    low, high = o0 * f(cosine2 - cosine6) + turn, o2 * f(cosine2 + cosine6) + turn
    half = o1 * f(math.cos(math.pi / 4))
    total, rest = t0 + half, t0 - half
    return np.stack([e0 + e1, total + high, e3 + e4, rest - low, e0 - e1, rest + low, e3 - e4, total - high])


def transform4(d: NDArray[np.float32]) -> NDArray[np.float32]:
    """DCT of the first axis, 4 long; output k still to be multiplied by SCALE_4[k]."""
    s0, s1, t0, t1 = d[0] + d[3], d[1] + d[2], d[0] - d[3], d[1] - d[2]
    tangent = f(math.tan(math.pi / 8))
    return np.stack([s0 + s1, t0 + t1 * tangent, s0 - s1, t0 * tangent - t1])


def log2(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of normal numbers from 1 on, within 2e-5."""
    bits = x.view(np.uint32)
    t = ((bits & 0x7FFFFF) | 0x3F800000).astype(np.uint32).view(np.float32) - f(1)
    q = t * LOGARITHM[0]
    for coefficient in LOGARITHM[1:3]:
        q = t * (q + coefficient)
    bend = t * (f(1) - t) * (q + LOGARITHM[3])
    return ((bits >> 23).astype(np.int32) - 127).astype(np.float32) + (t + bend)


def gains(picture: NDArray[np.float32], prediction: NDArray[np.float32], step: float, model: GainModel) -> NDArray[np.float32]:
    """As `zvc69.core.copying.gains`."""
    _, h, w = picture.shape
    difference = (picture - prediction).reshape(96, h // 4, 4, w)
    sums = np.zeros((h // 4, w), np.float32)
    for row in range(4):
        for first, size, weight in ((0, 8, 1.0), (64, 4, model.chroma), (80, 4, model.chroma)):
            transform, scale = (transform8, SCALE_8) if size == 8 else (transform4, SCALE_4)
            plane = difference[first:first + size * size, :, row].reshape(size, size, h // 4, w)
            c = transform(transform(plane.swapaxes(0, 1)).swapaxes(0, 1))       # [row, column] of coefficients
            together = 8 // size                                                # columns of one logarithm
            for x in range(0, size, together):
                squares, product = np.zeros_like(sums), np.ones_like(sums)
                for column in range(x, x + together):
                    for y in range(size):
                        magnitude = np.abs(c[y, column] * (scale[column] * scale[y] * f(math.sqrt(weight) / step)))
                        counts = magnitude > f(model.least)
                        gain = magnitude * magnitude * f(model.distortion) - f(model.constant)
                        squares += np.where(counts, gain, f(0))
                        product *= np.where(counts, magnitude + f(1), f(1))
                sums += squares - log2(product) * f(2)
    four = sums.reshape(h // 4, w // 4, 4)
    return (four[..., 0] + four[..., 1]) + (four[..., 2] + four[..., 3])
