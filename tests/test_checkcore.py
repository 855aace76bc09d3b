"""Every kernel check (tests/checkcore) at every instruction set of this CPU."""
import pytest

from tests.checkcore import harness
from zvc69.core import cpu


@pytest.mark.parametrize("level", cpu.available())
@pytest.mark.parametrize("family", harness.families())
def test_level_agrees_with_reference(family, level):
    checks = harness.checks(family)
    assert checks, f"check_{family}.py registers no check"
    for check in checks:
        check.run(level)


def test_compare_reports_where_arrays_differ():
    import numpy as np

    got, want = np.zeros((2, 3), np.int16), np.zeros((2, 3), np.int16)
    harness.compare("equal", got, want)
    got[1, 2] = 7
    with pytest.raises(AssertionError, match=r"1 of 6 differ, first at \(1, 2\): 7, reference 0"):
        harness.compare("one", got, want)
    with pytest.raises(AssertionError, match="dtype"):
        harness.compare("type", got.astype(np.int32), want)
