"""Laws of lowering on random graphs: works are counted by hand, gradients are shaped as autograd shapes them."""

from __future__ import annotations

import itertools
import math
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import Oracle, Written, graph_of, networks

from joulescape.accuracy.module import initial, run
from joulescape.network.lower import FREE_KINDS, is_nonnegative, lower, reads_trained
from joulescape.network.operators import Graph, Loops, Operator
from joulescape.network.work import LayerStatistics, MatrixWork, OperandFormat, VectorWork, Work

torch.set_num_threads(1)
SOME = settings(max_examples=50, deadline=None)
Net = tuple[list[int], list[Written]]


def by_role(works: tuple[Work, ...]) -> dict[tuple[str, str], Work]:
    return {(work.layer, work.role): work for work in works}


def counted(operator: Operator, batch: int) -> int:
    """Multiply-accumulates of a convolution, one by one: every output, every filter tap, padding included."""
    out, height, width = operator.out_shape
    weights_per_output = math.prod((operator.weight_shape or ())[1:])
    places = itertools.product(range(batch), range(out), range(height), range(width))
    return sum(weights_per_output for _ in places)


@SOME
@given(networks(5), st.integers(1, 4))
def test_macs_are_counted_by_hand(written: Net, batch: int) -> None:
    graph = graph_of(*written)
    for work in lower(graph, {}, "inference", batch, {}).works:
        operator = graph.operator(work.layer)
        if operator.kind == "conv":
            assert work.macs == counted(operator, batch)
        elif operator.kind == "dense":
            assert work.macs == batch * math.prod(operator.weight_shape or ())
        else:
            assert work.macs == 0


@SOME
@given(networks(), st.integers(1, 4))
def test_inference_has_one_work_an_operator_in_order(written: Net, batch: int) -> None:
    graph = graph_of(*written)
    phase = lower(graph, {}, "inference", batch, {})
    assert [w.layer for w in phase.works] == [o.name for o in graph.operators if o.kind not in FREE_KINDS]
    assert {w.role for w in phase.works} <= {"forward"}
    for work in phase.works:
        if isinstance(work, MatrixWork):
            assert batch == work.loops.B and work.macs == work.loops.macs


@SOME
@given(networks(), st.integers(1, 3))
def test_operands_hold_the_elements_of_torchs_tensors(written: Net, batch: int) -> None:
    graph, oracle = graph_of(*written), Oracle(*written)
    for work in lower(graph, {}, "inference", batch, {}).works:
        operator = graph.operator(work.layer)
        outputs = batch * math.prod(oracle.shapes[work.layer])
        inputs = batch * sum(math.prod(oracle.shapes[name]) for name in operator.inputs)
        if isinstance(work, MatrixWork):
            module = oracle.modules_by_name[work.layer]
            assert (work.input.elements, work.output.elements) == (inputs, outputs)
            assert work.weight.elements == sum(p.numel() for n, p in module.named_parameters() if n == "weight")
        elif isinstance(work, VectorWork):
            assert (work.read_elements, work.write_elements) == (inputs, outputs)


@SOME
@given(networks(), st.integers(1, 3))
def test_training_adds_the_gradients_that_autograd_makes(written: Net, batch: int) -> None:
    """A weight has a gradient and an update; an input has one where something trained stands before it."""
    graph, oracle = graph_of(*written), Oracle(*written)
    works = by_role(lower(graph, {}, "training", batch, {}).works)
    for operator in graph.operators:
        trained = list(oracle.modules_by_name[operator.name].parameters()) if operator.kind != "add" else []
        assert ((operator.name, "update") in works) == bool(trained)
        assert ((operator.name, "weight_gradient") in works) == (operator.is_matrix and bool(trained))
        if trained:
            update = works[operator.name, "update"]
            assert isinstance(update, VectorWork) and update.write_elements == sum(p.numel() for p in trained)
        if operator.is_matrix:
            gradient = works[operator.name, "weight_gradient"]
            weight = next(p for n, p in oracle.modules_by_name[operator.name].named_parameters() if n == "weight")
            assert isinstance(gradient, MatrixWork) and gradient.output.elements == weight.numel()


@SOME
@given(networks(), st.integers(0, 9))
def test_input_gradients_are_made_where_autograd_needs_them(written: Net, seed: int) -> None:
    """Torch says which tensors require a gradient when only parameters do."""
    graph = graph_of(*written)
    tensors = initial(graph, torch.Generator().manual_seed(seed))
    leaves = {n: t.requires_grad_(not n.endswith(("mean", "variance"))) for n, t in tensors.items()}
    wanted: set[str] = set()
    samples = torch.rand(2, *written[0])
    requires = {"input": False}
    for place, operator in enumerate(graph.operators):
        prefix = Graph("prefix", graph.input_shape, graph.operators[: place + 1])
        if any(requires[name] for name in operator.inputs):
            wanted.add(operator.name)
        requires[operator.name] = run(prefix, leaves, samples).requires_grad
    assert reads_trained(graph) == wanted
    works = lower(graph, {}, "training", 2, {}).works
    made = {w.layer for w in works if w.role == "input_gradient"}
    assert made == {name for name in wanted if graph.operator(name).kind not in FREE_KINDS}


@SOME
@given(networks(), st.integers(1, 3))
def test_errors_have_the_shapes_of_the_values_they_belong_to(written: Net, batch: int) -> None:
    graph = graph_of(*written)
    for work in lower(graph, {}, "training", batch, {}).works:
        operator = graph.operator(work.layer)
        if work.role == "input_gradient" and isinstance(work, MatrixWork):
            assert work.input.elements == batch * operator.out_elements
            assert work.output.elements == batch * operator.in_elements
            assert work.output.elements == work.loops.G * work.loops.K * work.loops.B * work.loops.OY * work.loops.OX
        if work.role == "input_gradient" and isinstance(work, VectorWork):
            assert work.write_elements == batch * operator.in_elements
        if work.role == "weight_gradient" and isinstance(work, MatrixWork):
            loops = work.loops
            assert work.output.elements == loops.G * loops.K * loops.B * loops.OY * loops.OX
            assert not work.is_weight_stored


@SOME
@given(networks(), st.integers(1, 4))
def test_an_unstrided_input_gradient_never_takes_fewer_macs_than_forward_without_padding(
    written: Net, batch: int
) -> None:
    """dX meets each forward product once; zeros around the image are the only products that fall away."""
    graph = graph_of(*written)
    works = by_role(lower(graph, {}, "training", batch, {}).works)
    for operator in graph.matrix_operators:
        assert operator.loops is not None
        assert works[operator.name, "weight_gradient"].macs == batch * operator.loops.macs
        if (operator.name, "input_gradient") not in works:
            continue
        backward = works[operator.name, "input_gradient"].macs
        if operator.kind == "dense":
            assert backward == batch * operator.loops.macs
        elif operator.window("padding") == (0, 0):
            assert backward >= batch * operator.loops.macs


@SOME
@given(networks(), st.integers(1, 3))
def test_each_layer_and_role_is_worked_once_and_roles_do_not_mix(written: Net, batch: int) -> None:
    works = lower(graph_of(*written), {}, "training", batch, {}).works
    assert max(Counter((w.layer, w.role) for w in works).values(), default=1) == 1
    stages = {"forward": 0, "input_gradient": 1, "weight_gradient": 1, "update": 2}
    order = [stages[w.role] for w in works]
    assert order == sorted(order)
    forward = [w.layer for w in works if w.role == "forward"]
    backward = list(dict.fromkeys(w.layer for w in works if stages[w.role] == 1))
    assert backward == [name for name in reversed(forward) if name in backward]


@SOME
@given(networks(), st.integers(1, 3), st.sampled_from(["inference", "training"]))
def test_twice_the_batch_is_twice_the_work_but_one_update(written: Net, batch: int, phase: str) -> None:
    graph = graph_of(*written)
    one, two = (by_role(lower(graph, {}, phase, b, {}).works) for b in (batch, 2 * batch))  # type: ignore[arg-type]
    assert one.keys() == two.keys()
    for key, work in one.items():
        other, times = two[key], 1 if key[1] == "update" else 2
        assert other.macs == times * work.macs
        if isinstance(work, VectorWork) and isinstance(other, VectorWork):
            assert other.ops == times * work.ops and other.read_elements == times * work.read_elements
        if isinstance(work, MatrixWork) and isinstance(other, MatrixWork):
            assert other.input.elements == 2 * work.input.elements
            if work.is_weight_stored:
                assert other.weight.elements == work.weight.elements


@SOME
@given(networks(), st.integers(2, 16), st.integers(2, 16), st.floats(0.1, 1.0))
def test_formats_and_statistics_arrive_at_their_operands(
    written: Net, weight_bits: int, input_bits: int, density: float
) -> None:
    graph = graph_of(*written)
    form = OperandFormat(weight_bits=weight_bits, activation_bits=input_bits, weight_bytes=7.0, index_bytes=2.0)
    formats = {o.name: form for o in graph.matrix_operators}
    seen = {o.name: LayerStatistics(input_density=density, weight_density=0.5) for o in graph.matrix_operators}
    for work in lower(graph, formats, "inference", 1, seen).works:
        if isinstance(work, MatrixWork):
            assert (work.weight.bits, work.input.bits) == (weight_bits, input_bits)
            assert (work.weight.density, work.input.density) == (0.5, density)
            assert (work.weight.stored_bytes, work.weight.index_bytes) == (7.0, 2.0)
            assert work.output.bits in (input_bits, 32.0)


@SOME
@given(networks(), st.integers(0, 99))
def test_a_tensor_called_nonnegative_holds_no_negative_value(written: Net, seed: int) -> None:
    graph = graph_of(*written)
    stream = torch.Generator().manual_seed(seed)
    tensors = {n: t + torch.randn(t.shape, generator=stream) * 0.3 for n, t in initial(graph, stream).items()}
    tensors = {n: t.abs() if n.endswith("variance") else t for n, t in tensors.items()}
    samples = torch.rand(4, *written[0], generator=stream)
    for place, operator in enumerate(graph.operators):
        if is_nonnegative(graph, operator.name):
            prefix = Graph("prefix", graph.input_shape, graph.operators[: place + 1])
            assert float(run(prefix, tensors, samples).min()) >= 0.0


def test_a_product_of_activations_gets_both_errors_and_no_weight_gradient() -> None:
    graph = graph_of(
        [6, 6],
        [{"name": "a", "kind": "dense", "out_features": 4}, {"name": "m", "kind": "matmul", "inputs": ["input", "a"]}],
    )
    works = by_role(lower(graph, {}, "training", 3, {}).works)
    back = works["m", "input_gradient"]
    assert isinstance(back, MatrixWork) and not back.is_weight_stored
    left, right = torch.rand(3, 6, 6, requires_grad=True), torch.rand(3, 6, 4, requires_grad=True)
    gradients = torch.autograd.grad((left @ right).sum(), (left, right))
    assert back.output.elements == sum(g.numel() for g in gradients)
    assert back.macs == 2 * 3 * 6 * 6 * 4
    assert ("m", "weight_gradient") not in works and ("m", "update") not in works


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
def test_strided_taps_bound_the_products_that_reach_one_input(kernel: int, stride: int) -> None:
    """The transposed convolution of ones counts, per input, the errors it meets: never more than the taps announced."""
    size = 8
    conv = {"kind": "conv", "out_channels": 1, "kernel": kernel, "stride": stride}
    graph = graph_of([1, size, size], [{"name": "a", **conv, "kernel": 1, "stride": 1}, {"name": "b", **conv}])
    work = by_role(lower(graph, {}, "training", 1, {}).works)["b", "input_gradient"]
    assert isinstance(work, MatrixWork)
    x = torch.zeros(1, 1, size, size, requires_grad=True)
    y = torch.nn.functional.conv2d(x, torch.ones(1, 1, kernel, kernel), stride=stride)
    (met,) = torch.autograd.grad(y.sum(), x)
    assert float(met.max()) == work.loops.FY * work.loops.FX
    assert work.loops == Loops(OY=size, OX=size, FY=work.loops.FY, FX=work.loops.FX)
