"""What all tests share: the small model that is kept with them, found by name here and in every process they start."""
from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

MODELS = Path(__file__).parent / "golden" / "models"

os.environ["ZVC69_MODELS"] = os.pathsep.join(filter(None, [str(MODELS), os.environ.get("ZVC69_MODELS", "")]))

# How long an example takes is the machine's affair.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")


@pytest.fixture(params=[1, 2], ids=["order 1", "order 2"])
def device(request):
    """The CPU's emulation of a GPU, twice, with threads in other orders: what depends on the order is a race."""
    from .emulator import EmulatedDevice
    return EmulatedDevice(request.param)
