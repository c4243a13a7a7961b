"""Laws of channel groups on random graphs: cutting a group's channels computes what silencing them computes."""

from __future__ import annotations

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import Written, graph_of, networks

from joulescape.accuracy.module import initial, run
from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe, project
from joulescape.network.build import DATA
from joulescape.network.channels import PRODUCERS, channel_groups
from joulescape.network.operators import Graph

torch.set_num_threads(1)
SOME = settings(max_examples=60, deadline=None)
Net = tuple[list[int], list[Written]]

SILENT = ("weight", "bias", "mean", "scale", "offset")
"""Tensors along a group's channels: a channel whose entries are all zero carries nothing (sigmoid, softmax aside)."""


def tensors_of(graph: Graph, seed: int) -> dict[str, torch.Tensor]:
    stream = torch.Generator().manual_seed(seed)
    return {n: torch.rand(t.shape, generator=stream) + 0.1 for n, t in initial(graph, stream).items()}


@SOME
@given(networks())
def test_every_producer_stands_in_one_group_of_its_width(written: Net) -> None:
    graph = graph_of(*written)
    found = channel_groups(graph)
    producers = [name for group in found.groups for name in group.producers]
    assert sorted(producers) == sorted(o.name for o in graph.operators if o.kind in PRODUCERS)
    for group in found.groups:
        for name in group.producers:
            assert graph.operator(name).out_shape[0] == group.size


@SOME
@given(networks())
def test_every_tensor_is_as_wide_as_its_origin_says(written: Net) -> None:
    graph = graph_of(*written)
    found = channel_groups(graph)
    assert set(found.origins) == {DATA, *(o.name for o in graph.operators)}
    for name, origin in found.origins.items():
        shape = graph.input_shape if name == DATA else graph.operator(name).out_shape
        assert shape[0] == found.groups[origin.group].size * origin.block


@SOME
@given(networks())
def test_data_and_output_are_fixed(written: Net) -> None:
    graph = graph_of(*written)
    found = channel_groups(graph)
    for name in (DATA, graph.output.name):
        assert found.groups[found.origins[name].group].is_fixed


@SOME
@given(networks(), st.floats(0.05, 1.0), st.integers(0, 99))
def test_cut_networks_have_the_announced_arrays_and_run(written: Net, density: float, seed: int) -> None:
    graph = graph_of(*written)
    described = describe(graph, [Step("prune", {"granularity": "channel", "density": density}, {})])
    arrays = project(tensors_of(graph, seed), described)
    fresh = initial(described.graph, torch.Generator())
    assert {n: t.shape for n, t in arrays.items()} == {n: t.shape for n, t in fresh.items()}
    y = run(described.graph, arrays, torch.rand(2, *written[0]))
    assert tuple(y.shape[1:]) == graph.output.out_shape and bool(torch.isfinite(y).all())
    for group in channel_groups(graph).groups:
        kept = group.size if group.is_fixed else max(1, round(density * group.size))
        assert all(described.graph.operator(name).out_shape[0] == kept for name in group.producers)


def silenced(graph: Graph, tensors: dict[str, torch.Tensor], density: float) -> dict[str, torch.Tensor]:
    """All tensors of the weakest channels of every free group set to zero, the network's shapes unchanged."""
    changed, found = {n: t.clone() for n, t in tensors.items()}, channel_groups(graph)
    for operator in graph.operators:
        origin = found.origins[operator.name]
        group = found.groups[origin.group]
        if group.is_fixed:
            continue
        norms = torch.stack([tensors[f"{n}.weight"].abs().flatten(1).sum(1) for n in group.producers]).sum(0)
        gone = norms.argsort(descending=True, stable=True)[max(1, round(density * group.size)) :]
        places = (gone[:, None] * origin.block + torch.arange(origin.block)).flatten()
        for short in SILENT:
            tensor = changed.get(f"{operator.name}.{short}")
            if tensor is not None and len(tensor) == group.size * origin.block and len(tensor) > 1:
                tensor[places] = 0.0
    return changed


def is_silent_at_zero(graph: Graph) -> bool:
    """Whether zero channels stay zero: no sigmoid, softmax or offset common to all features on the way."""
    common = any(o.kind == "scale_offset" and o.weight_shape == (1,) for o in graph.operators)
    return not common and not any(o.kind in {"sigmoid", "softmax"} for o in graph.operators)


@settings(max_examples=120, deadline=None)
@given(networks().filter(lambda w: is_silent_at_zero(graph_of(*w))), st.floats(0.2, 0.9), st.integers(0, 99))
def test_cut_is_silenced(written: Net, density: float, seed: int) -> None:
    graph = graph_of(*written)
    tensors = tensors_of(graph, seed)
    described = describe(graph, [Step("prune", {"granularity": "channel", "density": density}, {})])
    samples = torch.rand(3, *written[0], generator=torch.Generator().manual_seed(seed))
    small = run(described.graph, project(tensors, described), samples)
    assert torch.allclose(small, run(graph, silenced(graph, tensors, density), samples), rtol=1e-4, atol=1e-4)


@SOME
@given(networks(), st.floats(0.1, 1.0), st.floats(0.1, 1.0))
def test_fewer_channels_never_compute_more(written: Net, one: float, other: float) -> None:
    graph = graph_of(*written)
    low, high = (
        describe(graph, [Step("prune", {"granularity": "channel", "density": d}, {})]) for d in sorted((one, other))
    )
    assert low.graph.macs <= high.graph.macs <= graph.macs
    assert low.graph.parameter_count <= high.graph.parameter_count <= graph.parameter_count
    assert _bytes(low.formats) <= _bytes(high.formats)


def _bytes(formats: object) -> float:
    return sum(form.weight_bytes or 0.0 for form in formats.values())  # type: ignore[attr-defined]


def test_a_scale_per_feature_follows_a_layer_cut_to_one_feature() -> None:
    operators: list[Written] = [
        {"name": "a", "kind": "dense", "out_features": 4},
        {"name": "s", "kind": "scale_offset", "out_features": 4},
        {"name": "b", "kind": "dense", "out_features": 3},
    ]
    graph = graph_of([5], operators)
    described = describe(graph, [Step("prune", {"granularity": "channel", "density": 0.25}, {})])
    arrays = project(tensors_of(graph, 0), described)
    assert {n: tuple(t.shape) for n, t in arrays.items() if n[0] in "sb"} == {
        "s.scale": (1,),
        "s.offset": (1,),
        "b.weight": (3, 1),
        "b.bias": (3,),
    }
    kept = int(tensors_of(graph, 0)["a.weight"].sum(1).argmax())
    assert float(arrays["s.scale"]) == float(tensors_of(graph, 0)["s.scale"][kept])


def test_a_flatten_after_residual_branches_cuts_every_position() -> None:
    operators: list[Written] = [
        {"name": "a", "kind": "conv", "out_channels": 4, "kernel": 3, "padding": 1},
        {"name": "b", "kind": "conv", "out_channels": 4, "kernel": 3, "padding": 1},
        {"name": "sum", "kind": "add", "inputs": ["b", "a"]},
        {"name": "flat", "kind": "flatten"},
        {"name": "scaled", "kind": "scale_offset", "out_features": 4 * 9},
        {"name": "fc", "kind": "dense", "out_features": 2},
    ]
    graph = graph_of([1, 3, 3], operators)
    described = describe(graph, [Step("prune", {"granularity": "channel", "density": 0.5}, {})])
    tensors = tensors_of(graph, 1)
    arrays = project(tensors, described)
    total = tensors["a.weight"].flatten(1).sum(1) + tensors["b.weight"].flatten(1).sum(1)
    kept = total.topk(2).indices.sort().values
    assert torch.equal(arrays["a.weight"], tensors["a.weight"][kept])
    assert torch.equal(arrays["b.weight"], tensors["b.weight"][kept][:, kept])
    places = (kept[:, None] * 9 + torch.arange(9)).flatten()
    assert torch.equal(arrays["scaled.scale"], tensors["scaled.scale"][places])
    assert torch.equal(arrays["fc.weight"], tensors["fc.weight"][:, places])
    assert math.prod(described.graph.operator("flat").out_shape) == 18
