"""Small in-order float32 core with SIMD lanes: the host of other machines."""

from __future__ import annotations

from joulescape.simulators.scalar.simulator import Scalar, ScalarSettings

plugin = Scalar()

__all__ = ["Scalar", "ScalarSettings", "plugin"]
