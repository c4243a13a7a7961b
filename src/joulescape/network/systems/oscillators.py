"""Coupled pendula that start where the data put them and are read after a while (Wright et al.'s example of a system).

    q_i'' = -w_i^2 sin q_i + sum_j J_ij (sin q_j - sin q_i) + e_i

Trained are the couplings J (symmetric, with self-couplings) and the drives e: units (units + 3) / 2 numbers.
`units` pendula swing for `duration` (in units of 1 / w); the last `out_features` of them are read. The twin takes
`steps` steps of the integrator of this `order`: 2 velocity Verlet, 4 Runge-Kutta.
"""

from __future__ import annotations

from collections.abc import Mapping

from joulescape.network.operators import Attribute, Operator
from joulescape.network.request import Kind, Request

DURATION, STEPS, ORDER = 0.5, 5, 2
FORCES = {2: 1, 4: 4}
"""Forces that a step of each order takes."""

SINE_OPS, OTHER_OPS = 8.0, 8.0
"""Operations of a sine, and of the integrator and the drive, per unit and force."""


def _oscillators(request: Request) -> Operator:
    (features,) = request.one_input((1,))
    units = request.whole("units", features)
    out = request.whole("out_features", units)
    order = request.whole("order", ORDER)
    if features > units:
        raise request.fault(f"{features} inputs do not fit {units} oscillators")
    if out > units:
        raise request.fault(f"cannot read {out} of {units} oscillators")
    if order not in FORCES:
        raise request.fault(f"order must be 2 (Verlet) or 4 (Runge-Kutta), got {order}")
    extra = {
        "units": units,
        "duration": request.number("duration", DURATION),
        "steps": request.whole("steps", STEPS),
        "order": order,
    }
    return request.operator(
        (out,), 0.0, weight_shape=(units, units), parameter_count=units * (units + 3) // 2, extra=extra
    )


def _twin_ops(operator: Operator) -> float:
    units = float(operator.attributes["units"])
    forces = float(operator.attributes["steps"]) * FORCES[int(operator.attributes["order"])]
    return forces * units * (2 * units + SINE_OPS + OTHER_OPS)


def _resized(operator: Operator, channels: int) -> Mapping[str, Attribute]:
    """So many oscillators beside those that data or results need."""
    return {"units": max(operator.in_elements, operator.out_elements) + channels}


plugin = Kind(
    _oscillators,
    frozenset({"out_features", "units", "duration", "steps", "order"}),
    twin_ops=_twin_ops,
    resized=_resized,
)
