"""Sums over the bins of a spectrum, or over any other values that stand side by side.

Operations per output element: inputs / outputs (adds). Backward a spectral sum copies errors (0).
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


KINDS: Mapping[str, Kind] = {"spectral_sum": Kind(_spectral_sum, frozenset({"out_features"}), sign="kept")}
"""A bin of the spectrum is no channel that could be removed."""
