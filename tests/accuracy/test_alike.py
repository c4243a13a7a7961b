"""Which fidelities are one measurement: equal keys measure equal numbers, and what can differ has other keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from joulescape.accuracy import fine_tuning
from joulescape.accuracy.alike import plainest
from joulescape.accuracy.datasets import load_task
from joulescape.accuracy.fine_tuning import tuned, untuned
from joulescape.accuracy.keys import tuned_key
from joulescape.accuracy.measure import accuracy_key, measure
from joulescape.accuracy.reference import reference_tensors
from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe
from joulescape.network.build import build_graph
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.fidelity import Fidelity, Measured, Recipe
from joulescape.network.operators import Graph
from joulescape.spec.document import read_document
from joulescape.spec.network import NetworkSpec

Make = Callable[..., Any]
QUANTIZE = Step("quantize", {"weight_bits": 3, "activation_bits": 4}, {})
RUNGS = ("merged", "tuned", "full")
ROOT = Path(__file__).parents[2]


@pytest.fixture
def ask(small: Graph, networks_dir: Path) -> Callable[..., tuple[str, Measured]]:
    """Key and measurement of the small network, fresh: nothing is taken from this process's memory."""

    def asked(how: Recipe, errors: Errors, fidelity: Fidelity, steps: Any = (QUANTIZE,)) -> tuple[str, Measured]:
        fine_tuning._kept.cache_clear()
        network = describe(small, steps)
        key = accuracy_key(network, errors, how, fidelity, 0, networks_dir)
        return key, measure(network, errors, how, fidelity, 0, networks_dir)

    return asked


def network_graph(root: Path, name: str) -> Graph:
    document = read_document(root / "models" / f"{name}.yaml")
    return build_graph(name, NetworkSpec.model_validate(document.content))


def of_rungs(ask: Make, how: Recipe, errors: Errors, steps: Any = (QUANTIZE,), **changes: Any) -> dict[str, Any]:
    return {rung: ask(how, errors, Fidelity(rung=rung, **changes), steps) for rung in RUNGS}  # type: ignore[arg-type]


def test_on_an_exact_machine_the_full_simulation_is_the_merged_one(
    ask: Make, recipe: Make, fixed_point: Make, small: Graph
) -> None:
    found = of_rungs(ask, recipe(), fixed_point(small))
    assert found["tuned"] == found["full"]
    assert found["merged"][0] != found["tuned"][0]
    assert found["merged"][1].correct != found["tuned"][1].correct


def test_without_fine_tuning_all_rungs_of_an_exact_machine_are_one(
    ask: Make, recipe: Make, fixed_point: Make, small: Graph
) -> None:
    found = of_rungs(ask, recipe({"epochs": 0}), fixed_point(small))
    assert found["merged"] == found["tuned"] == found["full"]


def test_a_network_that_is_left_alone_has_nothing_to_fine_tune(ask: Make, recipe: Make) -> None:
    found = of_rungs(ask, recipe(), {}, steps=())
    assert found["merged"] == found["tuned"] == found["full"]


def test_a_machine_with_errors_keeps_its_rungs_apart(ask: Make, recipe: Make, fixed_point: Make, small: Graph) -> None:
    found = of_rungs(ask, recipe(equivalence="approximate"), fixed_point(small), draws=2)
    assert len({key for key, _ in found.values()}) == 3
    bare = of_rungs(ask, recipe({"epochs": 0}, equivalence="approximate"), fixed_point(small), draws=2)
    assert bare["merged"] == bare["tuned"]
    assert bare["full"][0] != bare["tuned"][0]


def test_what_a_rung_does_not_use_parts_nothing(ask: Make, recipe: Make, fixed_point: Make, small: Graph) -> None:
    errors = fixed_point(small)
    plain = ask(recipe(), errors, Fidelity(rung="merged"))
    assert plain == ask(recipe({"learning_rate": 0.5}), errors, Fidelity(rung="merged"))
    assert plain == ask(recipe(training={"rounding": "nearest"}), errors, Fidelity(rung="merged", trainings=5))
    assert plain == ask(recipe(), errors, Fidelity(rung="merged", draws=9, is_screening=True))
    assert plain[0] != ask(recipe(), errors, Fidelity(rung="merged", samples=50))[0]


@pytest.mark.parametrize(("split", "whole"), [("validation", 360), ("test", 360)])
def test_more_samples_than_there_are_mean_all(ask: Make, recipe: Make, split: Any, whole: int) -> None:
    every = ask(recipe(), {}, Fidelity(rung="merged", split=split))
    assert every == ask(recipe(), {}, Fidelity(rung="merged", split=split, samples=whole + 5))
    assert every[0] != ask(recipe(), {}, Fidelity(rung="merged", split=split, samples=whole - 1))[0]


def test_a_machine_that_is_its_network_has_one_rung(recipe: Make) -> None:
    own_network = describe(network_graph(ROOT, "shg_digits"), ())
    asked = [Fidelity(rung=rung, draws=draws) for rung, draws in zip(RUNGS, (1, 2, 3), strict=True)]  # type: ignore[arg-type]
    how = recipe(equivalence="own")
    assert len({plainest(own_network, {}, how, fidelity)[1] for fidelity in asked}) == 1
    assert plainest(own_network, {}, how, Fidelity(trainings=4))[1].trainings == 4


def test_fine_tuned_weights_are_made_once_and_are_the_same(
    small: Graph, recipe: Make, networks_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    real = fine_tuning.compressed
    monkeypatch.setattr(fine_tuning, "compressed", lambda *asked: made.append(1) or real(*asked))
    network, how, part = describe(small, (QUANTIZE,)), recipe({"epochs": 1}), load_task("digits").shaped((64,)).train
    reference = reference_tensors(small, how.reference, "digits", networks_dir)
    fine_tuning._kept.cache_clear()

    def weights(seed: int = 0, **changes: Any) -> Any:
        asked = replace(how, fine_tune={**how.fine_tune, **changes})
        key = tuned_key(network, {}, asked, seed, networks_dir)
        return tuned(network, reference, asked.fine_tune, part, {}, seed, key)

    first = weights()
    assert weights() is first
    assert len(made) == 1
    others = [weights(seed=1), weights(epochs=2), weights(learning_rate=0.1)]
    assert len(made) == 4
    assert not any(torch.equal(first["fc1.weight"], other["fc1.weight"]) for other in others)
    fine_tuning._kept.cache_clear()
    assert all(torch.equal(first[name], tensor) for name, tensor in weights().items())
    assert not torch.equal(first["fc1.weight"], untuned(network, reference, part)["fc1.weight"])


def test_what_is_remembered_of_fine_tuning_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    fine_tuning._kept.cache_clear()
    for number in range(fine_tuning.KEPT + 10):
        fine_tuning._kept(fine_tuning._Asked(str(number), dict))
    assert fine_tuning._kept.cache_info().currsize == fine_tuning.KEPT
    fine_tuning._kept.cache_clear()


def test_noise_aware_weights_follow_from_the_errors(small: Graph, recipe: Make, networks_dir: Path) -> None:
    network = describe(small, (QUANTIZE,))

    def key(sigma: float, is_aware: bool) -> str:
        errors = {("fc1", "forward"): ErrorSpec("fixed_point", "fc1", "forward", {"sigma": sigma})}
        return tuned_key(network, errors, recipe({"noise_aware": is_aware}), 0, networks_dir)  # type: ignore[arg-type]

    assert key(0.1, True) != key(0.2, True)
    assert key(0.1, False) == key(0.2, False)
