"""ONNX operators that a user leaves to the host: each kept as a model of its own, computed by ONNX's evaluator."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from joulescape.interchange.onnx_file import Array, Node
from joulescape.interchange.onnx_walk import Refused, Walk

FOREIGN_DOMAIN = "of another domain than ONNX's own, so nothing says what it computes"
"""Why `com.acme::Relu` is no Relu."""


def leave_to_host(node: Node, walk: Walk, ops_per_element: float) -> None:
    """Add the node as a foreign operator.

    Refused where its output has another shape than what it reads, or ONNX does not define what it computes.
    """
    if "::" in node.kind:
        raise Refused(FOREIGN_DOMAIN)
    data = [name for name in node.inputs if name and name not in walk.file.constants]
    shapes = {walk.shape(name) for name in (*data, *node.outputs)}
    if len(node.outputs) != 1 or not data or len(shapes) != 1:
        raise Refused("left to the host, but it changes the shape of what it reads")
    walk.add(node, "foreign", {"onnx": _packed(node, walk), "ops_per_element": ops_per_element})


def computed(packed: str, inputs: Sequence[Array]) -> Array:
    """What the operator makes of its inputs, batch in front."""
    evaluator = _evaluator(packed)
    (output,) = evaluator.run(None, dict(zip(evaluator.input_names, inputs, strict=True)))
    return np.asarray(output)


def unpacked(packed: str) -> Any:
    """The operator's own model."""
    import onnx

    return onnx.load_from_string(base64.b64decode(packed))


@lru_cache(maxsize=256)
def _evaluator(packed: str) -> Any:
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(unpacked(packed))


def _packed(node: Node, walk: Walk) -> str:
    import onnx
    from onnx import helper

    constants = {name: walk.file.constants[name] for name in node.inputs if name in walk.file.constants}
    places = {place: f"in{place}" for place, name in enumerate(node.inputs) if name and name not in constants}
    names = [places.get(place, name) for place, name in enumerate(node.inputs)]
    given = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in places.values()]
    out = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in node.outputs]
    held = [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()]
    one = helper.make_node(node.kind, names, node.outputs, **node.attributes)
    graph = helper.make_graph([one], node.kind, given, out, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", walk.file.opset)])
    return base64.b64encode(model.SerializeToString()).decode()
