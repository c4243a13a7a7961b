"""A system that was measured in a laboratory: its twin is fitted to a file of inputs, parameters and outputs.

`measurements` is the file's path below a data directory (`.npz` or `.parquet`, see `numerics.recorded`), `sha256` its
checksum: what is learnt follows from its content. `trained` parameters are the controls that training may set.
"""

from __future__ import annotations

from joulescape.network.operators import Operator
from joulescape.network.request import Kind, Request

HIDDEN = 64
"""Width of the twin's two hidden layers."""


def _recorded(request: Request) -> Operator:
    request.one_input((1,))
    trained, out = request.whole("trained"), request.whole("out_features")
    if trained < 1:
        raise request.fault(f"trained must be at least 1, got {trained}")
    for key in ("measurements", "sha256"):
        if key not in request.attributes:
            raise request.fault(f"needs {key}")
    extra = {"hidden": request.whole("hidden", HIDDEN)}
    return request.operator((out,), 0.0, weight_shape=(trained,), parameter_count=trained, extra=extra)


def _twin_ops(operator: Operator) -> float:
    hidden = float(operator.attributes["hidden"])
    ends = operator.in_elements + operator.parameter_count + operator.out_elements
    return 2 * hidden * (ends + hidden)


plugin = Kind(_recorded, frozenset({"out_features", "trained", "hidden", "measurements", "sha256"}), twin_ops=_twin_ops)
