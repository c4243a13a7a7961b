"""Laws of compression: twice is once, what is announced is what the arrays hold, order counts, NumPy equals torch."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from pydantic import ValidationError

from joulescape.compression._coding import encode_dense, encode_sparse
from joulescape.compression.base import Described, Step
from joulescape.compression.pipeline import describe, project, projector
from joulescape.compression.quantize.grids import channel_scales, levels
from joulescape.network.build import build_graph
from joulescape.network.operators import Graph
from joulescape.registry import PluginError, names
from joulescape.spec.network import NetworkSpec

MODELS = Path(__file__).parents[2] / "models"
NETWORKS = ("digits_mlp", "digits_lenet", "digits_resnet")


def shipped(name: str) -> Graph:
    return build_graph(name, NetworkSpec.model_validate(yaml.safe_load((MODELS / f"{name}.yaml").read_text())))


def weights_of(graph: Graph, seed: int = 0) -> dict[str, np.ndarray]:
    rng, found = np.random.default_rng(seed), {}
    for operator in graph.operators:
        if operator.weight_shape is None:
            continue
        found[f"{operator.name}.weight"] = rng.standard_normal(operator.weight_shape).astype(np.float32)
        shorts = ("bias", "mean", "variance") if operator.kind == "norm" else ("bias",) if operator.has_bias else ()
        width = operator.weight_shape[:1]
        found.update({f"{operator.name}.{s}": rng.random(width).astype(np.float32) + 0.5 for s in shorts})
    return found


def prune(density: float, granularity: str = "element", **per_layer: dict[str, Any]) -> Step:
    return Step("prune", {"granularity": granularity, "density": density}, per_layer)


def quantize(weight_bits: int, activation_bits: int = 8, **per_layer: dict[str, Any]) -> Step:
    return Step("quantize", {"weight_bits": weight_bits, "activation_bits": activation_bits}, per_layer)


PIPELINES: dict[str, list[Step]] = {
    "nothing": [],
    "prune": [prune(0.3)],
    "channels": [prune(0.4, "channel")],
    "quantize_1": [quantize(1)],
    "quantize_2": [quantize(2)],
    "quantize_5": [quantize(5)],
    "quantize_16": [quantize(16)],
    "prune_quantize": [prune(0.2), quantize(4)],
    "quantize_prune": [quantize(4), prune(0.2)],
    "channels_prune_quantize": [prune(0.5, "channel"), prune(0.5), quantize(3)],
    "channels_twice": [prune(0.7, "channel"), prune(0.7, "channel")],
}


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("steps", PIPELINES.values(), ids=PIPELINES.keys())
def test_twice_is_once_and_numpy_is_torch(network: str, steps: list[Step]) -> None:
    graph = shipped(network)
    described, tensors = describe(graph, steps), weights_of(graph)
    once = project(tensors, described)
    twice = project(once, described)
    in_torch = project({name: torch.from_numpy(value) for name, value in tensors.items()}, described)
    for name, value in once.items():
        assert np.allclose(twice[name], value, rtol=1e-6, atol=1e-6)
        assert isinstance(in_torch[name], torch.Tensor)
        assert np.allclose(in_torch[name].numpy(), value, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("steps", PIPELINES.values(), ids=PIPELINES.keys())
def test_shapes_widths_and_densities_match_the_arrays(network: str, steps: list[Step]) -> None:
    graph = shipped(network)
    described = describe(graph, steps)
    arrays = project(weights_of(graph), described)
    for operator in described.graph.operators:
        if operator.weight_shape is not None:
            assert arrays[f"{operator.name}.weight"].shape == operator.weight_shape
    for operator in described.graph.matrix_operators:
        form, array = described.formats[operator.name], arrays[f"{operator.name}.weight"]
        assert np.count_nonzero(array) <= round(form.weight_density * array.size)
        rows = array.reshape(len(array), -1)
        for row in rows:
            assert len(np.unique(np.round(row, 6))) <= 2**form.weight_bits + (form.weight_bits == 1)
    stored_parameters = sum(
        math.prod(value.shape) for n, value in arrays.items() if not n.endswith(("mean", "variance"))
    )
    assert stored_parameters == described.graph.parameter_count


@pytest.mark.parametrize("network", NETWORKS)
def test_pruned_density_is_exact(network: str) -> None:
    graph = shipped(network)
    described = describe(graph, [prune(0.35)])
    arrays = project(weights_of(graph), described)
    for operator in graph.matrix_operators:
        array, form = arrays[f"{operator.name}.weight"], described.formats[operator.name]
        assert np.count_nonzero(array) / array.size == form.weight_density == round(0.35 * array.size) / array.size
        assert form.weight_structure == "unstructured"
        kept = np.abs(array[array != 0]).min()
        assert kept >= np.abs(weights_of(graph)[f"{operator.name}.weight"][array == 0]).max()


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_announced_bytes_are_the_encoders(bits: int) -> None:
    graph = shipped("digits_mlp")
    sparse, dense = describe(graph, [prune(0.1), quantize(bits)]), describe(graph, [quantize(bits)])
    for described, encode, tolerance in ((sparse, encode_sparse, 0.05), (dense, encode_dense, 0.0)):
        code = encode(_integers(described, bits), bits)
        assert len(code) == pytest.approx(described.formats["fc1"].weight_bytes, rel=tolerance)
    assert 0 < sparse.formats["fc1"].index_bytes < (sparse.formats["fc1"].weight_bytes or 0)
    assert dense.formats["fc1"].index_bytes == 0


def _integers(described: Described, bits: int) -> np.ndarray:
    """Levels of fc1; a value that rounds to zero is stored all the same: it stands in the mask."""
    pruned = projector(described, is_repeated=False)(weights_of(described.original))["fc1.weight"]
    found = levels(pruned, channel_scales(pruned, bits), bits)
    return np.where((found == 0) & (pruned != 0), 1, found).astype(np.int64)


def test_formats_without_compression_are_float32() -> None:
    described = describe(shipped("digits_resnet"), [])
    assert described.formats["stem"].weight_bytes == 4 * 12 * 9
    assert described.formats["stem_norm"].weight_bytes == 4 * 24
    assert described.formats["fc"].weight_bits == described.formats["fc"].activation_bits == 32
    assert set(described.formats) == {operator.name for operator in described.graph.operators}


def test_steps_act_in_their_order() -> None:
    graph = shipped("digits_mlp")
    first, second = [prune(0.3), quantize(2)], [quantize(2), prune(0.3)]
    one, other = (project(weights_of(graph), describe(graph, steps)) for steps in (first, second))
    assert not np.array_equal(one["fc1.weight"], other["fc1.weight"])
    assert describe(graph, first).formats == describe(graph, second).formats
    assert describe(graph, first).steps == tuple(first)


def test_a_layer_may_have_settings_of_its_own() -> None:
    described = describe(
        shipped("digits_mlp"), [quantize(8, fc2={"weight_bits": 3}), prune(1.0, fc1={"density": 0.25})]
    )
    assert described.formats["fc1"].weight_bits == 8 and described.formats["fc2"].weight_bits == 3
    assert described.formats["fc1"].weight_density == 0.25
    assert described.formats["fc2"].weight_structure == "dense"


def test_no_weight_has_better_quantisation_error_at_fewer_bits() -> None:
    graph = shipped("digits_lenet")
    tensors = weights_of(graph)
    errors = [_error(project(tensors, describe(graph, [quantize(bits)])), tensors) for bits in (2, 3, 4, 6, 8, 12)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-6


def _error(one: Any, other: Any) -> float:
    return float(np.mean((one["fc1.weight"] - other["fc1.weight"]) ** 2))


def test_an_empty_channel_stays_zero_and_finite() -> None:
    graph = shipped("digits_mlp")
    tensors = weights_of(graph)
    tensors["fc1.weight"][3] = 0.0
    for bits in (1, 2, 8):
        assert np.array_equal(project(tensors, describe(graph, [quantize(bits)]))["fc1.weight"][3], np.zeros(64))


@pytest.mark.parametrize("settings", [{"density": 0.0}, {"density": 1.1}, {"granularity": "row"}, {"bits": 3}])
def test_impossible_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        describe(shipped("digits_mlp"), [Step("prune", settings, {})])


def test_methods_are_listed_and_an_unknown_one_is_named() -> None:
    assert {"prune", "quantize"} <= set(names("joulescape.compression"))
    assert not {"pipeline", "base"} & set(names("joulescape.compression"))
    with pytest.raises(PluginError, match="quantise"):
        describe(shipped("digits_mlp"), [Step("quantise", {}, {})])
