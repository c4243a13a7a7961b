"""Kinds that act on single elements or channels.

Operations per output element: relu 1 (compare); relu6 2; sigmoid 4 (negate, exp, add, divide); softmax 5 (compare,
subtract, exp, add, divide); norm 2 (folded scale and shift), while training 6 (mean 1, variance 3, scale and shift 2);
add inputs - 1; scale_offset 2; flatten 0; local_response_norm kernel + 6 (square, kernel - 1 adds, scale and offset 2,
power 3 as logarithm, product and exponential, divide).

Backward, per input element: relu masks (1), relu6 at both ends (2); sigmoid g s (1 - s) (3); softmax s (g - sum g s)
(4); norm g - mean(g) - x mean(g x), scaled, with both parameter gradients (8); add joins two errors (1); scale_offset
scales (1); local_response_norm scales its error and takes off a window's sum (16, for five channels).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from joulescape.network.operators import Operator
from joulescape.network.request import Kind, Request

_OPS = {"relu": 1.0, "relu6": 2.0, "sigmoid": 4.0, "softmax": 5.0}


def _elementwise(request: Request) -> Operator:
    return request.operator(request.one_input((1, 2, 3)), _OPS[request.kind])


def _flatten(request: Request) -> Operator:
    return request.operator((math.prod(request.one_input((1, 2, 3))),))


def _norm(request: Request) -> Operator:
    shape = request.one_input((1, 3))
    return request.operator(shape, 2.0, weight_shape=shape[:1], parameter_count=2 * shape[0])


def _local_response_norm(request: Request) -> Operator:
    """x / (1 + 1e-4 / kernel * sum of x^2 over `kernel` neighbouring channels)^0.75 (Krizhevsky et al. 2012)."""
    kernel = request.whole("kernel", 5)
    return request.operator(request.one_input((3,)), kernel + 6.0, extra={"kernel": kernel})


def _add(request: Request) -> Operator:
    if len(request.in_shapes) < 2:
        raise request.fault("takes at least two inputs")
    if len(set(request.in_shapes)) != 1:
        shapes = ", ".join(f"{n} {s}" for n, s in zip(request.inputs, request.in_shapes, strict=True))
        raise request.fault(f"inputs must have one shape, got {shapes}")
    return request.operator(request.in_shapes[0], float(len(request.in_shapes) - 1))


def _scale_offset(request: Request) -> Operator:
    """One trained scale and offset for the whole layer; with `out_features` (= inputs) one of each per feature."""
    (features,) = request.one_input((1,))
    count = request.whole("out_features", 1)
    if count not in (1, features):
        raise request.fault(f"out_features must be 1 (one scale) or {features} (one per feature), got {count}")
    trained = count * (2 if request.attributes.get("bias", True) else 1)
    return request.operator((features,), 2.0, weight_shape=(count,), parameter_count=trained)


KINDS: Mapping[str, Kind] = {
    "relu": Kind(_elementwise, backward_ops_per_element=1.0, sign="nonnegative", keeps_channels=True),
    "relu6": Kind(_elementwise, backward_ops_per_element=2.0, sign="nonnegative", keeps_channels=True),
    "local_response_norm": Kind(
        _local_response_norm, frozenset({"kernel"}), backward_ops_per_element=16.0, sign="kept"
    ),
    "sigmoid": Kind(_elementwise, backward_ops_per_element=3.0, sign="nonnegative", keeps_channels=True),
    "softmax": Kind(_elementwise, backward_ops_per_element=4.0, sign="nonnegative", keeps_channels=True),
    "norm": Kind(_norm, backward_ops_per_element=8.0, training_ops_per_element=6.0, keeps_channels=True),
    "add": Kind(_add, backward_ops_per_element=1.0, sign="kept", keeps_channels=True),
    "flatten": Kind(_flatten, sign="kept", keeps_channels=True, is_free=True),
    "scale_offset": Kind(
        _scale_offset, frozenset({"out_features", "bias"}), backward_ops_per_element=1.0, keeps_channels=True
    ),
}
"""A flatten keeps channels in the sense that each becomes height * width neighbouring features."""
