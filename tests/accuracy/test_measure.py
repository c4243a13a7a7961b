"""Laws of measuring: repeatable, paired, better with more bits, worse with more noise; keys name what can change it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any, ClassVar

import pytest
import torch

from joulescape.accuracy import fine_tuning, machine_layers
from joulescape.accuracy.datasets import load_task
from joulescape.accuracy.fine_tuning import compressed
from joulescape.accuracy.measure import accuracy_key, measure
from joulescape.accuracy.reference import reference_tensors
from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe
from joulescape.errors import SimulatorError
from joulescape.network.error_spec import ErrorSpec
from joulescape.network.fidelity import Fidelity, Measured
from joulescape.network.operators import Graph
from joulescape.numerics.base import Detail, MatrixNumerics, Programmed

Make = Callable[..., Any]
PRUNE = Step("prune", {"density": 0.3}, {})
QUANTIZE = Step("quantize", {"weight_bits": 3, "activation_bits": 4}, {})


class Noisy(MatrixNumerics):
    """Gaussian weight errors, relative to the largest weight; NaN when asked for."""

    kind: ClassVar[str] = "noisy"

    def program(
        self,
        weight: torch.Tensor,
        errors: ErrorSpec,
        calibration: torch.Tensor,
        generator: torch.Generator,
        detail: Detail,
    ) -> Programmed:
        assert calibration.shape[1] == weight.shape[1]
        sigma = errors.numbers["sigma"] * float(weight.abs().max())
        held = weight + sigma * torch.randn(weight.shape, generator=generator)
        return lambda x, generator: x @ held.T


@pytest.fixture
def noisy(monkeypatch: pytest.MonkeyPatch) -> Make:
    """Errors realised by `Noisy`."""
    known = machine_layers.numerics
    monkeypatch.setattr(machine_layers, "numerics", lambda kind: Noisy() if kind == "noisy" else known(kind))

    def make(graph: Graph, sigma: float) -> dict[Any, ErrorSpec]:
        return {
            (o.name, "forward"): ErrorSpec("noisy", o.name, "forward", {"sigma": sigma}) for o in graph.matrix_operators
        }

    return make


def test_no_errors_measure_the_reference(small: Graph, recipe: Make, networks_dir: Path) -> None:
    for split in ("validation", "test"):
        found = measure(describe(small, ()), {}, recipe(), Fidelity(split=split), 0, networks_dir)
        assert len(found.accuracy_fraction) == len(found.correct) == 1
        assert found.accuracy_fraction[0] > 0.93 and len(found.correct[0]) == 360
        assert found.accuracy_fraction[0] == sum(found.correct[0]) / 360
    assert found.trained_accuracy_fraction is None and found.training_steps is None


def test_the_same_question_has_the_same_answer(
    small: Graph, recipe: Make, fixed_point: Make, networks_dir: Path
) -> None:
    network = describe(small, [PRUNE, QUANTIZE])
    one = measure(network, fixed_point(small), recipe(), Fidelity(), 0, networks_dir)
    fine_tuning._kept.cache_clear()  # not from this process's memory of fine-tuned weights
    assert measure(network, fixed_point(small), recipe(), Fidelity(), 0, networks_dir) == one
    assert measure(network, fixed_point(small), recipe(), Fidelity(), 1, networks_dir).correct != one.correct


def test_a_wide_machine_changes_nothing(small: Graph, recipe: Make, fixed_point: Make, networks_dir: Path) -> None:
    network, errors = describe(small, ()), fixed_point(small, weight_bits=16, input_bits=16, accumulator_bits=48)
    plain, machine = (measure(network, e, recipe(), Fidelity(), 0, networks_dir) for e in ({}, errors))
    assert plain.correct == machine.correct


def test_narrow_machines_lose_and_fine_tuning_regains(small: Graph, recipe: Make, networks_dir: Path) -> None:
    network = describe(small, [Step("prune", {"density": 0.15}, {}), Step("quantize", {"weight_bits": 2}, {})])
    accuracy = [
        measure(network, {}, recipe({"epochs": epochs}), Fidelity(), 0, networks_dir).accuracy_fraction[0]
        for epochs in (0, 6)
    ]
    assert accuracy[1] > accuracy[0] + 0.05


def test_fine_tuned_weights_keep_masks_and_grids(small: Graph, recipe: Make, networks_dir: Path) -> None:
    network, how = describe(small, [PRUNE, QUANTIZE]), recipe()
    reference = reference_tensors(small, how.reference, "digits", networks_dir)
    before = {name: tensor.clone() for name, tensor in reference.items()}
    data = load_task("digits").shaped((64,))
    found = compressed(network, reference, how.fine_tune, data.train, {}, 0)
    for operator in small.matrix_operators:
        weight = found[f"{operator.name}.weight"]
        assert torch.count_nonzero(weight) <= round(0.3 * weight.numel())
        assert all(len(row.unique()) <= 7 for row in weight)
        largest = before[f"{operator.name}.weight"].abs().flatten().topk(round(0.3 * weight.numel())).values[-1]
        assert not torch.any(weight[before[f"{operator.name}.weight"].abs() < largest])
    assert all(torch.equal(reference[name], before[name]) for name in before)


def test_statistics_are_those_of_the_layers(small: Graph, recipe: Make, networks_dir: Path) -> None:
    found = measure(describe(small, [PRUNE]), {}, recipe(), Fidelity(), 0, networks_dir).statistics
    assert set(found) == {"fc1", "fc2"}
    images = load_task("digits").train.images[:256]
    assert found["fc1"].input_density == pytest.approx(float((images != 0).float().mean()))
    assert found["fc1"].input_mean_fraction == pytest.approx(float(images.mean()), rel=1e-5)
    assert found["fc1"].weight_density == pytest.approx(0.3, abs=0.01)
    for layer in found.values():
        assert 0 < layer.input_mean_square_fraction <= layer.input_mean_fraction < 1
        assert 0 < layer.weight_mean_square_fraction <= layer.weight_mean_fraction < 1


def noisy_accuracy(small: Graph, recipe: Make, errors: Any, where: Path, draws: int = 6, **tune: Any) -> Measured:
    how = recipe({"epochs": 6, **tune}, equivalence="approximate")
    return measure(describe(small, ()), errors, how, Fidelity(draws=draws), 0, where)


def test_more_noise_never_helps_on_average(small: Graph, recipe: Make, noisy: Make, networks_dir: Path) -> None:
    accuracy = [
        fmean(noisy_accuracy(small, recipe, noisy(small, s), networks_dir).accuracy_fraction) for s in (0, 0.1, 0.3, 1)
    ]
    assert accuracy == sorted(accuracy, reverse=True) and accuracy[0] > 0.93 > 0.6 > accuracy[-1]


def test_draws_differ_and_are_common_to_all_candidates(
    small: Graph, recipe: Make, noisy: Make, networks_dir: Path
) -> None:
    three, six = (noisy_accuracy(small, recipe, noisy(small, 0.2), networks_dir, draws) for draws in (3, 6))
    assert six.correct[:3] == three.correct
    assert len(set(six.correct)) > 1


def test_noise_aware_fine_tuning_helps(small: Graph, recipe: Make, noisy: Make, networks_dir: Path) -> None:
    errors = noisy(small, 0.3)
    plain = noisy_accuracy(small, recipe, errors, networks_dir)
    aware = noisy_accuracy(small, recipe, errors, networks_dir, noise_aware=True)
    assert fmean(aware.accuracy_fraction) > fmean(plain.accuracy_fraction) + 0.02


def test_an_output_that_is_not_a_number_is_a_failure(
    small: Graph, recipe: Make, noisy: Make, networks_dir: Path
) -> None:
    with pytest.raises(SimulatorError, match="NaN"):
        noisy_accuracy(small, recipe, noisy(small, float("nan")), networks_dir)


def test_fewer_samples_are_the_first_ones(small: Graph, recipe: Make, networks_dir: Path) -> None:
    whole, some = (
        measure(describe(small, ()), {}, recipe(), Fidelity(samples=n), 0, networks_dir).correct[0] for n in (None, 50)
    )
    assert some == whole[:50]


def test_the_key_names_everything_that_can_change_the_result(
    small: Graph, recipe: Make, fixed_point: Make, networks_dir: Path
) -> None:
    network, errors = describe(small, [PRUNE]), fixed_point(small)
    how, fidelity = recipe(equivalence="approximate"), Fidelity(trains_on_machine=True)

    def key(**changes: Any) -> str:
        at = {"network": network, "errors": errors, "recipe": how, "fidelity": fidelity, "seed": 0, **changes}
        return accuracy_key(**at, networks_dir=networks_dir)

    assert key() == key()
    changes: list[dict[str, Any]] = [
        {"network": describe(small, [Step("prune", {"density": 0.31}, {})])},
        {"errors": fixed_point(small, weight_bits=7)},
        {"recipe": recipe({"epochs": 3}, equivalence="approximate")},
        {"recipe": recipe(training={"rounding": "nearest"}, equivalence="approximate")},
        {"fidelity": replace(fidelity, rung="full")},
        {"fidelity": replace(fidelity, split="test")},
        {"fidelity": replace(fidelity, draws=4)},
        {"fidelity": replace(fidelity, trains_on_machine=False)},
        {"seed": 1},
    ]
    assert len({key(), *(key(**change) for change in changes)}) == len(changes) + 1
    assert key(fidelity=replace(fidelity, corner="optimistic")) == key()
