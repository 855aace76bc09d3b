"""Rate control: which QP each frame gets (docs/INTERNALS.md, rate control)."""
from .bitrate import AverageBitrate, Band
from .controller import RateController
from .frame import PlannedFrame
from .model import Complexity, RateModel
from .quality import ConstantQp
from .setup import first_pass, rate_controller
from .statistics import Clip, FrameStatistics, Statistics, fingerprint
from .vbv import VbvBuffer
from .window import RateWindow

__all__ = [
    "AverageBitrate", "Band", "Clip", "Complexity", "ConstantQp", "FrameStatistics", "PlannedFrame", "RateController", "RateModel", "RateWindow",
    "Statistics", "VbvBuffer", "fingerprint", "first_pass", "rate_controller",
]
