"""Every method on a network of tokens: dense layers are taken, products of two activations have no weights to save."""

from __future__ import annotations

import numpy as np
import pytest
from compressible import shipped

from joulescape import registry
from joulescape.compression.base import Step
from joulescape.compression.pipeline import GROUP, describe, project
from joulescape.compression.storage import read, write
from joulescape.network.arithmetic import operations
from joulescape.network.operators import Graph

METHODS = registry.names(GROUP)
PRODUCTS = ("scores", "context")


@pytest.fixture(scope="module")
def graph() -> Graph:
    return shipped("digits_attention")


def arrays(graph: Graph) -> dict[str, np.ndarray]:
    rng, found = np.random.default_rng(0), dict[str, np.ndarray]()
    for operator in graph.operators:
        shape = operator.weight_shape
        if shape is not None:
            found[f"{operator.name}.weight"] = rng.standard_normal(shape).astype(np.float32)
        if shape is not None and (operator.has_bias or operator.kind == "layer_norm"):
            found[f"{operator.name}.bias"] = rng.standard_normal(shape[0]).astype(np.float32)
    return found


@pytest.mark.parametrize("method", METHODS)
def test_a_method_runs_and_its_file_is_read_again(method: str, graph: Graph) -> None:
    network = describe(graph, [Step(method, {}, {})])
    smaller = {name: np.asarray(array) for name, array in project(arrays(graph), network).items()}
    again = read(network, write(network, smaller))
    kept = {name for name in again if name in arrays(graph)}
    assert kept and all(again[name].shape == smaller[name].shape for name in kept)
    assert {"place.weight", "norm1.weight", "norm1.bias"} <= kept
    assert all(np.allclose(again[name], smaller[name], atol=1e-5) for name in ("place.weight", "norm1.bias"))


@pytest.mark.parametrize("method", METHODS)
def test_products_of_two_activations_keep_their_multiplications(method: str, graph: Graph) -> None:
    network = describe(graph, [Step(method, {}, {})])
    for name in PRODUCTS:
        form, operator = network.formats[name], network.graph.operator(name)
        assert operations(operator, form).multiplications == operations(operator, form).macs
        assert (form.weight_bits, form.weight_density, form.weight_bytes) == (32.0, 1.0, 0.0)


@pytest.mark.parametrize(("method", "bits"), [("quantize", 5), ("dorefa", 3), ("fixed_point", 6)])
def test_quantising_methods_take_both_operands(method: str, bits: int, graph: Graph) -> None:
    network = describe(graph, [Step(method, {"activation_bits": bits}, {})])
    assert {network.formats[name].activation_bits for name in PRODUCTS} == {float(bits)}
