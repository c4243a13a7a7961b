"""Small ONNX files, made node by node."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def save(path: Path, nodes, constants, in_shape, out_shape, inputs=("x",), opset=21, domains=()) -> Path:
    """A model from `x` to `y`; a batch of any size stands in front of both shapes."""
    given = [helper.make_tensor_value_info(name, FLOAT, ["n", *in_shape]) for name in inputs]
    out = [helper.make_tensor_value_info("y", FLOAT, ["n", *out_shape])]
    held = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "made", given, out, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid(name, opset) for name in ("", *domains)])
    model.ir_version = 10
    onnx.save(model, path)
    return path


def node(kind, inputs, output, **attributes):
    """One node, named after its output."""
    return helper.make_node(kind, inputs.split(), [output], name=output, **attributes)


def small_cnn(path: Path, seed: int = 0) -> Path:
    """Two convolutions with normalisation and pooling, a product with a bias of its own, classes."""
    r = np.random.default_rng(seed)

    def normal(*shape):
        return r.normal(size=shape).astype(np.float32)

    constants = {
        "conv1.weight": 0.4 * normal(8, 1, 3, 3), "conv1.bias": 0.1 * normal(8),
        "bn.scale": 1 + 0.1 * normal(8), "bn.bias": 0.1 * normal(8), "bn.mean": 0.1 * normal(8),
        "bn.var": np.abs(normal(8)) + 0.5,
        "conv2.weight": 0.3 * normal(12, 4, 3, 2),
        "matrix": 0.2 * normal(12, 10), "offset": 0.1 * normal(10),
    }  # fmt: skip
    nodes = [
        node("Conv", "x conv1.weight conv1.bias", "c1", pads=[1, 1, 1, 1]),
        node("BatchNormalization", "c1 bn.scale bn.bias bn.mean bn.var", "b1", epsilon=1e-3),
        node("Relu", "b1", "r1"),
        node("MaxPool", "r1", "p1", kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", "p1 conv2.weight", "c2", group=2, strides=[2, 1], pads=[1, 0, 1, 0]),
        node("Identity", "c2", "i2"),
        node("Relu", "i2", "r2"),
        node("GlobalAveragePool", "r2", "g"),
        node("Flatten", "g", "f"),
        node("Dropout", "f", "d"),
        node("MatMul", "d matrix", "m"),
        node("Add", "m offset", "y"),
    ]
    return save(path, nodes, constants, (1, 8, 8), (10,))
