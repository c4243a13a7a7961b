"""Training on the machine: it learns, eight bits need stochastic rounding, a target ends it, feedback may be dfa."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from joulescape.accuracy.backward import Feedback, Rounded
from joulescape.accuracy.machine_layers import program_training
from joulescape.accuracy.measure import measure
from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe
from joulescape.network.error_spec import ErrorSpec
from joulescape.network.fidelity import Fidelity, Measured
from joulescape.network.operators import Graph, Role
from joulescape.numerics.base import Chance
from joulescape.numerics.fixed_point import plugin

Make = Callable[..., Any]


@pytest.fixture
def trained(small: Graph, recipe: Make, fixed_point: Make, networks_dir: Path) -> Callable[..., Measured]:
    """Trains on a fixed-point machine; `training` changes the recipe, the other keywords the machine's widths."""

    def train(
        training: dict[str, Any] | None = None, steps: tuple[Step, ...] = (), draws: int = 1, **widths: float
    ) -> Measured:
        errors = fixed_point(small, **widths)
        fidelity = Fidelity(trains_on_machine=True, trainings=draws)
        return measure(describe(small, steps), errors, recipe({"epochs": 0}, training), fidelity, 0, networks_dir)

    return train


def accuracy(measured: Measured) -> float:
    assert measured.trained_accuracy_fraction is not None
    return measured.trained_accuracy_fraction[0]


def test_it_learns_and_counts_its_steps(trained: Callable[..., Measured]) -> None:
    found = trained(draws=2)
    assert found.trained_accuracy_fraction is not None and len(found.trained_accuracy_fraction) == 2
    assert min(found.trained_accuracy_fraction) > 0.9
    assert found.training_steps == 6 * 34 and found.reached_target is None
    assert trained(draws=2) == found


def test_eight_bits_learn_with_stochastic_rounding_only(trained: Callable[..., Measured]) -> None:
    widths = {"gradient_bits": 8, "update_bits": 8}
    stochastic, nearest = (accuracy(trained({"rounding": r, "learning_rate": 0.1}, **widths)) for r in _ROUNDINGS)
    assert stochastic > 0.85 and stochastic > nearest + 0.1


_ROUNDINGS = ("stochastic", "nearest")


def test_a_target_ends_the_run_early(trained: Callable[..., Measured]) -> None:
    found = trained({"target": {"accuracy_fraction": 0.8}})
    assert found.reached_target is True
    assert found.training_steps is not None and found.training_steps < 6 * 34 and found.training_steps % 34 == 0
    missed = trained({"target": {"accuracy_fraction": 1.0}, "epochs": 2})
    assert missed.reached_target is False and missed.training_steps == 2 * 34


def test_random_feedback_learns_too(trained: Callable[..., Measured]) -> None:
    assert accuracy(trained({"feedback": "dfa"})) > 0.85


def test_compressed_networks_train_compressed(trained: Callable[..., Measured]) -> None:
    steps = (Step("prune", {"granularity": "channel", "density": 0.75}, {}), Step("quantize", {"weight_bits": 4}, {}))
    assert accuracy(trained(steps=steps)) > 0.8


def test_without_any_error_it_is_plain_gradient_descent(small: Graph, recipe: Make, networks_dir: Path) -> None:
    fidelity = Fidelity(trains_on_machine=True)
    found = measure(describe(small, ()), {}, recipe(), fidelity, 0, networks_dir)
    assert accuracy(found) > 0.9


def test_rounding_acts_on_the_way_back_only() -> None:
    spec = ErrorSpec("fixed_point", "fc", "input_gradient", {"gradient_bits": 2})
    x = torch.randn(6, requires_grad=True)
    y = Rounded.apply(x, plugin, spec, torch.Generator())  # type: ignore[no-untyped-call]
    assert torch.equal(y, x)
    error = torch.tensor([1.0, 0.6, 0.4, -0.2, -0.7, -1.0])
    (back,) = torch.autograd.grad(y, x, error)
    assert torch.equal(back, torch.tensor([1.0, 1.0, 0.0, -0.0, -1.0, -1.0]))


def test_feedback_replaces_the_error_of_hidden_layers(small: Graph) -> None:
    feedback = Feedback(small, torch.Generator().manual_seed(0))
    logits, labels = torch.randn(4, 10), torch.arange(4)
    feedback.set_error(logits, labels)
    x = torch.randn(4, 24, requires_grad=True)
    (hidden,) = feedback.replaced(small.operator("fc2"), (x,))
    (back,) = torch.autograd.grad(hidden, x, torch.zeros(4, 24))
    assert float(back.abs().sum()) > 0
    data = torch.randn(4, 64, requires_grad=True)
    assert feedback.replaced(small.operator("fc1"), (data,))[0] is data


def test_the_device_stays_and_each_update_is_a_write_of_its_own(
    small: Graph, recipe: Make, networks_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an epoch reaches is judged on cells as they were last written, which the next step meets as well."""
    met: list[tuple[str, Chance]] = []
    honest = program_training

    def spied(graph: Any, tensors: Any, errors: Any, calibration: Any, chance: Chance, *rest: Any) -> Any:
        held = honest(graph, tensors, errors, calibration, chance, *rest)
        met.append((rest[-1], chance))
        return held

    monkeypatch.setattr("joulescape.accuracy.on_machine.program_training", spied)
    how = recipe({"epochs": 0}, {"epochs": 2, "batch": 256})
    found = [measure(describe(small, ()), banks(small), how, FULL, 0, networks_dir) for _ in range(2)]
    assert found[0] == found[1], "the same question and seed"
    for stream in ("device", "backward", "first"):
        assert len({seed(getattr(chance, stream)) for _, chance in met}) == 1
    steps = [seed(chance.writing) for detail, chance in met[: len(met) // 2] if detail == "merged"]
    judged = [seed(chance.writing) for detail, chance in met[: len(met) // 2] if detail == "full"]
    assert len(set(steps)) == len(steps) == 2 * 5
    assert judged[0] == steps[5] and judged[1] not in steps


def test_cells_are_written_anew_and_so_cost_accuracy(small: Graph, recipe: Make, networks_dir: Path) -> None:
    """A training cannot learn round what is drawn at every write."""
    how = recipe({"epochs": 0})
    coarse, fine = (
        accuracy(measure(describe(small, ()), banks(small, s), how, FULL, 0, networks_dir)) for s in (0.1, 0.0)
    )
    assert coarse < fine - 0.03


FULL = Fidelity(rung="full", split="validation", draws=1, trains_on_machine=True, trainings=1)


def banks(graph: Graph, sigma: float = 0.05) -> dict[Any, ErrorSpec]:
    """Banks of rings with weights in cells, forwards and backwards."""
    numbers = {
        "channels": 16, "rows": 16, "spacing_fwhm": 1e4, "is_calibrated": 0, "sigma_fwhm": 0.01, "drift_fwhm": 0.0,
        "store_sigma_fraction": sigma, "dark_fraction": 0.0, "shot_fraction": 0.0, "intensity_fraction": 0.0,
    }  # fmt: skip
    roles: tuple[Role, ...] = ("forward", "input_gradient", "weight_gradient", "update")
    return {(o.name, r): ErrorSpec("ring_bank", o.name, r, numbers) for o in graph.matrix_operators for r in roles}


def seed(stream: torch.Generator) -> int:
    return stream.initial_seed()
