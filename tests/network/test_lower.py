"""Laws of lowering: multiply-accumulates add up, backward loops are those of the gradients, operands have sizes."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.network.build import build_graph
from joulescape.network.lower import is_nonnegative, lower, reads_trained
from joulescape.network.operators import Graph, Loops
from joulescape.network.systems.shg import twin_length
from joulescape.network.work import LayerStatistics, MatrixWork, OperandFormat, PhysicalWork, VectorWork
from joulescape.spec.network import NetworkSpec

MODELS = Path(__file__).parents[2] / "models"


def shipped(name: str) -> Graph:
    return build_graph(name, NetworkSpec.model_validate(yaml.safe_load((MODELS / f"{name}.yaml").read_text())))


def one_conv(channels: int, size: int, out: int, kernel: int, stride: int, padding: int, groups: int = 1) -> Graph:
    first = {"name": "first", "kind": "conv", "out_channels": channels, "kernel": 1}
    conv = {
        "name": "c", "kind": "conv", "out_channels": out, "kernel": kernel, "stride": stride, "padding": padding,
        "groups": groups,
    }  # fmt: skip
    content = {"about": "a", "task": "digits", "input": [1, size, size], "operators": [first, conv]}
    return build_graph("net", NetworkSpec.model_validate({**content, "training": {"epochs": 1}}))


def found(graph: Graph, role: str, layer: str, batch: int = 4) -> MatrixWork:
    works = lower(graph, {}, "training", batch, {}).works
    work = next(work for work in works if work.role == role and work.layer == layer)
    assert isinstance(work, MatrixWork)
    return work


@pytest.mark.parametrize("name", ["digits_mlp", "digits_lenet", "digits_resnet"])
@pytest.mark.parametrize("batch", [1, 7])
def test_forward_macs_are_the_graphs_times_the_batch(name: str, batch: int) -> None:
    graph = shipped(name)
    phase = lower(graph, {}, "inference", batch, {})
    assert sum(work.macs for work in phase.works) == graph.macs * batch
    assert [work.layer for work in phase.works] == [o.name for o in graph.operators if o.kind != "flatten"]
    assert phase.batch == batch


@pytest.mark.parametrize("name", ["digits_mlp", "digits_lenet", "digits_resnet"])
def test_training_takes_about_three_forward_passes_less_the_first_input_gradient(name: str) -> None:
    graph, batch = shipped(name), 8
    works = lower(graph, {}, "training", batch, {}).works
    firsts = [o.loops.macs for o in graph.matrix_operators if o.loops and o.name not in reads_trained(graph)]
    expected = batch * (3 * graph.macs - sum(firsts))
    assert sum(work.macs for work in works) == pytest.approx(expected, rel=0.25)
    weight_gradients = sum(work.macs for work in works if work.role == "weight_gradient")
    assert weight_gradients == batch * graph.macs


def test_training_runs_forward_then_backward_reversed_then_updates() -> None:
    works = lower(shipped("digits_mlp"), {}, "training", 2, {}).works
    assert [(work.layer, work.role) for work in works] == [
        ("fc1", "forward"),
        ("relu1", "forward"),
        ("fc2", "forward"),
        ("fc2", "input_gradient"),
        ("fc2", "weight_gradient"),
        ("relu1", "input_gradient"),
        ("fc1", "weight_gradient"),
        ("fc1", "update"),
        ("fc2", "update"),
    ]


def test_every_layer_and_role_occurs_once() -> None:
    works = lower(shipped("digits_resnet"), {}, "training", 2, {}).works
    keys = [(work.layer, work.role) for work in works]
    assert len(keys) == len(set(keys))


@settings(max_examples=40, deadline=None)
@given(
    channels=st.integers(1, 4), size=st.integers(4, 9), out=st.integers(1, 4), kernel=st.integers(1, 3),
    stride=st.integers(1, 2), padding=st.integers(0, 1), batch=st.integers(1, 3),
)  # fmt: skip
def test_weight_gradient_loops_compute_the_gradient_that_autograd_finds(
    channels: int, size: int, out: int, kernel: int, stride: int, padding: int, batch: int
) -> None:
    graph = one_conv(channels, size, out, kernel, stride, padding)
    conv, loops = graph.operator("c"), found(graph, "weight_gradient", "c", batch).loops
    x = torch.randn(batch, channels, size, size, dtype=torch.float64)
    weight = torch.randn(conv.weight_shape, dtype=torch.float64, requires_grad=True)
    y = torch.nn.functional.conv2d(x, weight, stride=stride, padding=padding)
    error = torch.randn_like(y)
    (wanted,) = torch.autograd.grad((y * error).sum(), weight)
    padded = torch.nn.functional.pad(x, (padding,) * 4)
    # B = input channels, C = batch, the filter is the error: a convolution dilated by the stride.
    swapped = torch.nn.functional.conv2d(padded.transpose(0, 1), error.transpose(0, 1), dilation=stride)
    assert torch.allclose(swapped.transpose(0, 1)[:, :, :kernel, :kernel], wanted)
    assert (channels, batch, out) == (loops.B, loops.C, loops.K)
    assert (*conv.out_shape[1:], kernel, kernel) == (loops.FY, loops.FX, loops.OY, loops.OX)
    assert loops.reduction == batch * math.prod(conv.out_shape[1:])


@pytest.mark.parametrize(("kernel", "stride", "taps"), [(3, 1, 3), (3, 2, 2), (4, 2, 2), (1, 2, 1)])
def test_input_gradient_is_a_transposed_convolution(kernel: int, stride: int, taps: int) -> None:
    graph = one_conv(4, 8, 6, kernel, stride, kernel // 2)
    loops = found(graph, "input_gradient", "c").loops
    assert loops == Loops(B=4, K=4, C=6, OY=8, OX=8, FY=taps, FX=taps)


def test_grouped_gradients_stay_in_their_groups() -> None:
    graph = one_conv(4, 6, 8, 3, 1, 1, groups=2)
    assert found(graph, "input_gradient", "c").loops == Loops(B=4, G=2, K=2, C=4, OY=6, OX=6, FY=3, FX=3)
    gradient = found(graph, "weight_gradient", "c").loops
    assert gradient == Loops(B=2, G=2, K=4, C=4, OY=3, OX=3, FY=6, FX=6)


def test_operands_have_sizes_widths_and_statistics() -> None:
    graph = shipped("digits_mlp")
    formats = {
        "fc1": OperandFormat(weight_bits=4, activation_bits=6, weight_density=0.5, weight_structure="unstructured"),
        "fc2": OperandFormat(weight_bits=8, activation_bits=3, weight_bytes=77.0, index_bytes=7.0),
    }
    seen = {"fc2": LayerStatistics(input_density=0.4, input_mean_fraction=0.2)}
    works = {w.layer: w for w in lower(graph, formats, "inference", 5, seen).works}
    first, second, relu = works["fc1"], works["fc2"], works["relu1"]
    assert isinstance(first, MatrixWork) and isinstance(second, MatrixWork) and isinstance(relu, VectorWork)
    assert (first.weight.elements, first.input.elements, first.output.elements) == (4096, 320, 320)
    assert (first.weight.bits, first.input.bits, first.output.bits) == (4, 6, 3)
    assert (first.weight.density, first.weight.structure) == (0.5, "unstructured")
    assert (second.weight.stored_bytes, second.weight.index_bytes) == (77.0, 7.0)
    assert (second.input.density, second.input.mean_fraction, second.input.is_signed) == (0.4, 0.2, False)
    assert (relu.bits, relu.ops, relu.read_elements) == (3, 320.0, 320)


def test_signs_follow_the_graph() -> None:
    graph = shipped("digits_resnet")
    assert is_nonnegative(graph, "input") and is_nonnegative(graph, "a_relu2") and is_nonnegative(graph, "pool")
    assert not is_nonnegative(graph, "a_norm2") and not is_nonnegative(graph, "a_add")


def physical() -> Graph:
    content = {
        "about": "a", "task": "digits", "input": [16], "training": {"epochs": 1},
        "operators": [
            {"name": "p", "kind": "shg", "bins": 24, "data_bins": 16, "out_features": 12, "chirp_rad": 20.0},
            {"name": "s", "kind": "scale_offset"},
            {"name": "q", "kind": "shg", "bins": 24, "data_bins": 12, "out_features": 10},
        ],
    }  # fmt: skip
    return build_graph("own", NetworkSpec.model_validate(content))


def test_a_physical_layer_runs_itself_forward_and_its_twin_backward() -> None:
    works = lower(physical(), {}, "training", 3, {}).works
    forward = works[0]
    assert isinstance(forward, PhysicalWork)
    assert (forward.passes, forward.inputs, forward.outputs, forward.numbers["bins"]) == (3, 16, 12, 24.0)
    roles = [(w.layer, w.role) for w in works if w.role in ("input_gradient", "weight_gradient")]
    assert roles == [
        ("q", "input_gradient"),
        ("q", "weight_gradient"),
        ("s", "input_gradient"),
        ("p", "weight_gradient"),
    ]
    twin = next(w for w in works if w.role == "weight_gradient")
    assert isinstance(twin, VectorWork)
    assert twin.ops == pytest.approx(2 * 3 * 15 * 64 * 6), "forward at what was measured, and backward"


@given(st.integers(2, 2000))
def test_twin_length_is_the_next_power_of_two(bins: int) -> None:
    length = twin_length(bins)
    assert length >= 2 * bins - 1 > length // 2
    assert length & (length - 1) == 0
