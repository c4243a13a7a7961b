"""Taking channels out computes what zeroing them computes, and every shape follows."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from joulescape.accuracy.module import initial, run
from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe, project
from joulescape.network.build import build_graph
from joulescape.network.channels import channel_groups
from joulescape.network.lower import lower
from joulescape.network.operators import Graph
from joulescape.spec.network import NetworkSpec

MODELS = Path(__file__).parents[2] / "models"


def shipped(name: str) -> Graph:
    return build_graph(name, NetworkSpec.model_validate(yaml.safe_load((MODELS / f"{name}.yaml").read_text())))


def tensors_of(graph: Graph) -> dict[str, torch.Tensor]:
    stream = torch.Generator().manual_seed(1)
    tensors = initial(graph, stream)
    shift = {n: torch.rand(t.shape, generator=stream) for n, t in tensors.items() if n.endswith(("mean", "variance"))}
    return {**tensors, **shift}


def zeroed(graph: Graph, tensors: dict[str, torch.Tensor], density: float) -> dict[str, torch.Tensor]:
    """The whole network with the same channels silenced: weights, biases and normalisation shifts are zero."""
    changed, channel_map = {n: t.clone() for n, t in tensors.items()}, channel_groups(graph)
    for index, group in enumerate(channel_map.groups):
        if group.is_fixed:
            continue
        norms = sum(tensors[f"{name}.weight"].abs().flatten(1).sum(1) for name in group.producers)
        assert isinstance(norms, torch.Tensor)
        gone = norms.argsort(descending=True, stable=True)[round(density * group.size) :]
        for operator in graph.operators:
            if channel_map.origins[operator.name].group == index and operator.weight_shape is not None:
                for short in ("weight", "bias", "mean"):
                    if f"{operator.name}.{short}" in changed:
                        changed[f"{operator.name}.{short}"][gone] = 0.0
    return changed


@pytest.mark.parametrize("network", ["digits_mlp", "digits_lenet", "digits_resnet"])
@pytest.mark.parametrize("density", [0.25, 0.5, 0.75])
def test_removed_is_zeroed(network: str, density: float) -> None:
    graph = shipped(network)
    tensors, described = tensors_of(graph), describe(graph, [Step("prune", _channels(density), {})])
    samples = torch.rand(5, *graph.input_shape, generator=torch.Generator().manual_seed(2))
    small = run(described.graph, project(tensors, described), samples)
    assert torch.allclose(small, run(graph, zeroed(graph, tensors, density), samples), atol=1e-5)
    assert described.graph.macs < graph.macs and described.graph.output.out_shape == (10,)
    works = lower(described.graph, described.formats, "training", 2, {}).works
    assert sum(work.macs for work in works) < sum(work.macs for work in lower(graph, {}, "training", 2, {}).works)


def _channels(density: float) -> dict[str, object]:
    return {"granularity": "channel", "density": density}


def test_tied_layers_keep_the_largest_density_asked_for() -> None:
    graph = shipped("digits_resnet")
    step = Step("prune", _channels(0.25), {"stem": {"density": 0.75}, "a_conv1": {"density": 0.5}})
    smaller = describe(graph, [step]).graph
    widths = {name: smaller.operator(name).out_shape[0] for name in ("stem", "a_conv2", "a_conv1", "b_conv1", "fc")}
    assert widths == {"stem": 9, "a_conv2": 9, "a_conv1": 6, "b_conv1": 6, "fc": 10}


def test_channels_save_bytes_and_macs_without_any_index() -> None:
    graph = shipped("digits_lenet")
    whole, half = describe(graph, []), describe(graph, [Step("prune", _channels(0.5), {})])
    for name in ("conv2", "fc1"):
        assert half.formats[name].weight_bytes == pytest.approx((whole.formats[name].weight_bytes or 0) / 4)
        assert half.formats[name].index_bytes == 0 and half.formats[name].weight_structure == "dense"


def test_mixed_granularities_in_one_step() -> None:
    graph = shipped("digits_mlp")
    step = Step("prune", _channels(0.5), {"fc2": {"granularity": "element", "density": 0.5}})
    described = describe(graph, [step])
    arrays = project(tensors_of(graph), described)
    assert arrays["fc1.weight"].shape == (32, 64) and arrays["fc2.weight"].shape == (10, 32)
    assert int(torch.count_nonzero(arrays["fc2.weight"])) == 160
