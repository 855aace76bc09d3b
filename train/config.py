"""Sizes of the released networks. One structure; `lite` and `main` differ in width and depth alone."""
from __future__ import annotations

from dataclasses import asdict, dataclass, replace

CHANNELS = 96        # latent channels at 1/8: packed 4:2:0 (64 luma, 16 U, 16 V)
HYPER = 48           # hyper latent channels at 1/32
STEPS = 4            # sigma is decoded in four steps, the means in two
KNOTS = 8            # per-QP parameters live at qp 0, 9, ..., 63 and are interpolated
MAX_QP = 63
LEVELS = 64.0        # one network unit in 8-bit levels
MAX_INDEX = 63       # sigma index: sigma = SIGMA_MIN * SIGMA_RATIO ** (index / MAX_INDEX)
SIGMA_MIN = 0.1
SIGMA_RATIO = 1280.0
SKIP_BELOW = 6       # sigma indices below are not coded: sigma < 0.2
DISTORTION = 7.5     # Lagrangian: bits + DISTORTION / step^2 * SSE
ROUNDING = 20.0      # the same weight in the encoder's rounding, per squared quantiser unit: larger, since a unit is more than a step
                     # (gains below 1) and since what is rounded away is missed by the means and sigmas of later symbols


@dataclass(frozen=True)
class ModelConfig:
    """Widths and depths of one network. MACs per pixel in docs/TRAINING.md."""

    name: str
    width: int       # C: features at 1/8
    context: int     # blocks of each part
    analysis: int
    synthesis: int
    mean: int        # width of the mean networks
    sigma: int       # width of a sigma step
    means: int = 1   # blocks of each mean network
    conditional: bool = True     # False: frames with references are coded as classical codecs do, the network sees the difference alone

    def to_dict(self) -> dict:
        return asdict(self)


LITE = ModelConfig("lite", width=128, context=2, analysis=2, synthesis=4, mean=96, sigma=64)
MAIN = ModelConfig("main", width=288, context=3, analysis=3, synthesis=6, mean=192, sigma=96)
TINY = ModelConfig("tiny", width=16, context=1, analysis=1, synthesis=1, mean=16, sigma=8)  # for tests
RESIDUAL = replace(LITE, name="residual", conditional=False)     # to measure what conditional coding gains
TINY_RESIDUAL = replace(TINY, name="tiny_residual", conditional=False)
LITE_INTRA = replace(LITE, name="lite_intra", analysis=5, synthesis=8, means=2)     # codes keyframes alone: one frame in many, so it may cost more
TINY_INTRA = replace(TINY, name="tiny_intra", synthesis=2, means=2)
MODELS = {m.name: m for m in (LITE, MAIN, TINY, RESIDUAL, TINY_RESIDUAL, LITE_INTRA, TINY_INTRA)}
