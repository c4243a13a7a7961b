"""Small inputs that the laws are tried on: a graph, formats, tensors, a context."""

from __future__ import annotations

from typing import Any

import numpy as np

from joulescape.network.operators import Graph, Loops, Operator
from joulescape.network.work import OperandFormat
from joulescape.simulators.base import Context, OffChip
from joulescape.spec.sourced import Sourced


def example_graph() -> Graph:
    """A small network with every common operator: conv, relu, max_pool, flatten, dense, softmax."""
    operators = (
        Operator(
            "conv1", "conv", ("input",), ((3, 12, 12),), (10, 10, 10),
            {"out_channels": 10, "kernel": 3, "stride": 1, "padding": 0, "groups": 1},
            Loops(K=10, C=3, OY=10, OX=10, FY=3, FX=3),
            parameter_count=280, weight_shape=(10, 3, 3, 3), has_bias=True,
        ),
        Operator("relu1", "relu", ("conv1",), ((10, 10, 10),), (10, 10, 10), ops_per_element=1.0),
        Operator(
            "pool1", "max_pool", ("relu1",), ((10, 10, 10),), (10, 5, 5),
            {"kernel": 2, "stride": 2}, ops_per_element=3.0,
        ),
        Operator("flat", "flatten", ("pool1",), ((10, 5, 5),), (250,)),
        _dense("fc1", "flat", 250, 40),
        Operator("relu2", "relu", ("fc1",), ((40,),), (40,), ops_per_element=1.0),
        _dense("fc2", "relu2", 40, 7),
        Operator("out", "softmax", ("fc2",), ((7,),), (7,), ops_per_element=5.0),
    )  # fmt: skip
    return Graph("example", (3, 12, 12), operators)


def _dense(name: str, source: str, inputs: int, outputs: int) -> Operator:
    return Operator(
        name, "dense", (source,), ((inputs,),), (outputs,), {"out_features": outputs}, Loops(K=outputs, C=inputs),
        parameter_count=(inputs + 1) * outputs, weight_shape=(outputs, inputs), has_bias=True,
    )  # fmt: skip


def example_context(batch: int = 1, resident_bytes: float = 1e4) -> Context:
    """A context with an off-chip memory of round numbers."""
    read, write = (Sourced(value=8.0, low=4.0, high=14.0, basis="assumed", source="joulescape") for _ in range(2))
    rate = Sourced(value=100.0, low=50.0, high=200.0, basis="assumed", source="joulescape")
    return Context(
        batch, OffChip("lpddr4", read, write, rate), True, frozenset({"conv1"}), frozenset({"out"}), resident_bytes
    )


def example_formats(graph: Graph, bits: float) -> dict[str, OperandFormat]:
    """Every matrix operator of `graph` dense at `bits` bits for weights and activations."""
    return {
        o.name: OperandFormat(weight_bits=bits, activation_bits=bits, weight_bytes=o.parameter_count * bits / 8)
        for o in graph.operators
    }


def example_tensors(graph: Graph, seed: int = 0) -> dict[str, Any]:
    """Random float32 weights and biases for every matrix operator of `graph`."""
    generator = np.random.default_rng(seed)
    tensors: dict[str, Any] = {}
    for operator in graph.matrix_operators:
        if operator.weight_shape is not None:
            tensors[f"{operator.name}.weight"] = generator.standard_normal(operator.weight_shape).astype(np.float32)
        if operator.has_bias:
            tensors[f"{operator.name}.bias"] = generator.standard_normal(operator.out_shape[0]).astype(np.float32)
    return tensors
