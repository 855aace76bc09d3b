"""Where a slot's vectors come from: the search, the search helped by the flow network, or nowhere (implicit motion)."""
from __future__ import annotations

from collections import OrderedDict
from threading import Lock

import numpy as np

from ..config import EncoderConfig
from ..core import motion
from ..core.motion import MotionField, SearchReference
from ..core.pack import blocks
from ..media import Frame
from .slots import Reference

KEPT, KEPT_BYTES = 12, 128 << 20
"""Prepared references at most, more than the frames of a run have, and what they take, but for two, which every search of a B frame needs."""


class PreparedReferences:
    """Pictures that were searched last, ready to be searched again: the frames of a run, and both slots of one frame, refer to the same few. May be used by
    several threads.

    >>> references = PreparedReferences()
    >>> y = np.zeros((32, 32), np.uint8)
    >>> references.get(y, 8, "sharp") is references.get(y, 8, "sharp")
    True
    """

    def __init__(self) -> None:
        # By the plane's id, which is its own as long as it is kept beside.
        self._kept: OrderedDict[tuple[int, str], tuple[np.ndarray, SearchReference]] = OrderedDict()
        self._lock = Lock()

    def get(self, y: np.ndarray, depth: int, kernel: str) -> SearchReference:
        """Of a luma plane that nobody changes any more."""
        key = id(y), kernel
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            else:
                self._kept[key] = y, SearchReference(y, depth, kernel)
                while len(self._kept) > KEPT or len(self._kept) > 2 and sum(reference.nbytes for _, reference in self._kept.values()) > KEPT_BYTES:
                    self._kept.popitem(last=False)
            return self._kept[key][1]


class MotionEstimator:
    """Fields as `config.motion` says: "search", "flow" (the search tries the network's vectors too) or "none": all vectors are zero, slots hold
    pictures as they are and the network finds in them what moved.

    May be used by several threads. Raises ModelError where the flow network is wanted and not installed.
    """

    def __init__(self, config: EncoderConfig) -> None:
        self._effort, self._still = config.motion_effort, config.motion == "none"
        self.thorough = self._effort > 0
        """Whether a search may be made again with another filter."""
        self._prepared = PreparedReferences()
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
        prepared = self._prepared.get(before, frame.depth, kernel)
        return motion.search(frame.y, prepared, qp, depth=frame.depth, previous=expected, candidates=candidates, effort=self._effort, kernel=kernel,
                             threads=threads)
