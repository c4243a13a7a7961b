"""Controls beside a machine that is its own network: what its accuracy owes to training the physics on the device."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import Any

from joulescape.accuracy.datasets import Data, load_task
from joulescape.accuracy.own import recalibrated
from joulescape.accuracy.own_training import OwnRun, train
from joulescape.accuracy.training import TrainingRun
from joulescape.network.error_spec import Errors
from joulescape.network.fidelity import Split
from joulescape.network.operators import Graph

LOGISTIC_STEPS = 2000


@dataclass(frozen=True)
class Control:
    """One row of the table: accuracy on the device, one value a seed."""

    name: str
    about: str
    accuracy_fraction: tuple[float, ...]

    @property
    def mean_fraction(self) -> float:
        """Mean over seeds."""
        return fmean(self.accuracy_fraction)

    @property
    def sd_fraction(self) -> float | None:
        """Standard deviation over seeds; None for a single one."""
        return stdev(self.accuracy_fraction) if len(self.accuracy_fraction) > 1 else None


ABOUT: Mapping[str, str] = {
    "pat": "device forward, twin backward",
    "in_silico": "trained on the twin, run on the device",
    "in_silico_recalibrated": "the same, every calibration measured anew on the device",
    "in_silico_twin": "the same on the twin itself: no device at all",
    "ideal": "device forward and backward, which no hardware offers",
    "frozen": "physical parameters left at random, digital scales and offsets trained by pat",
    "logistic_regression": "a linear digital classifier on the pixels",
}
"""What each control does."""


def controls(
    graph: Graph,
    errors: Errors,
    training: Mapping[str, Any],
    task: str,
    seeds: Iterable[int],
    split: Split = "test",
    names: Iterable[str] = ABOUT,
) -> tuple[Control, ...]:
    """The controls called `names`, in the order of ABOUT; one training on one device a seed.

    Physics earns its place where pat beats `frozen`; training on the device where it beats both in-silico rows.
    """
    data, how = load_task(task).shaped(graph.input_shape), TrainingRun.of(training)
    wanted = set(names)
    rows = [_one_seed(graph, errors, OwnRun(how, "pat", seed), data, split, wanted) for seed in seeds]
    return tuple(Control(name, ABOUT[name], tuple(row[name] for row in rows)) for name in ABOUT if name in wanted)


def _one_seed(
    graph: Graph, errors: Errors, run: OwnRun, data: Data, split: Split, wanted: set[str]
) -> dict[str, float]:
    part = data.part(split)
    found: dict[str, float] = {}
    if "pat" in wanted:
        found["pat"] = train(graph, errors, run, data).accuracy(part)
    if wanted & {"in_silico", "in_silico_recalibrated", "in_silico_twin"}:
        modelled = train(graph, errors, replace(run, algorithm="in_silico"), data)
        found["in_silico_twin"] = modelled.accuracy(part, "in_silico")
        found["in_silico"] = modelled.accuracy(part)
        found["in_silico_recalibrated"] = recalibrated(modelled, data.train, part)
    if "ideal" in wanted:
        found["ideal"] = train(graph, errors, replace(run, algorithm="ideal"), data).accuracy(part)
    if "frozen" in wanted:
        found["frozen"] = train(graph, errors, replace(run, is_frozen=True), data).accuracy(part)
    if "logistic_regression" in wanted:
        found["logistic_regression"] = _logistic(data, split)
    return found


def _logistic(data: Data, split: Split) -> float:
    from sklearn.linear_model import LogisticRegression

    train_part, part = data.train, data.part(split)
    model = LogisticRegression(max_iter=LOGISTIC_STEPS).fit(train_part.images.numpy(), train_part.labels.numpy())
    return float(model.score(part.images.numpy(), part.labels.numpy()))
