"""Rate control: which QP each frame gets (docs/INTERNALS.md, rate control)."""
from .bitrate import AverageBitrate, Band
from .controller import RateController
from .frame import PlannedFrame
from .model import Complexity, RateModel
from .quality import ConstantQp
from .setup import rate_controller
from .vbv import VbvBuffer
from .window import RateWindow

__all__ = ["AverageBitrate", "Band", "Complexity", "ConstantQp", "PlannedFrame", "RateController", "RateModel", "RateWindow", "VbvBuffer",
           "rate_controller"]
