"""What each ONNX operator becomes: an operator of our graph with its arrays, or a refusal that says why."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from joulescape.interchange.onnx_file import Array, Node, OnnxFile
from joulescape.network.operators import Attribute

NORM_EPSILON = 1e-5
"""What our normalisation adds to every variance; the file's own is folded into the variance."""


class Refused(Exception):
    """No operator of ours computes this node."""


@dataclass
class Part:
    """One operator of our graph: tensors it reads and gives, by the names of the file, attributes, arrays."""

    node: Node
    kind: str
    inputs: tuple[str, ...]
    output: str
    attributes: dict[str, Attribute] = field(default_factory=dict)
    arrays: dict[str, Array] = field(default_factory=dict)


@dataclass
class Walk:
    """The file while it is walked; `parts` are by the tensor that they give."""

    file: OnnxFile
    parts: dict[str, Part] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    """Outputs of nodes that became part of an earlier operator or of nothing."""

    def constant(self, node: Node, place: int) -> Array | None:
        """The constant at an input; None where data or nothing stands there."""
        return self.file.constants.get(node.inputs[place]) if place < len(node.inputs) else None

    def weight(self, node: Node, place: int) -> Array:
        """The constant that must stand at an input."""
        value = self.constant(node, place)
        if value is None:
            raise Refused(f"its input '{node.inputs[place]}' is no constant")
        return np.asarray(value, np.float32)

    def tensor(self, name: str) -> str:
        """The first name of a tensor."""
        name = self.file.tensor(name)
        while name in self.renamed:
            name = self.file.tensor(self.renamed[name])
        return name

    def shape(self, name: str) -> tuple[int, ...]:
        """A tensor's shape, batch of one included."""
        found = self.file.shape(name)
        if found is None:
            raise Refused(f"the shape of '{name}' is unknown")
        return found

    def add(self, node: Node, kind: str, attributes: Mapping[str, Attribute] | None = None, **arrays: Array) -> None:
        """Note an operator that reads the node's inputs that are no constants."""
        read = tuple(self.tensor(name) for name in node.inputs if name and name not in self.file.constants)
        self.parts[node.outputs[0]] = Part(node, kind, read, node.outputs[0], dict(attributes or {}), dict(arrays))

    def pass_on(self, node: Node, place: int = 0) -> None:
        """The node's output is its input under another name."""
        self.renamed[node.outputs[0]] = node.inputs[place]


def translate(node: Node, walk: Walk) -> None:
    """Add what the node becomes to the walk; Refused where nothing of ours computes it."""
    rule = RULES.get(node.kind)
    if rule is None:
        raise Refused("no operator of this kind")
    rule(node, walk)


def _conv(node: Node, walk: Walk) -> None:
    weight, bias = walk.weight(node, 1), walk.constant(node, 2)
    if weight.ndim != 4:
        raise Refused(f"{weight.ndim - 2}-dimensional; two dimensions are taken")
    if any(step != 1 for step in node.attributes.get("dilations", ())):
        raise Refused("dilated")
    window = _window(node, walk, weight.shape[2:])
    groups = int(node.attributes.get("group", 1))
    attributes: dict[str, Attribute] = {"out_channels": weight.shape[0], **window, "bias": bias is not None}
    if groups != 1:
        attributes["groups"] = groups
    walk.add(node, "conv", attributes, weight=weight, **_biased(bias))


def _window(node: Node, walk: Walk, kernel: tuple[int, ...]) -> dict[str, Attribute]:
    """Kernel, stride and padding, with what differs across."""
    stride = tuple(node.attributes.get("strides", (1, 1)))
    pads = _pads(node, walk, kernel, stride)
    if pads[0] != pads[2] or pads[1] != pads[3]:
        raise Refused(f"padded unevenly ({', '.join(map(str, pads))})")
    found: dict[str, Attribute] = {}
    for name, (down, across) in {"kernel": kernel, "stride": stride, "padding": pads[:2]}.items():
        found[name] = int(down)
        if across != down:
            found[f"{name}_x"] = int(across)
    return found


def _pads(node: Node, walk: Walk, kernel: tuple[int, ...], stride: tuple[int, ...]) -> tuple[int, ...]:
    """Rows above, columns left, rows below, columns right."""
    how = node.attributes.get("auto_pad", "NOTSET")
    if how in ("NOTSET", "VALID"):
        return tuple(node.attributes.get("pads", (0, 0, 0, 0))) if how == "NOTSET" else (0, 0, 0, 0)
    sizes = walk.shape(node.inputs[0])[2:]
    totals = [max(0, (-(-n // s) - 1) * s + k - n) for n, k, s in zip(sizes, kernel, stride, strict=True)]
    small, large = [total // 2 for total in totals], [total - total // 2 for total in totals]
    return (*small, *large) if how == "SAME_UPPER" else (*large, *small)


def _gemm(node: Node, walk: Walk) -> None:
    if node.attributes.get("transA", 0):
        raise Refused("its first matrix is transposed")
    weight = walk.weight(node, 1) * np.float32(node.attributes.get("alpha", 1.0))
    bias = walk.constant(node, 2)
    out = weight if node.attributes.get("transB", 0) else weight.T
    if bias is not None:
        bias = np.broadcast_to(bias * np.float32(node.attributes.get("beta", 1.0)), (len(out),))
    elif len(node.inputs) > 2 and node.inputs[2]:
        raise Refused("its bias is no constant")
    _dense(node, walk, out, bias)


def _dense(node: Node, walk: Walk, weight: Array, bias: Array | None = None) -> None:
    attributes: dict[str, Attribute] = {"out_features": len(weight), "bias": bias is not None}
    walk.add(node, "dense", attributes, weight=np.ascontiguousarray(weight), **_biased(bias))


def _matmul(node: Node, walk: Walk) -> None:
    if walk.constant(node, 0) is not None:
        raise Refused("its first factor is a constant")
    weight = walk.constant(node, 1)
    if weight is None:
        walk.add(node, "matmul")
    elif weight.ndim != 2:
        raise Refused(f"its constant has {weight.ndim} dimensions; a matrix is taken")
    else:
        _dense(node, walk, np.asarray(weight, np.float32).T)


def _add(node: Node, walk: Walk) -> None:
    """A sum of tensors of one shape; or of a product and a constant, which becomes its bias."""
    places = [place for place in range(2) if walk.constant(node, place) is not None]
    if not places:
        if walk.shape(node.inputs[0]) != walk.shape(node.inputs[1]):
            raise Refused("its inputs have different shapes")
        walk.add(node, "add")
        return
    bias, other = np.asarray(walk.weight(node, places[0])), walk.tensor(node.inputs[1 - places[0]])
    part = walk.parts.get(other)
    is_free = part is not None and not part.attributes.get("bias", True) and len(walk.file.readers(other)) == 1
    if part is None or not is_free or not _is_bias(part, bias):
        raise Refused("adds a constant to what is no product without bias")
    part.attributes["bias"] = True
    part.arrays["bias"] = np.ascontiguousarray(bias.reshape(-1))
    walk.pass_on(node, 1 - places[0])


def _is_bias(part: Part, bias: Array) -> bool:
    """Whether the constant holds one number for each output feature or channel."""
    count = len(part.arrays["weight"])
    lone = (count, 1, 1) if part.kind == "conv" else (count,)
    return bias.size == count and (1,) * (bias.ndim - len(lone)) + lone == bias.shape


def _pool(kind: str) -> Callable[[Node, Walk], None]:
    def rule(node: Node, walk: Walk) -> None:
        kernel = tuple(node.attributes["kernel_shape"])
        if len(kernel) != 2:
            raise Refused(f"{len(kernel)}-dimensional; two dimensions are taken")
        if any(step != 1 for step in node.attributes.get("dilations", ())):
            raise Refused("dilated")
        window = _window(node, walk, kernel)
        if len(window) != 3 or window["padding"]:
            raise Refused("its window is not square, or padded")
        size, out = walk.shape(node.inputs[0])[2:], walk.shape(node.outputs[0])[2:]
        whole = tuple((n - kernel[0]) // int(window["stride"]) + 1 for n in size)
        if out != whole:
            raise Refused("it rounds its output size up")
        walk.add(node, kind, {"kernel": window["kernel"], "stride": window["stride"]})

    return rule


def _mean(node: Node, walk: Walk) -> None:
    axes = node.attributes.get("axes")
    given = walk.constant(node, 1)
    places = axes if axes is not None else () if given is None else given.tolist()
    rank = len(walk.shape(node.inputs[0]))
    if sorted(int(place) % rank for place in places) != [2, 3] or rank != 4:
        raise Refused("means over other than height and width")
    walk.add(node, "global_avg_pool")


def _norm(node: Node, walk: Walk) -> None:
    if node.attributes.get("training_mode", 0):
        raise Refused("in training mode")
    scale, bias, mean, variance = (walk.weight(node, place) for place in (1, 2, 3, 4))
    moved = variance + np.float32(node.attributes.get("epsilon", NORM_EPSILON) - NORM_EPSILON)
    walk.add(node, "norm", weight=scale, bias=bias, mean=mean, variance=moved)


def _flatten(node: Node, walk: Walk) -> None:
    """To (batch, everything else); what already has this shape is passed on."""
    before, after = walk.shape(node.inputs[0]), walk.shape(node.outputs[0])
    if after != (1, math.prod(before)):
        raise Refused(f"reshapes {before[1:]} to {after[1:]}; only flattening a sample is taken")
    if before == after:
        walk.pass_on(node)
    else:
        walk.add(node, "flatten")


def _clip(node: Node, walk: Walk) -> None:
    low, high = (_limit(node, walk, place, name) for place, name in ((1, "min"), (2, "max")))
    if low != 0.0 or high is not None:
        raise Refused(f"limits to {low} .. {high}; only below, at 0, is taken")
    walk.add(node, "relu")


def _limit(node: Node, walk: Walk, place: int, name: str) -> float | None:
    value = walk.constant(node, place)
    number = node.attributes.get(name) if value is None else float(value)
    return None if number is None or abs(number) >= np.finfo(np.float32).max else float(number)


def _softmax(node: Node, walk: Walk) -> None:
    rank = len(walk.shape(node.inputs[0]))
    if int(node.attributes.get("axis", -1)) % rank != rank - 1:
        raise Refused("not over the last axis")
    walk.add(node, "softmax")


def _plain(kind: str) -> Callable[[Node, Walk], None]:
    return lambda node, walk: walk.add(node, kind)


def _biased(bias: Array | None) -> dict[str, Array]:
    return {} if bias is None else {"bias": np.array(bias, np.float32)}


RULES: Mapping[str, Callable[[Node, Walk], None]] = {
    "Conv": _conv, "Gemm": _gemm, "MatMul": _matmul, "Add": _add, "Relu": _plain("relu"), "Sigmoid": _plain("sigmoid"),
    "Softmax": _softmax, "Clip": _clip, "MaxPool": _pool("max_pool"), "AveragePool": _pool("avg_pool"),
    "GlobalAveragePool": _plain("global_avg_pool"), "ReduceMean": _mean, "BatchNormalization": _norm,
    "Flatten": _flatten, "Reshape": _flatten, "Squeeze": _flatten,
}  # fmt: skip
"""By ONNX operator. A kind that is absent is refused with its share of the network's MACs."""
