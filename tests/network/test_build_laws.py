"""Laws of shape inference, with torch's own modules as oracle: shapes, multiply-accumulates, parameters, values."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from random_graphs import Oracle, Written, graph_of, networks
from torch.utils.flop_counter import FlopCounterMode

from joulescape.accuracy.module import initial, run, trainable
from joulescape.network.build import reshape
from joulescape.network.digest import digest
from joulescape.spec.network import NetworkSpec

torch.set_num_threads(1)
SOME = settings(max_examples=60, deadline=None)


@SOME
@given(networks())
def test_every_shape_is_torchs(written: tuple[list[int], list[Written]]) -> None:
    graph, oracle = graph_of(*written), Oracle(*written)
    assert {o.name: o.out_shape for o in graph.operators} == {n: s for n, s in oracle.shapes.items() if n != "input"}
    for operator in graph.operators:
        assert operator.in_shapes == tuple(oracle.shapes[name] for name in operator.inputs)


@SOME
@given(networks(), st.integers(1, 3))
def test_multiply_accumulates_are_what_torch_counts(written: tuple[list[int], list[Written]], batch: int) -> None:
    graph, oracle = graph_of(*written), Oracle(*written)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        oracle(torch.zeros(batch, *written[0]))
    assert 2 * graph.macs * batch == counter.get_total_flops()


@SOME
@given(networks())
def test_parameters_are_torchs(written: tuple[list[int], list[Written]]) -> None:
    graph, oracle = graph_of(*written), Oracle(*written)
    assert graph.parameter_count == sum(p.numel() for p in oracle.parameters())
    for operator in graph.operators:
        own = dict(oracle.modules_by_name[operator.name].named_parameters()) if operator.kind != "add" else {}
        assert operator.parameter_count == sum(p.numel() for p in own.values())
        assert operator.has_bias == (operator.kind in {"conv", "dense"} and "bias" in own)
        if "weight" in own:
            assert operator.weight_shape == tuple(own["weight"].shape)


@SOME
@given(networks())
def test_fresh_tensors_are_the_parameters_that_are_counted(written: tuple[list[int], list[Written]]) -> None:
    graph = graph_of(*written)
    tensors = initial(graph, torch.Generator().manual_seed(0))
    assert sum(tensors[name].numel() for name in trainable(tensors)) == graph.parameter_count
    assert all(torch.isfinite(tensor).all() for tensor in tensors.values())


@SOME
@given(networks(), st.integers(0, 99))
def test_the_network_computes_what_torchs_modules_compute(written: tuple[list[int], list[Written]], seed: int) -> None:
    graph, oracle = graph_of(*written), Oracle(*written)
    stream = torch.Generator().manual_seed(seed)
    tensors = {n: torch.rand(t.shape, generator=stream) for n, t in initial(graph, stream).items()}
    with torch.no_grad():
        for name, tensor in tensors.items():
            operator, short = name.rsplit(".", 1)
            own = {"mean": "running_mean", "variance": "running_var"}.get(short, short)
            getattr(oracle.modules_by_name[operator], own).copy_(tensor)
        x = torch.rand(3, *written[0], generator=stream)
        assert torch.allclose(run(graph, tensors, x), oracle(x), rtol=1e-4, atol=1e-5)


@SOME
@given(networks())
def test_building_is_pure_and_rebuilding_changes_nothing(written: tuple[list[int], list[Written]]) -> None:
    one, other = graph_of(*written), graph_of(*written)
    assert one == other and digest(one) == digest(other)
    assert reshape(one, {}) == one
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.operators[0].name = "other"  # type: ignore[misc]


@settings(SOME, suppress_health_check=[HealthCheck.filter_too_much])  # many have no dense layer
@given(networks(), st.data())
def test_one_channel_more_is_what_a_wider_file_would_say(
    written: tuple[list[int], list[Written]], data: st.DataObject
) -> None:
    shape, operators = written
    wide = [o for o in operators if o["kind"] == "dense"]
    assume(wide)
    chosen = data.draw(st.sampled_from(wide))
    wider = [{**o, "out_features": o["out_features"] + 1} if o is chosen else o for o in operators]
    # Scales and sums that state their width may refuse the wider layer: the file is refused alike.
    found, wanted = (
        _attempt(
            lambda: reshape(graph_of(shape, operators), {chosen["name"]: {"out_features": chosen["out_features"] + 1}})
        ),
        _attempt(lambda: graph_of(shape, wider)),
    )
    assert found == wanted


def _attempt(make: Any) -> Any:
    try:
        return make()
    except ValueError as error:
        return str(error)


@SOME
@given(networks())
def test_every_consumer_is_found_and_the_order_is_topological(written: tuple[list[int], list[Written]]) -> None:
    graph = graph_of(*written)
    seen = {"input"}
    for operator in graph.operators:
        assert set(operator.inputs) <= seen
        seen.add(operator.name)
        assert graph.operator(operator.name) is operator
        for source in operator.inputs:
            assert operator in graph.consumers(source)
    assert graph.consumers(graph.output.name) == ()


@given(
    kernel=st.integers(1, 9), size=st.integers(1, 8), padding=st.integers(0, 2), stride=st.integers(1, 4)
)  # fmt: skip
def test_a_kernel_that_does_not_fit_is_refused_where_torch_refuses_it(
    kernel: int, size: int, padding: int, stride: int
) -> None:
    conv = {"kernel": kernel, "stride": stride, "padding": padding, "out_channels": 2}
    operators: list[Written] = [{"name": "c", "kind": "conv", **conv}]
    try:
        wanted = torch.nn.functional.conv2d(
            torch.zeros(1, 1, size, size), torch.zeros(2, 1, kernel, kernel), None, stride, padding
        )
    except RuntimeError:
        with pytest.raises(
            ValueError, match=f"'c' .conv.: kernel {kernel} is larger than its input of {size + 2 * padding}"
        ):
            graph_of([1, size, size], operators)
    else:
        assert graph_of([1, size, size], operators).output.out_shape == tuple(wanted.shape[1:])


@given(channels=st.integers(1, 12), out=st.integers(1, 12), groups=st.integers(1, 12))
def test_groups_divide_both_channels_or_are_refused(channels: int, out: int, groups: int) -> None:
    operators: list[Written] = [{"name": "c", "kind": "conv", "out_channels": out, "kernel": 1, "groups": groups}]
    if channels % groups == 0 == out % groups:
        graph = graph_of([channels, 4, 4], operators)
        conv = torch.nn.Conv2d(channels, out, 1, groups=groups)
        assert graph.output.weight_shape == tuple(conv.weight.shape)
        assert graph.macs == conv.weight.numel() * 16
    else:
        with pytest.raises(ValueError, match=f"groups {groups} must divide both {channels} input and {out} output"):
            graph_of([channels, 4, 4], operators)


@given(rows=st.integers(1, 5), inner=st.integers(1, 5), columns=st.integers(1, 5), heads=st.integers(1, 3))
def test_products_of_activations_have_torchs_shapes(rows: int, inner: int, columns: int, heads: int) -> None:
    left: list[Written] = [
        {"name": "a", "kind": "dense", "out_features": rows},
        {"name": "m", "kind": "matmul", "inputs": ["input", "a"]},
    ]
    graph = graph_of([inner, inner], left)
    wanted = torch.zeros(inner, inner) @ torch.zeros(inner, rows)
    assert graph.output.out_shape == tuple(wanted.shape)
    assert graph.output.loops is not None and graph.output.loops.macs == inner * inner * rows
    square: list[Written] = [{"name": "m", "kind": "matmul", "inputs": ["input", "input"]}]
    in_heads = graph_of([heads, columns, columns], square).output
    assert in_heads.out_shape == (heads, columns, columns)
    assert in_heads.loops is not None and (in_heads.loops.G, in_heads.loops.macs) == (
        heads,
        heads * columns**3,
    )


@pytest.mark.parametrize(
    "operator",
    [
        {"name": "c", "kind": "conv", "out_channels": 0, "kernel": 3},
        {"name": "c", "kind": "conv", "out_channels": 2, "kernel": 3, "stride": 0},
        {"name": "c", "kind": "conv", "out_channels": 2, "kernel": 3, "padding": -1},
        {"name": "C", "kind": "relu"},
        {"name": "c", "kind": "convolution"},
        {"name": "c", "kind": "relu", "colour": "red"},
    ],
)
def test_numbers_and_names_that_cannot_be_are_refused_at_the_door(operator: Written) -> None:
    content = {"about": "a", "task": "digits", "input": [1, 8, 8], "operators": [operator], "training": {"epochs": 1}}
    with pytest.raises(ValidationError):
        NetworkSpec.model_validate(content)
