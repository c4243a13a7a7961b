"""Operators of an ONNX file that only a host computes, because its user said so: ONNX itself defines what they do.

Operations per output element are stated by the user, forward; there is no gradient, so no machine takes one backward.
Only the reader of ONNX files writes this kind: it is none of those that a YAML file can name.
"""

from __future__ import annotations

from collections.abc import Mapping

from joulescape.network.operators import Operator
from joulescape.network.request import Kind, Request


def _foreign(request: Request) -> Operator:
    """The output has the shape of every input."""
    if len(set(request.in_shapes)) != 1:
        raise request.fault("takes inputs of one shape")
    ops = request.attributes.get("ops_per_element")
    if ops is None or "onnx" not in request.attributes:
        raise request.fault("needs onnx and ops_per_element")
    return request.operator(request.in_shapes[0], float(ops))


KINDS: Mapping[str, Kind] = {
    "foreign": Kind(_foreign, frozenset({"onnx", "ops_per_element"}), backward_ops_per_element=1.0),
}
"""Its channels stay, since nobody knows how they mix."""
