"""Kinds of physical networks: second-harmonic generation, and sums over the bins of a spectrum.

Operations per output element: spectral_sum inputs / outputs (adds). Backward a spectral sum copies errors (0).
"""

from __future__ import annotations

from collections.abc import Mapping

from joulescape.network.operators import Operator
from joulescape.network.request import Kind, Request


def _spectral_sum(request: Request) -> Operator:
    """Sums contiguous groups: output j sums inputs floor(j n / m) to floor((j + 1) n / m) - 1."""
    (features,) = request.one_input((1,))
    out = request.whole("out_features")
    if out > features:
        raise request.fault(f"cannot sum {features} inputs into {out} groups")
    return request.operator((out,), features / out)


def _shg(request: Request) -> Operator:
    """Second-harmonic generation: data bins carry the input, the other bins are the trained parameters."""
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


KINDS: Mapping[str, Kind] = {
    "spectral_sum": Kind(_spectral_sum, frozenset({"out_features"}), sign="kept"),
    "shg": Kind(_shg, frozenset({"out_features", "bins", "data_bins", "chirp_rad", "envelope"}), sign="nonnegative"),
}
"""A bin of the spectrum is no channel that could be removed."""
