"""Machines that are their own network: measured by training one on each drawn device (physics-aware, wright2022).

How it trains: `training.algorithm` says what runs forward and backward; epochs, batch and learning rate are the
network's own recipe unless the question states or draws them. Physical parameters, scales and offsets are trained;
every accuracy is the device's, after training on that device.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from joulescape.accuracy.datasets import Part, load_task
from joulescape.accuracy.kept import identity
from joulescape.accuracy.own_bench import ALGORITHMS, Algorithm
from joulescape.accuracy.own_training import OwnRun, Trained, is_in_silico, train
from joulescape.accuracy.reference import Reference, ReferenceMetrics
from joulescape.accuracy.training import TrainingRun, fraction
from joulescape.compression.base import Described
from joulescape.errors import SimulatorError
from joulescape.network.error_spec import Errors
from joulescape.network.fidelity import Fidelity, Measured, Recipe
from joulescape.network.operators import Graph


def measure_own(
    network: Described, errors: Errors, recipe: Recipe, fidelity: Fidelity, seed: int, networks_dir: Path
) -> Measured:
    """Train one network a device draw and measure it on its device; nothing is read from `networks_dir`.

    `extras`: `twin_accuracy_fraction`, what the twin makes of the same parameters (mean over draws); after in-silico
    training also `recalibrated_accuracy_fraction`, the device with its calibrations measured anew. Raises
    SimulatorError for an unknown algorithm or a loss that is not a number.
    """
    del networks_dir
    data = load_task(recipe.task).shaped(network.graph.input_shape)
    part = data.part(fidelity.split).first(fidelity.samples)
    runs = [_run(recipe, seed, draw) for draw in range(fidelity.trainings)]
    trained = [train(network.graph, errors, run, data) for run in runs]
    right = tuple(one.right(part) for one in trained)
    extras = {"twin_accuracy_fraction": _mean([one.accuracy(part, "in_silico") for one in trained])}
    if is_in_silico(runs[0].algorithm):
        extras["recalibrated_accuracy_fraction"] = _mean([recalibrated(one, data.train, part) for one in trained])
    reached = tuple(fraction(one) for one in right)
    return Measured(
        accuracy_fraction=reached,
        trained_accuracy_fraction=reached,
        training_steps=max(one.steps for one in trained),
        reached_target=all(one.reached_target for one in trained) if recipe.training.get("target") else None,
        correct=right,
        extras=extras,
    )


def train_twin(name: str, graph: Graph, training: Mapping[str, Any], task: str, seeds: tuple[int, ...]) -> Reference:
    """The ideal twin of an own network: nominal physics, no noise. Keeps the first seed's parameters."""
    data = load_task(task).shaped(graph.input_shape)
    how = TrainingRun.of(training)
    trained = [train(graph, {}, OwnRun(how, "in_silico", seed), data) for seed in seeds]
    reached = [tuple(one.accuracy(part, "in_silico") for one in trained) for part in (data.validation, data.test)]
    label = identity(graph, training, task)
    metrics = ReferenceMetrics(name, label, task, graph.parameter_count, reached[0], reached[1])
    return Reference(trained[0].network.tensors(), metrics)


def recalibrated(trained: Trained, samples: Part, part: Part) -> float:
    """Accuracy on the device after its calibrations were measured anew on `samples`; the network stays recalibrated."""
    trained.network.recalibrate(samples.images)
    return trained.accuracy(part)


def algorithm_of(training: Mapping[str, Any]) -> Algorithm:
    """The training's algorithm, physics-aware by default; SimulatorError when there is no such algorithm."""
    name = training.get("algorithm", "pat")
    if name not in ALGORITHMS:
        raise SimulatorError(f"no training algorithm '{name}'; known: {', '.join(ALGORITHMS)}")
    return cast(Algorithm, name)


def _run(recipe: Recipe, seed: int, draw: int) -> OwnRun:
    target = recipe.training.get("target")
    how = TrainingRun.of({**recipe.reference, **_stated(recipe.training)})
    goal = None if not target else float(target["accuracy_fraction"])
    return OwnRun(how, algorithm_of(recipe.training), seed, draw, goal)


def _stated(training: Mapping[str, Any]) -> dict[str, Any]:
    """What `training:` says about the run; resolve has put the network's own values where the question is silent."""
    return {name: training[name] for name in ("epochs", "batch", "learning_rate") if name in training}


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
