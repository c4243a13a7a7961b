"""What systems share that are driven by a time series: data and trained samples stand in turns in one series."""

from __future__ import annotations

from collections.abc import Mapping

from joulescape.network.operators import Attribute, Operator
from joulescape.network.request import Request


def driven(request: Request, substeps: int, extra: Mapping[str, Attribute]) -> Operator:
    """A driven system: `trained` samples between the inputs, `out_features` averages of what is recorded."""
    (features,) = request.one_input((1,))
    trained, out = request.whole("trained"), request.whole("out_features")
    if trained < 1:
        raise request.fault(f"trained must be at least 1, got {trained}")
    samples = (features + trained) * substeps
    if out > samples:
        raise request.fault(f"cannot record {out} averages of {samples} samples")
    return request.operator((out,), 0.0, weight_shape=(trained,), parameter_count=trained, extra=extra)


def resized(operator: Operator, channels: int) -> Mapping[str, Attribute]:  # noqa: ARG001
    """So many trained samples."""
    return {"trained": channels}


def samples(operator: Operator) -> int:
    """Length of the series that drives it."""
    return int(operator.attributes["trained"]) + operator.in_elements
