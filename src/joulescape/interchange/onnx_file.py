"""An ONNX file as plain data: nodes in order, constants as arrays, the shape of every tensor for one sample.

Constants are folded: `Constant` nodes, casts and dequantised constants are arrays. What passes a tensor on as it is
(`Identity`, `Dropout` at inference, casts between floats) and the arithmetic of shapes are no nodes any more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from joulescape.errors import JoulescapeError

Array = NDArray[Any]
PASSING = frozenset({"Identity", "Dropout", "Cast"})
_WHOLE = frozenset({"INT32", "INT64", "BOOL"})
"""Types of tensors that hold shapes and places, never data."""


class OnnxError(JoulescapeError):
    """An ONNX file that is missing, damaged, or holds what this project has no operator for."""


@dataclass(frozen=True)
class Node:
    """One operator of the file, constants among its inputs included; `inputs` and `outputs` name tensors."""

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class OnnxFile:
    """The file's graph at a batch of one; `shapes` hold the batch in front, and miss what could not be inferred."""

    path: Path
    sha256: str
    input: str
    output: str
    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    shapes: Mapping[str, tuple[int, ...]]
    opset: int
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Tensors that are another one under a second name."""

    def tensor(self, name: str) -> str:
        """The first name of a tensor."""
        while name in self.renamed:
            name = self.renamed[name]
        return name

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Shape of one sample's tensor, its batch of one in front; None where it is unknown."""
        return self.shapes.get(name, self.shapes.get(self.tensor(name)))

    def readers(self, name: str) -> tuple[Node, ...]:
        """Nodes that read the tensor."""
        return tuple(node for node in self.nodes if name in map(self.tensor, node.inputs))


def checksum(path: Path) -> str:
    """SHA-256 of the file; OnnxError where there is none."""
    if not path.is_file():
        raise OnnxError(f"there is no file {path}")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load_file(path: Path) -> OnnxFile:
    """Read a file; OnnxError where it is missing, no ONNX file, cut off, or has several inputs or outputs."""
    import onnx

    sha256 = checksum(path)
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model)
        shapes, types = _inferred(model)
    except Exception as error:  # protobuf, the checker and shape inference each have errors of their own
        line = str(error).strip().partition("\n")[0]
        raise OnnxError(f"{path} is no whole ONNX file ({type(error).__name__}: {line})") from error
    graph = model.graph
    constants = {item.name: onnx.numpy_helper.to_array(item) for item in graph.initializer}
    inputs = [item.name for item in graph.input if item.name not in constants]
    outputs = [item.name for item in graph.output]
    if len(inputs) != 1 or len(outputs) != 1:
        raise OnnxError(f"{path} has inputs {inputs} and outputs {outputs}; expected one of each")
    nodes, renamed = _folded([_node(item) for item in graph.node], constants, types)
    opset = next(int(item.version) for item in model.opset_import if item.domain in ("", "ai.onnx"))
    file = OnnxFile(path, sha256, inputs[0], outputs[0], nodes, constants, shapes, opset, renamed)
    return replace(file, output=file.tensor(outputs[0]))


def _inferred(model: Any) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
    """Shapes and element types of every tensor that inference finds, with the batch set to one."""
    import onnx

    single = onnx.ModelProto()
    single.CopyFrom(model)
    del single.graph.value_info[:]
    known = {item.name for item in single.graph.initializer}
    for item in single.graph.input:
        if item.name not in known and item.type.tensor_type.shape.dim:
            item.type.tensor_type.shape.dim[0].Clear()
            item.type.tensor_type.shape.dim[0].dim_value = 1
    for item in single.graph.output:
        item.type.tensor_type.ClearField("shape")
    graph = onnx.shape_inference.infer_shapes(single, data_prop=True).graph
    shapes, types = {}, {}
    for item in (*graph.input, *graph.value_info, *graph.output):
        tensor = item.type.tensor_type
        types[item.name] = onnx.TensorProto.DataType.Name(tensor.elem_type)
        if tensor.HasField("shape") and all(d.HasField("dim_value") for d in tensor.shape.dim):
            shapes[item.name] = tuple(d.dim_value for d in tensor.shape.dim)
    return shapes, types


def _node(item: Any) -> Node:
    import onnx

    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in item.attribute}
    plain = {name: value.decode() if isinstance(value, bytes) else value for name, value in attributes.items()}
    return Node(item.name or item.output[0], item.op_type, tuple(item.input), tuple(item.output), plain)


def _folded(
    nodes: list[Node], constants: dict[str, Array], types: Mapping[str, str]
) -> tuple[tuple[Node, ...], dict[str, str]]:
    """Nodes that are left, with constants added and second names noted."""
    left, renamed = list[Node](), dict[str, str]()
    for node in nodes:
        value = _constant(node, constants)
        if value is not None:
            constants[node.outputs[0]] = value
        elif node.kind in PASSING and types.get(node.outputs[0]) not in _WHOLE:
            renamed[node.outputs[0]] = node.inputs[0]
        elif types.get(node.outputs[0]) not in _WHOLE:
            left.append(node)
    return tuple(left), renamed


def _constant(node: Node, constants: Mapping[str, Array]) -> Array | None:
    """The node's value where it follows from constants alone."""
    if node.kind == "Constant":
        return _stated(node)
    if node.kind not in _FOLDED or node.inputs[0] not in constants:
        return None
    return _FOLDED[node.kind](node, constants)


def _stated(node: Node) -> Array:
    import onnx

    value = node.attributes.get("value")
    return np.asarray(next(iter(node.attributes.values())) if value is None else onnx.numpy_helper.to_array(value))


def _cast(node: Node, constants: Mapping[str, Array]) -> Array:
    import onnx

    return constants[node.inputs[0]].astype(onnx.helper.tensor_dtype_to_np_dtype(node.attributes["to"]))


def _dequantised(node: Node, constants: Mapping[str, Array]) -> Array:
    """(values - zero point) * scale, both along `axis` (default 1) where there is one for each channel."""
    values, scale = (np.asarray(constants[name], np.float32) for name in node.inputs[:2])
    zero = np.asarray(constants[node.inputs[2]], np.float32) if len(node.inputs) > 2 else np.zeros_like(scale)
    if scale.ndim == 0:
        return np.asarray((values - zero) * scale)
    shape = [1] * values.ndim
    shape[int(node.attributes.get("axis", 1))] = -1
    return np.asarray((values - zero.reshape(shape)) * scale.reshape(shape))


_FOLDED: Mapping[str, Callable[[Node, Mapping[str, Array]], Array]] = {
    "Identity": lambda node, constants: constants[node.inputs[0]],
    "Transpose": lambda node, constants: np.transpose(constants[node.inputs[0]], node.attributes.get("perm")),
    "Cast": _cast,
    "DequantizeLinear": _dequantised,
}
"""What becomes of a constant is a constant."""
