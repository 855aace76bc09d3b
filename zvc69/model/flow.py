"""The flow network: vectors for the encoder's motion search to try. Decoders have no use for it."""
from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from ..core.warp import LARGEST_VECTOR
from ..errors import ModelError
from .store import model_folders

NAME = "motion"
FILE = "flow.onnx"
ALIGN = 32     # the coarsest level has one position for so many luma samples


class FlowModel:
    """The network in `folder`, on ONNX Runtime with so many threads (0 = all cores).

    Raises ModelError when it is missing or damaged.
    """

    def __init__(self, folder: Path, threads: int = 0) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = threads, 3
        # As in OnnxRunner: idle threads must not spin.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        path = Path(folder) / FILE
        try:
            self._session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
        except OSError as error:
            raise ModelError(f"no flow network in {folder}: {error.strerror or error}") from error
        except Exception as error:  # ONNX Runtime raises types of its own, by cause
            raise ModelError(f"{path} is damaged: {str(error).splitlines()[0]}") from error

    def flow(self, current: NDArray[np.float32], reference: NDArray[np.float32]) -> NDArray[np.float32]:
        """(h, w, 2): dx, dy in quarter pixels of every 8x8, from luma in 8-bit levels whose sizes are multiples of 32."""
        flow, = self._session.run(None, {"current": current[None, None], "reference": reference[None, None]})
        return flow[0].transpose(1, 2, 0)

    def vectors(self, current: NDArray, reference: NDArray, depth: int) -> NDArray[np.int16]:
        """Candidates for `motion.search`: (h, w, 2) int16 of the padded picture's 8x8 blocks. Planes (height, width) of equal shape at `depth`."""
        flow = self.flow(*(_levels(plane, depth) for plane in (current, reference)))
        return np.rint(flow).clip(-LARGEST_VECTOR, LARGEST_VECTOR).astype(np.int16)


def _levels(plane: NDArray, depth: int) -> NDArray[np.float32]:
    height, width = plane.shape
    padded = np.pad(plane, ((0, -height % ALIGN), (0, -width % ALIGN)), mode="edge")
    return padded.astype(np.float32) if depth == 8 else padded * np.float32(2.0 ** (8 - depth))


@lru_cache(maxsize=2)
def load_flow(threads: int = 0) -> FlowModel:
    """The installed flow network. Raises ModelError when there is none."""
    for folder in model_folders():
        if (folder / NAME / FILE).is_file():
            return FlowModel(folder / NAME, threads)
    raise ModelError(f"the flow network is not installed (models/{NAME}/{FILE})")
