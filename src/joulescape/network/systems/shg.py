"""Second-harmonic generation of a shaped pulse: data bins carry the input, the others are trained (wright2022)."""

from __future__ import annotations

import math
from collections.abc import Mapping

from joulescape.network.operators import Attribute, Operator
from joulescape.network.request import Kind, Request

TWIN_OPS = 15.0
"""One pass of the twin: 15 n log2 n operations, n the padded FFT length (FFT, square, inverse)."""


def twin_length(bins: int) -> int:
    """FFT length of the twin: the next power of two that holds 2 bins - 1 output bins."""
    return 1 << (2 * bins - 2).bit_length()


def _shg(request: Request) -> Operator:
    (features,) = request.one_input((1,))
    bins, data_bins = request.whole("bins"), request.whole("data_bins")
    out = request.whole("out_features")
    if data_bins >= bins:
        raise request.fault(f"data_bins {data_bins} must leave parameter bins among {bins} bins")
    if features > data_bins:
        raise request.fault(f"{features} inputs do not fit {data_bins} data bins")
    if out > 2 * bins - 1:
        raise request.fault(f"out_features {out} exceeds the {2 * bins - 1} bins of the second harmonic")
    trained = bins - data_bins
    return request.operator((out,), 0.0, weight_shape=(trained,), parameter_count=trained)


def _twin_ops(operator: Operator) -> float:
    length = twin_length(int(operator.attributes["bins"]))
    return TWIN_OPS * length * math.log2(length)


def _resized(operator: Operator, channels: int) -> Mapping[str, Attribute]:
    """So many bins beside those of the data, or a few more: each recorded value sums as many of the spectrum's bins."""
    whole = operator.out_elements // math.gcd(operator.out_elements, 2)
    return {"bins": whole * math.ceil((int(operator.attributes["data_bins"]) + channels) / whole)}


plugin = Kind(
    _shg,
    frozenset({"out_features", "bins", "data_bins", "chirp_rad", "envelope"}),
    sign="nonnegative",
    twin_ops=_twin_ops,
    resized=_resized,
)
