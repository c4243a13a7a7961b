"""Reference weights: good, repeatable, kept with the digest of what they follow from, trained by one at a time."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from joulescape.accuracy.datasets import load_task
from joulescape.accuracy.module import run
from joulescape.accuracy.reference import ensure, identity, is_own, reference_tensors, train_and_save, train_reference
from joulescape.accuracy.training import TrainingRun, correct, fit, fraction, train_weights
from joulescape.errors import SimulatorError
from joulescape.network.build import build_graph
from joulescape.network.operators import Graph
from joulescape.spec.network import NetworkSpec


def test_the_same_seed_trains_the_same_weights(small: Graph, small_spec: NetworkSpec) -> None:
    one, other = (train_reference(small, small_spec.training.model_dump(), "digits", 3) for _ in range(2))
    assert all(torch.equal(one.tensors[name], other.tensors[name]) for name in one.tensors)
    assert one.metrics == other.metrics
    assert one.metrics.test_accuracy_fraction[0] > 0.93
    different = train_reference(small, small_spec.training.model_dump(), "digits", 4)
    assert not torch.equal(one.tensors["fc1.weight"], different.tensors["fc1.weight"])


def test_weights_and_metrics_are_kept_together(small: Graph, small_spec: NetworkSpec, tmp_path: Path) -> None:
    metrics = train_and_save(small, small_spec.training.model_dump(), "digits", 2, tmp_path)
    kept = json.loads((tmp_path / "small.json").read_text())
    assert kept["digest"] == identity(small, small_spec.training.model_dump(), "digits") == metrics.digest
    assert kept["seeds_count"] == 2 and len(kept["validation_accuracy_fraction"]) == 2
    assert kept["test_accuracy_mean_fraction"] == pytest.approx(np.mean(metrics.test_accuracy_fraction))
    tensors = reference_tensors(small, small_spec.training.model_dump(), "digits", tmp_path)
    data = load_task("digits").shaped((64,))
    with torch.no_grad():
        right = correct(run(small, tensors, data.test.images), data.test.labels)
    assert fraction(right) == metrics.test_accuracy_fraction[0]
    assert sorted(p.name for p in tmp_path.iterdir()) == [".small.lock", "small.json", "small.npz"]


def test_another_recipe_trains_anew_and_the_same_one_does_not(
    small: Graph, small_spec: NetworkSpec, tmp_path: Path
) -> None:
    training = {**small_spec.training.model_dump(), "epochs": 1}
    path = ensure(small, training, "digits", tmp_path)
    before = path.stat().st_mtime_ns
    assert ensure(small, training, "digits", tmp_path).stat().st_mtime_ns == before
    ensure(small, {**training, "epochs": 2}, "digits", tmp_path)
    assert path.stat().st_mtime_ns != before


def test_two_askers_at_once_get_one_training(small: Graph, small_spec: NetworkSpec, tmp_path: Path) -> None:
    training = {**small_spec.training.model_dump(), "epochs": 2}
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(lambda _: ensure(small, training, "digits", tmp_path).read_bytes(), range(2)))
    assert paths[0] == paths[1]


def test_weights_without_their_metrics_are_not_trusted(small: Graph, small_spec: NetworkSpec, tmp_path: Path) -> None:
    training = {**small_spec.training.model_dump(), "epochs": 1}
    path = ensure(small, training, "digits", tmp_path)
    path.with_suffix(".json").unlink()
    before = path.stat().st_mtime_ns
    ensure(small, training, "digits", tmp_path)
    assert path.stat().st_mtime_ns != before and path.with_suffix(".json").is_file()


def test_physical_networks_are_their_own_machine(small: Graph) -> None:
    operators = [{"name": "p", "kind": "shg", "bins": 90, "data_bins": 64, "out_features": 10}]
    content = {"about": "p", "task": "digits", "input": [64], "operators": operators, "training": {"epochs": 1}}
    assert is_own(build_graph("p", NetworkSpec.model_validate(content))) and not is_own(small)


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine", "constant"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_every_recipe_learns(small: Graph, schedule: str, optimizer: str) -> None:
    rate = 0.05 if optimizer == "sgd" else 0.01
    how = TrainingRun(6, 64, rate, optimizer, schedule, weight_decay=1e-4, label_smoothing=0.05)
    data = load_task("digits").shaped((64,))
    weights = train_weights(small, how, data.train, 0)
    assert fraction(correct(run(small, weights, data.validation.images), data.validation.labels)) > 0.85


def test_divergence_and_nan_are_failures_not_accuracies() -> None:
    part = load_task("digits").shaped((64,)).train.first(64)
    leaf = torch.zeros(10, requires_grad=True)
    with pytest.raises(SimulatorError, match="diverged"):
        fit({"a": leaf}, lambda x: leaf * torch.nan + x[:, :10], part, TrainingRun(1, 64, 0.1), torch.Generator())
    with pytest.raises(SimulatorError, match="NaN"):
        correct(torch.tensor([[0.0, torch.nan]]), torch.tensor([0]))
