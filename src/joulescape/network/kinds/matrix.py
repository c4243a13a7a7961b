"""Kinds with loop bounds: convolution, dense, and the product of two activations."""

from __future__ import annotations

import math
from collections.abc import Mapping

from joulescape.network.kinds.windows import positions
from joulescape.network.operators import Attribute, Loops, Operator
from joulescape.network.request import Kind, Request, Shape


def _conv(request: Request) -> Operator:
    channels, height, width = request.one_input((3,))
    out, groups = request.whole("out_channels"), request.whole("groups", 1)
    kernel, stride, padding = request.pair("kernel"), request.pair("stride", 1), request.pair("padding", 0)
    if channels % groups or out % groups:
        raise request.fault(f"groups {groups} must divide both {channels} input and {out} output channels")
    out_y, out_x = (
        positions(request, size + 2 * padding[axis], kernel[axis], stride[axis])
        for axis, size in enumerate((height, width))
    )
    weight = (out, channels // groups, *kernel)
    loops = Loops(
        G=groups, K=out // groups, C=channels // groups, OY=out_y, OX=out_x, FY=kernel[0], FX=kernel[1],
        stride_y=stride[0], stride_x=stride[1],
    )  # fmt: skip
    filled: dict[str, Attribute] = {"stride": stride[0], "padding": padding[0], "groups": groups}
    return request.operator((out, out_y, out_x), 0.0, loops, weight, _trained(request, weight), filled)


def _dense(request: Request) -> Operator:
    *tokens, features = request.one_input((1, 2))
    out = request.whole("out_features")
    weight = (out, features)
    loops = Loops(K=out, C=features, OX=math.prod(tokens))
    return request.operator((*tokens, out), 0.0, loops, weight, _trained(request, weight))


def _trained(request: Request, weight: Shape) -> int:
    return math.prod(weight) + (weight[0] if request.attributes.get("bias", True) else 0)


def _matmul(request: Request) -> Operator:
    """(M, C) times (C, N), or the same with a leading group (heads) in both: two activations, no weight.

    `scale` multiplies the product; like any constant it is absorbed by a layer before and costs nothing.
    """
    if len(request.in_shapes) != 2 or len({len(shape) for shape in request.in_shapes}) != 1:
        raise request.fault("takes two inputs with the same number of dimensions")
    left, right = request.in_shapes
    if len(left) not in (2, 3) or left[:-2] != right[:-2] or left[-1] != right[-2]:
        raise request.fault(f"cannot multiply {left} by {right}")
    groups = math.prod(left[:-2])
    loops = Loops(G=groups, K=right[-1], C=left[-1], OX=left[-2])
    return request.operator((*left[:-1], right[-1]), 0.0, loops)


KINDS: Mapping[str, Kind] = {
    "conv": Kind(
        _conv,
        frozenset(
            {"out_channels", "kernel", "stride", "padding", "groups", "bias", "kernel_x", "stride_x", "padding_x"}
        ),
    ),
    "dense": Kind(_dense, frozenset({"out_features", "bias"})),
    "matmul": Kind(_matmul, frozenset({"scale"})),
}
"""Backward each is one or two products again (`network.lower`)."""
