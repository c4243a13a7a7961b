"""Products in ONNX: convolutions, matrix products, and sums that turn out to be their biases."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from joulescape.interchange.onnx_file import Array, Node
from joulescape.interchange.onnx_walk import Part, Refused, Rule, Walk
from joulescape.network.operators import Attribute


def _conv(node: Node, walk: Walk) -> None:
    weight, bias = walk.weight(node, 1), walk.constant(node, 2)
    if weight.ndim != 4:
        raise Refused(f"{weight.ndim - 2}-dimensional; two dimensions are taken")
    if any(step != 1 for step in node.attributes.get("dilations", ())):
        raise Refused("dilated")
    window = window_of(node, walk, weight.shape[2:])
    groups = int(node.attributes.get("group", 1))
    attributes: dict[str, Attribute] = {"out_channels": weight.shape[0], **window, "bias": bias is not None}
    if groups != 1:
        attributes["groups"] = groups
    walk.add(node, "conv", attributes, weight=weight, **_biased(bias))


def window_of(node: Node, walk: Walk, kernel: tuple[int, ...]) -> dict[str, Attribute]:
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
    places = [place for place in range(len(node.inputs)) if walk.constant(node, place) is not None]
    if not places:
        if len(node.inputs) < 2 or len({walk.shape(name) for name in node.inputs}) != 1:
            raise Refused("its inputs have different shapes")
        walk.add(node, "add")
        return
    if len(node.inputs) != 2:
        raise Refused("sums a constant and more than one tensor")
    bias, other = np.asarray(walk.weight(node, places[0])), walk.tensor(node.inputs[1 - places[0]])
    part = walk.parts.get(other)
    if bias.shape[-2:] == walk.shape(node.outputs[0])[1:] and len(walk.shape(node.outputs[0])) == 3:
        walk.add(node, "position", weight=bias.reshape(bias.shape[-2:]))
        return
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


def _biased(bias: Array | None) -> dict[str, Array]:
    return {} if bias is None else {"bias": np.array(bias, np.float32)}


def _scaled(node: Node, walk: Walk) -> None:
    """A product of two activations times a constant, which becomes its scale."""
    places = [place for place in range(2) if walk.constant(node, place) is not None]
    value = walk.weight(node, places[0]) if places else np.empty(0)
    source = walk.tensor(node.inputs[1 - places[0]]) if places else ""
    part = walk.parts.get(source)
    if value.size != 1 or part is None or part.kind != "matmul" or len(walk.file.readers(source)) != 1:
        raise Refused("multiplies what is no product of two activations and one number")
    if node.kind == "Div" and places != [1]:
        raise Refused("divides by data")
    by = float(value.item()) if node.kind == "Mul" else 1 / float(value.item())
    part.attributes["scale"] = float(part.attributes.get("scale", 1.0)) * by
    walk.pass_on(node, 1 - places[0])


RULES: Mapping[str, Rule] = {
    "Conv": _conv, "Gemm": _gemm, "MatMul": _matmul, "Add": _add, "Sum": _add, "Mul": _scaled, "Div": _scaled,
}  # fmt: skip
"""By ONNX operator."""
