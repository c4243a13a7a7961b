"""An ONNX file as plain data: nodes in order, constants as arrays, the shape of every tensor for one sample.

Constants are folded: `Constant` nodes, casts and dequantised constants are arrays. What passes a tensor on as it is
(`Identity`, `Dropout` at inference, casts to a float) and the arithmetic of shapes (SHAPE_ARITHMETIC, where it starts
from shapes and constants alone) are no nodes any more. Everything else is one, whatever type it gives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from joulescape.errors import JoulescapeError

Array = NDArray[Any]
PASSING = frozenset({"Identity", "Dropout"})
SHAPE_ARITHMETIC = frozenset({
    "Gather", "Unsqueeze", "Squeeze", "Concat", "Slice", "Split", "Reshape", "Expand", "Tile", "Identity", "Cast",
    "ConstantOfShape", "Range", "NonZero", "Where", "Add", "Sub", "Mul", "Div", "Mod", "Neg", "Abs", "Min", "Max",
    "ReduceProd", "ReduceSum", "ReduceMin", "ReduceMax", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual",
    "And", "Or", "Not",
})  # fmt: skip
"""Operators that are dropped where they read shapes and constants alone, and give whole numbers or truths."""

OWN_DOMAINS = ("", "ai.onnx")
"""How files spell the domain whose operators ONNX itself defines."""

_SHAPES = frozenset({"Shape", "Size"})
_WHOLE = frozenset({"INT32", "INT64", "BOOL"})
_FLOATS = frozenset({"FLOAT", "FLOAT16", "BFLOAT16", "DOUBLE"})


class OnnxError(JoulescapeError):
    """An ONNX file that is missing, damaged, or holds what this project has no operator for."""


@dataclass(frozen=True)
class Node:
    """One operator of the file, constants among its inputs included; `inputs` and `outputs` name tensors.

    `kind` is ONNX's name of the operator, with its domain in front where that is not ONNX's own: `com.acme::Relu`.
    """

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


def read_bytes(path: Path) -> tuple[bytes, str]:
    """The file's bytes and their SHA-256; OnnxError where there is none."""
    if not path.is_file():
        raise OnnxError(f"there is no file {path}")
    data = path.read_bytes()
    return data, hashlib.sha256(data).hexdigest()


def load_file(path: Path) -> OnnxFile:
    """Read a file; OnnxError where it is missing, no ONNX file, cut off, or has several inputs or outputs.

    One whose weights stand in other files is refused as well: its checksum would say nothing about them.
    """
    import onnx

    data, sha256 = read_bytes(path)
    try:
        model = onnx.load_from_string(data)
        _check_whole(path, model)
        onnx.checker.check_model(model)
        shapes, types = _inferred(model)
    except OnnxError:
        raise
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
    opsets = [int(item.version) for item in model.opset_import if item.domain in OWN_DOMAINS]
    if not opsets:
        raise OnnxError(f"{path} holds no operator of ONNX's own: it states no opset of it")
    file = OnnxFile(path, sha256, inputs[0], outputs[0], nodes, constants, shapes, opsets[0], renamed)
    return replace(file, output=file.tensor(outputs[0]))


def _check_whole(path: Path, model: Any) -> None:
    """OnnxError that names the other files in which tensors stand, and says how to bring them into one."""
    places: set[str] = set()
    for tensor in _tensors((model.graph, *model.functions)):
        places |= {item.value for item in tensor.external_data if item.key == "location"}
    if places:
        inline = f"python -c \"import onnx; onnx.save(onnx.load('{path.name}'), 'whole.onnx')\""
        raise OnnxError(
            f"{path} keeps weights in {', '.join(sorted(places))}, expected one file that holds all of them: its "
            f"checksum covers no other file. To bring them in: {inline}"
        )


def _tensors(graphs: Iterable[Any]) -> Iterator[Any]:
    """Every tensor that a graph or function holds, those of inner graphs included."""
    for graph in graphs:
        yield from getattr(graph, "initializer", ())
        for sparse in getattr(graph, "sparse_initializer", ()):
            yield from (sparse.values, sparse.indices)
        for attribute in (attribute for node in graph.node for attribute in node.attribute):
            yield from (attribute.t, *attribute.tensors)
            yield from _tensors((attribute.g, *attribute.graphs))


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
    kind = item.op_type if item.domain in OWN_DOMAINS else f"{item.domain}::{item.op_type}"
    return Node(item.name or item.output[0], kind, tuple(item.input), tuple(item.output), plain)


def _folded(
    nodes: list[Node], constants: dict[str, Array], types: Mapping[str, str]
) -> tuple[tuple[Node, ...], dict[str, str]]:
    """Nodes that are left, with constants added and second names noted."""
    left, renamed, shapes = list[Node](), dict[str, str](), set[str]()
    for node in nodes:
        value, gives = _constant(node, constants), types.get(node.outputs[0])
        if value is not None:
            constants[node.outputs[0]] = value
        elif _is_of_shapes(node, gives, shapes | constants.keys()):
            shapes.update(node.outputs)
        elif node.kind in PASSING or (node.kind == "Cast" and gives in _FLOATS):
            renamed[node.outputs[0]] = node.inputs[0]
        else:
            left.append(node)
    return tuple(left), renamed


def _is_of_shapes(node: Node, gives: str | None, known: Set[str]) -> bool:
    """Whether the node computes sizes and places, never data: `known` are tensors that do, and constants."""
    if node.kind in _SHAPES:
        return True
    if node.kind not in SHAPE_ARITHMETIC or not all(name in known for name in node.inputs if name):
        return False
    return gives in _WHOLE or node.kind == "Cast"


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
