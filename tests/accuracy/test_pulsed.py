"""Networks that learn in pulsed cells: sums of magnitudes, collapse by asymmetry, the hidden array's remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from joulescape.accuracy.datasets import Data, Part
from joulescape.accuracy.machine_layers import program_training
from joulescape.accuracy.measure import measure
from joulescape.accuracy.on_machine import train_on_machine
from joulescape.accuracy.pulsed import summed
from joulescape.compression.pipeline import describe
from joulescape.network.build import build_graph
from joulescape.network.error_spec import Errors
from joulescape.network.fidelity import Fidelity, Recipe
from joulescape.network.operators import Graph
from joulescape.network.work import OperandFormat
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators.crossbar.settings import CrossbarSettings
from joulescape.spec.network import NetworkSpec

ROOT = Path(__file__).resolve().parents[2]
BACK_END = load_back_end(ROOT, "memristive/rpu")
Make = Callable[..., Any]


def errors(graph: Graph, states: float = 1200, asymmetry: float = 0.0, **training: Any) -> Errors:
    """Resistive processing units with cells that are all alike."""
    raw = BACK_END.settings.model_dump()
    said = {"basis": "assumed", "low": 0.0, "high": 1e6, "source": "joulescape", "where": "here"}
    law = {"states": {"value": states, **said}, "asymmetry": {"value": asymmetry, **said}}
    alike = dict.fromkeys(("step_spread", "bound_spread", "imbalance_spread", "write_noise_fraction"))
    quiet = {"cycle_noise": {"value": 0.3, **said}, "high": 1.0, "low": 1.0}
    raw["training"] = {**raw["training"], **alike, **quiet, **law, **training}
    formats = {operator.name: OperandFormat() for operator in graph.matrix_operators}
    return BACK_END.simulator.errors(graph, formats, CrossbarSettings.model_validate(raw))


def graph_of(rows: list[dict[str, Any]], inputs: tuple[int, ...]) -> Graph:
    content = {"about": "here", "task": "digits", "input": inputs, "operators": rows, "training": {"epochs": 1}}
    return build_graph("here", NetworkSpec.model_validate(content))


@pytest.mark.parametrize("groups", [1, 2])
def test_magnitudes_add_up_over_samples_and_positions(groups: int) -> None:
    conv = {"name": "c", "kind": "conv", "out_channels": 4, "kernel": 3, "padding": 1, "groups": groups}
    operator = graph_of([conv, {"name": "f", "kind": "flatten"}], (2, 5, 5)).operator("c")
    x, error = torch.randn(3, 2, 5, 5), torch.randn(3, 4, 5, 5)
    found = summed(operator, x, error)
    padded = torch.nn.functional.pad(x.abs(), (1, 1, 1, 1))
    first = sum(error.abs()[:, 3, i, j] * padded[:, 0 if groups == 1 else 1, i, j] for i in range(5) for j in range(5))
    assert found.shape == operator.weight_shape
    assert torch.allclose(found[3, 0, 0, 0], torch.as_tensor(first).sum(), rtol=1e-4)
    dense = graph_of([{"name": "d", "kind": "dense", "out_features": 3}], (4,)).operator("d")
    rows, back = torch.randn(6, 4), torch.randn(6, 3)
    assert torch.allclose(summed(dense, rows, back), back.abs().T @ rows.abs(), rtol=1e-5)


@pytest.fixture
def learnt(small: Graph, recipe: Make, networks_dir: Path) -> Callable[..., float]:
    """Accuracy after training on digits."""

    def learn(training: dict[str, Any] | None = None, **numbers: Any) -> float:
        how = recipe({"epochs": 0}, {"epochs": 5, **(training or {})}, equivalence="approximate")
        fidelity = Fidelity(trains_on_machine=True)
        found = measure(describe(small, ()), errors(small, **numbers), how, fidelity, 0, networks_dir)
        assert found.trained_accuracy_fraction is not None
        return found.trained_accuracy_fraction[0]

    return learn


HIDDEN = {"update_rule": "tiki_taka_buffered", "fast_rate": 4.0, "transfer_rate": 0.15, "transfer_columns": 8}


def test_symmetric_cells_learn_asymmetric_ones_forget_and_a_hidden_array_helps(learnt: Callable[..., float]) -> None:
    good, bad, helped = learnt(), learnt(asymmetry=1.0, states=200), learnt(asymmetry=1.0, states=200, **HIDDEN)
    assert good > 0.9
    assert bad < good - 0.03
    assert helped > bad + 0.02


def test_pulses_of_a_summed_gradient_forget_less_than_those_of_every_vector(learnt: Callable[..., float]) -> None:
    each, once = (learnt(asymmetry=1.0, states=200, update_scheme=s) for s in ("outer_product", "pulses"))
    assert once > each


def test_convolutions_learn_in_pulsed_cells_too(recipe: Make) -> None:
    rows = [{"name": "c", "kind": "conv", "out_channels": 4, "kernel": 3, "stride": 2}, {"name": "r", "kind": "relu"},
            {"name": "f", "kind": "flatten"}, {"name": "d", "kind": "dense", "out_features": 3}]  # fmt: skip
    graph, stream = graph_of(rows, (1, 8, 8)), torch.Generator().manual_seed(0)
    drawn, labels = torch.rand(3, 1, 8, 8, generator=stream), torch.arange(3).repeat(40)
    part = Part((drawn[labels] + 0.1 * torch.rand(120, 1, 8, 8, generator=stream)).clamp(0, 1), labels)
    how = recipe({}, {"epochs": 12, "batch": 12}, equivalence="approximate")
    found = train_on_machine(
        describe(graph, ()), errors(graph), how, Fidelity(trains_on_machine=True), 0, Data(part, part, part)
    )
    assert found.accuracy_fraction[0] > 0.95


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_three_classes_of_nine_pixels_are_learnt_by_signs_alone(seed: int) -> None:
    """The 12 x 12 crossbar of prezioso2015: ten inputs, three outputs, thirty patterns, all of them classified."""
    drawn = torch.tensor([[float(p) for p in name] for name in ("110010011", "101101010", "111101101")])
    flips = torch.cat([torch.zeros(1, 9), torch.eye(9)])
    part = Part((drawn[:, None] - flips).abs().reshape(-1, 9), torch.arange(3).repeat_interleave(10))
    graph = graph_of([{"name": "d", "kind": "dense", "out_features": 3}], (9,))
    training = {"batch": 30, "learning_rate": 0.1, "epochs": 60, "target": {"accuracy_fraction": 1.0}}
    rule = errors(graph, 100, 1.0, update_scheme="pulses", update_rule="manhattan")
    how = Recipe("digits", {}, {}, training, "approximate")
    found = train_on_machine(
        describe(graph, ()), rule, how, Fidelity(trains_on_machine=True), seed, Data(part, part, part)
    )
    assert found.reached_target is True and found.steps < 60


def test_errors_go_back_through_the_cells_and_not_through_exact_weights(small: Graph) -> None:
    from joulescape.accuracy.activations import calibrate
    from joulescape.accuracy.module import initial
    from joulescape.numerics.base import Chance

    stream = torch.Generator().manual_seed(0)
    tensors, data = initial(small, stream), torch.rand(200, 64, generator=stream)
    calibration = calibrate(describe(small, ()), tensors, data)
    chance = Chance(*(torch.Generator().manual_seed(n) for n in range(4)))
    device = program_training(small, tensors, errors(small), calibration, chance, stream, "merged")
    (back,) = device.backward["fc2"]
    assert not isinstance(back, torch.Tensor)
    asked = torch.randn(50, 10, generator=stream)
    exact = asked @ tensors["fc2.weight"]
    missed = float((back(asked, stream) - exact).norm() / exact.norm())
    assert 0.001 < missed < 0.2
    rule, x = device.straight_through(tensors), torch.rand(50, 24, requires_grad=True)
    (found,) = torch.autograd.grad(rule(small.operator("fc2"), (x,), tensors), x, asked)
    assert found.shape == exact.shape
    assert 0.001 < float((found - exact).norm() / exact.norm()) < 0.2
