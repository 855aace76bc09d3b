"""Where a slot's vectors come from: the search, the search helped by the flow network, or nowhere (implicit motion)."""
from __future__ import annotations

from ..config import EncoderConfig
from ..core import motion
from ..core.motion import MotionField
from ..core.pack import blocks
from ..media import Frame
from .slots import Reference


class MotionEstimator:
    """Fields as `config.motion` says: "search", "flow" (the search tries the network's vectors too) or "none": all vectors are zero, slots hold
    pictures as they are and the network finds in them what moved.

    Raises ModelError where the flow network is wanted and not installed.
    """

    def __init__(self, config: EncoderConfig) -> None:
        self._effort, self._still = config.motion_effort, config.motion == "none"
        self.thorough = self._effort > 0
        """Whether a search may be made again with another filter."""
        self._flow = None
        if config.motion == "flow":
            from ..model.flow import load_flow
            self._flow = load_flow(config.threads)

    def field(self, frame: Frame, reference: Reference, qp: int, expected: MotionField | None, kernel: str = "bicubic",
              threads: int = 1) -> MotionField:
        """What predicts `frame` from `reference` with this filter; `expected` is the field that its coding will be told to expect. `threads`: of the
        search, 0 for all cores."""
        if self._still:
            return MotionField.zero(*blocks(frame.width, frame.height)).using(kernel, False)
        before = reference.planes[0]
        candidates = None if self._flow is None else self._flow.vectors(frame.y, before, frame.depth)
        return motion.search(frame.y, before, qp, depth=frame.depth, previous=expected, candidates=candidates, effort=self._effort, kernel=kernel,
                             threads=threads)
