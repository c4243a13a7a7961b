"""What each kind of operator makes of the shapes it reads: output shape, loop bounds, parameters and operations.

`ops_per_element` counts elementary operations per element of the OUTPUT, per sample (a multiply, an add, a compare, an
exponential and a division count one each):

- relu 1 (compare); sigmoid 4 (negate, exp, add, divide); softmax 5 (compare, subtract, exp, add, divide);
- max_pool kernel^2 - 1 (compares); avg_pool and global_avg_pool window (window - 1 adds, one multiply);
- norm 2 (folded scale and shift); scale_offset 2; add inputs - 1; spectral_sum inputs / outputs (adds); flatten 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from joulescape.network.operators import Attribute, Loops, Operator

Shape = tuple[int, ...]

ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "conv": frozenset(
        {"out_channels", "kernel", "stride", "padding", "groups", "bias", "kernel_x", "stride_x", "padding_x"}
    ),
    "dense": frozenset({"out_features", "bias"}),
    "max_pool": frozenset({"kernel", "stride"}),
    "avg_pool": frozenset({"kernel", "stride"}),
    "scale_offset": frozenset({"out_features", "bias"}),
    "spectral_sum": frozenset({"out_features"}),
    "shg": frozenset({"out_features", "bins", "data_bins", "chirp_rad", "envelope"}),
}
"""Attributes that a kind takes; a kind that is absent takes none."""


@dataclass(frozen=True)
class Request:
    """An operator before its shapes are known."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    in_shapes: tuple[Shape, ...]
    attributes: Mapping[str, Attribute]

    def fault(self, reason: str) -> ValueError:
        """The error that names this operator."""
        return ValueError(f"operator '{self.name}' ({self.kind}): {reason}")

    def whole(self, key: str, default: int | None = None) -> int:
        """A whole-number attribute; without default it must be given."""
        value = self.attributes.get(key, default)
        if value is None:
            raise self.fault(f"needs {key}")
        return int(value)

    def pair(self, key: str, default: int | None = None) -> tuple[int, int]:
        """A window's attribute down and across: `<key>` is both unless `<key>_x` says otherwise."""
        down = self.whole(key, default)
        return down, self.whole(f"{key}_x", down)

    def one_input(self, dimensions: tuple[int, ...]) -> Shape:
        """The shape of the only input, whose number of dimensions must be one of `dimensions`."""
        if len(self.in_shapes) != 1:
            raise self.fault(f"takes one input, got {len(self.in_shapes)}")
        shape = self.in_shapes[0]
        if len(shape) not in dimensions:
            wanted = " or ".join(_SHAPE_NAMES[d] for d in dimensions)
            raise self.fault(f"reads {wanted}, but {self.inputs[0]} gives shape {shape}")
        return shape


_SHAPE_NAMES = {1: "(features,)", 2: "(tokens, features)", 3: "(channels, height, width)"}
_VECTOR_OPS = {"relu": 1.0, "sigmoid": 4.0, "softmax": 5.0, "norm": 2.0, "scale_offset": 2.0, "flatten": 0.0}


def infer(request: Request) -> Operator:
    """The operator with every shape known.

    Raises ValueError naming the operator when an attribute is missing or foreign to the kind, or a shape does not fit.
    """
    foreign = set(request.attributes) - ATTRIBUTES.get(request.kind, frozenset())
    if foreign:
        raise request.fault(f"takes no {', '.join(sorted(foreign))}")
    return _RULES[request.kind](request)


def _make(
    request: Request,
    out_shape: Shape,
    ops_per_element: float = 0.0,
    loops: Loops | None = None,
    weight_shape: Shape | None = None,
    parameter_count: int = 0,
    extra: Mapping[str, Attribute] | None = None,
) -> Operator:
    return Operator(
        name=request.name,
        kind=request.kind,
        inputs=request.inputs,
        in_shapes=request.in_shapes,
        out_shape=out_shape,
        attributes={**request.attributes, **(extra or {})},
        loops=loops,
        parameter_count=parameter_count,
        weight_shape=weight_shape,
        has_bias=request.kind in {"conv", "dense"} and bool(request.attributes.get("bias", True)),
        ops_per_element=ops_per_element,
    )


def _conv(request: Request) -> Operator:
    channels, height, width = request.one_input((3,))
    out, groups = request.whole("out_channels"), request.whole("groups", 1)
    kernel, stride, padding = request.pair("kernel"), request.pair("stride", 1), request.pair("padding", 0)
    if channels % groups or out % groups:
        raise request.fault(f"groups {groups} must divide both {channels} input and {out} output channels")
    out_y, out_x = (
        _window(request, size + 2 * padding[axis], kernel[axis], stride[axis])
        for axis, size in enumerate((height, width))
    )
    weight = (out, channels // groups, *kernel)
    loops = Loops(
        G=groups, K=out // groups, C=channels // groups, OY=out_y, OX=out_x, FY=kernel[0], FX=kernel[1],
        stride_y=stride[0], stride_x=stride[1],
    )  # fmt: skip
    filled: dict[str, Attribute] = {"stride": stride[0], "padding": padding[0], "groups": groups}
    return _make(request, (out, out_y, out_x), 0.0, loops, weight, _trained(request, weight), filled)


def _dense(request: Request) -> Operator:
    *tokens, features = request.one_input((1, 2))
    out = request.whole("out_features")
    weight = (out, features)
    loops = Loops(K=out, C=features, OX=math.prod(tokens))
    return _make(request, (*tokens, out), 0.0, loops, weight, _trained(request, weight))


def _trained(request: Request, weight: Shape) -> int:
    return math.prod(weight) + (weight[0] if request.attributes.get("bias", True) else 0)


def _matmul(request: Request) -> Operator:
    """(M, C) times (C, N), or the same with a leading group (heads) in both: two activations, no weight."""
    if len(request.in_shapes) != 2 or len({len(shape) for shape in request.in_shapes}) != 1:
        raise request.fault("takes two inputs with the same number of dimensions")
    left, right = request.in_shapes
    if len(left) not in (2, 3) or left[:-2] != right[:-2] or left[-1] != right[-2]:
        raise request.fault(f"cannot multiply {left} by {right}")
    groups = math.prod(left[:-2])
    loops = Loops(G=groups, K=right[-1], C=left[-1], OX=left[-2])
    return _make(request, (*left[:-1], right[-1]), 0.0, loops)


def _elementwise(request: Request) -> Operator:
    shape = request.one_input((1, 2, 3))
    return _make(request, shape, _VECTOR_OPS[request.kind])


def _flatten(request: Request) -> Operator:
    return _make(request, (math.prod(request.one_input((1, 2, 3))),))


def _norm(request: Request) -> Operator:
    shape = request.one_input((1, 3))
    return _make(request, shape, _VECTOR_OPS["norm"], weight_shape=shape[:1], parameter_count=2 * shape[0])


def _pool(request: Request) -> Operator:
    channels, height, width = request.one_input((3,))
    kernel = request.whole("kernel", 2)
    stride = request.whole("stride", kernel)
    out_y, out_x = (_window(request, size, kernel, stride) for size in (height, width))
    ops = kernel * kernel - (1.0 if request.kind == "max_pool" else 0.0)
    return _make(request, (channels, out_y, out_x), ops, extra={"kernel": kernel, "stride": stride})


def _global_avg_pool(request: Request) -> Operator:
    channels, height, width = request.one_input((3,))
    return _make(request, (channels,), float(height * width))


def _window(request: Request, size: int, kernel: int, stride: int) -> int:
    if kernel > size:
        raise request.fault(f"kernel {kernel} is larger than its input of {size} (padding included)")
    return (size - kernel) // stride + 1


def _add(request: Request) -> Operator:
    if len(request.in_shapes) < 2:
        raise request.fault("takes at least two inputs")
    if len(set(request.in_shapes)) != 1:
        shapes = ", ".join(f"{n} {s}" for n, s in zip(request.inputs, request.in_shapes, strict=True))
        raise request.fault(f"inputs must have one shape, got {shapes}")
    return _make(request, request.in_shapes[0], float(len(request.in_shapes) - 1))


def _scale_offset(request: Request) -> Operator:
    """One trained scale and offset for the whole layer; with `out_features` (= inputs) one of each per feature."""
    (features,) = request.one_input((1,))
    count = request.whole("out_features", 1)
    if count not in (1, features):
        raise request.fault(f"out_features must be 1 (one scale) or {features} (one per feature), got {count}")
    trained = count * (2 if request.attributes.get("bias", True) else 1)
    return _make(request, (features,), _VECTOR_OPS["scale_offset"], weight_shape=(count,), parameter_count=trained)


def _spectral_sum(request: Request) -> Operator:
    """Sums contiguous groups: output j sums inputs floor(j n / m) to floor((j + 1) n / m) - 1."""
    (features,) = request.one_input((1,))
    out = request.whole("out_features")
    if out > features:
        raise request.fault(f"cannot sum {features} inputs into {out} groups")
    return _make(request, (out,), features / out)


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
    return _make(request, (out,), 0.0, weight_shape=(trained,), parameter_count=trained)


_RULES: Mapping[str, Callable[[Request], Operator]] = {
    "conv": _conv, "dense": _dense, "matmul": _matmul, "relu": _elementwise, "sigmoid": _elementwise,
    "softmax": _elementwise, "max_pool": _pool, "avg_pool": _pool, "global_avg_pool": _global_avg_pool,
    "norm": _norm, "add": _add, "flatten": _flatten, "scale_offset": _scale_offset,
    "spectral_sum": _spectral_sum, "shg": _shg,
}  # fmt: skip
