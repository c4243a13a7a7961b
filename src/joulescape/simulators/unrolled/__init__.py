"""Arrays that unroll fixed loops of a convolution, fed from tiles in block memory: the accelerators of FPGAs."""

from __future__ import annotations

from joulescape.simulators.unrolled.settings import UnrolledSettings
from joulescape.simulators.unrolled.simulator import Unrolled

plugin = Unrolled()

__all__ = ["Unrolled", "UnrolledSettings", "plugin"]
