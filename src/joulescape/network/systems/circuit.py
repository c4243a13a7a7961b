"""One resistor, coil, capacitor loop with a transistor across the capacitor, driven by a voltage in time.

    i' = u(t) - i / Q - v,   v' = i - k softplus((v - t) / s)^2

in units where L = C = 1. The voltage u is a series of data and trained samples in turns; v is averaged
into the outputs. `quality` is Q, `spacing` the angle that the loop turns in one sample, `drive` the voltage of a 1.
"""

from __future__ import annotations

from joulescape.network.operators import Operator
from joulescape.network.request import Kind, Request
from joulescape.network.systems._driven import driven, resized, samples

QUALITY, SPACING, DRIVE = 8.0, 0.6, 2.0
SUBSTEPS = 2
"""Steps of the integrator for one sample of the voltage."""

STEP_OPS = 24.0
"""Operations a step, with the exponential and the logarithm of the transistor."""


def _circuit(request: Request) -> Operator:
    extra = {
        "quality": request.number("quality", QUALITY),
        "spacing": request.number("spacing", SPACING),
        "drive": request.number("drive", DRIVE),
    }
    return driven(request, SUBSTEPS, extra)


def _twin_ops(operator: Operator) -> float:
    return float(samples(operator) * SUBSTEPS) * STEP_OPS


plugin = Kind(
    _circuit,
    frozenset({"out_features", "trained", "quality", "spacing", "drive"}),
    twin_ops=_twin_ops,
    resized=resized,
)
