"""Instruction set detection (csrc/common/isa.h)."""

cdef extern from "common/isa.h" namespace "zvc" nogil:
    cdef enum class Isa(int):
        kScalar
        kAvx2
        kAvx512
    Isa detect_isa() noexcept


def detect() -> int:
    """Best level this CPU runs, as an index into `zvc69.core.cpu.LEVELS`."""
    return <int>detect_isa()
