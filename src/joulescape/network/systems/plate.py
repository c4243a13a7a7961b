"""A driven plate: modes that a coil excites and a microphone hears, coupled by stretching (Berger's plate).

    q_m'' + 2 z w_m q_m' + w_m^2 (1 + a sum_n q_n^2) q_m = b_m u(t),   y = sum_m c_m q_m

The force u is a series of data and trained samples in turns; what is heard is averaged into the outputs.
"""

from __future__ import annotations

from joulescape.network.operators import Operator
from joulescape.network.request import Kind, Request
from joulescape.network.systems._driven import driven, resized, samples

MODES, QUALITY, STRETCH, HIGHEST = 24, 20.0, 1.0, 0.15
SUBSTEPS = 2
"""Steps of the integrator for one sample of the force."""

MODE_OPS = 12.0
"""Operations a mode and step."""


def _plate(request: Request) -> Operator:
    extra = {
        "modes": request.whole("modes", MODES),
        "quality": request.number("quality", QUALITY),
        "stretch": request.number("stretch", STRETCH),
        "highest": request.number("highest", HIGHEST),
    }
    if float(extra["highest"]) > 0.5:
        raise request.fault(f"highest mode {extra['highest']} must be at most 0.5 cycles a sample")
    return driven(request, SUBSTEPS, extra)


def _twin_ops(operator: Operator) -> float:
    return float(samples(operator) * SUBSTEPS) * float(operator.attributes["modes"]) * MODE_OPS


plugin = Kind(
    _plate,
    frozenset({"out_features", "trained", "modes", "quality", "stretch", "highest"}),
    twin_ops=_twin_ops,
    resized=resized,
)
