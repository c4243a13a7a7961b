"""Multiply-accumulates of ONNX nodes, also of those that no operator of ours computes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from joulescape.interchange.onnx_file import Node, OnnxFile


class _UnknownShape(Exception):
    """A count needs a shape that could not be inferred."""


def macs_of(node: Node, file: OnnxFile) -> int | None:
    """Of one sample; 0 for what multiplies no matrices.

    None where nobody can tell: shapes are unknown, the operator is of another domain than ONNX's own, or holds others.
    """
    if "::" in node.kind or node.kind in _UNCOUNTED:
        return None
    count = _COUNTS.get(node.kind)
    try:
        return 0 if count is None else count(node, file)
    except _UnknownShape:
        return None


def _shape(file: OnnxFile, name: str) -> tuple[int, ...]:
    constant = file.constants.get(name)
    found = file.shape(name) if constant is None else tuple(constant.shape)
    if found is None:
        raise _UnknownShape(name)
    return found


def _convolution(place: int) -> Callable[[Node, OnnxFile], int]:
    """Output elements times one filter, whose weights stand at this input."""

    def count(node: Node, file: OnnxFile) -> int:
        return math.prod(_shape(file, node.outputs[0])) * math.prod(_shape(file, node.inputs[place])[1:])

    return count


def _transposed(node: Node, file: OnnxFile) -> int:
    return math.prod(_shape(file, node.inputs[0])) * math.prod(_shape(file, node.inputs[1])[1:])


def _product(node: Node, file: OnnxFile) -> int:
    inner = _shape(file, node.inputs[0])
    return math.prod(_shape(file, node.outputs[0])) * inner[0 if node.attributes.get("transA", 0) else -1]


def _recurrent(node: Node, file: OnnxFile) -> int:
    """Every step, direction and gate: inputs and state times a matrix each."""
    steps = math.prod(_shape(file, node.inputs[0])[:-1])
    return steps * sum(math.prod(_shape(file, name)) for name in node.inputs[1:3])


_UNCOUNTED = frozenset({"If", "Loop", "Scan", "SequenceMap", "Einsum", "Attention"})
"""What multiplies as many as its inner graphs or its equation say."""

_COUNTS: Mapping[str, Callable[[Node, OnnxFile], int]] = {
    "Conv": _convolution(1), "ConvInteger": _convolution(1), "QLinearConv": _convolution(3),
    "DeformConv": _convolution(1), "ConvTranspose": _transposed, "Gemm": _product, "MatMul": _product,
    "MatMulInteger": _product, "QLinearMatMul": _product, "RNN": _recurrent, "GRU": _recurrent,
    "LSTM": _recurrent,
}  # fmt: skip
