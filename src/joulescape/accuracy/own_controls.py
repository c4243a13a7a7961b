"""Controls beside a machine that is its own network: what its accuracy owes to training the physics on the device."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from statistics import fmean, stdev
from typing import Any

from joulescape.accuracy.datasets import Data, load_task
from joulescape.accuracy.own import recalibrated
from joulescape.accuracy.own_training import OwnRun, train
from joulescape.accuracy.reference import single_thread
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
    "in_silico_noise": "the same, trained with the noise of the readings, run on the device",
    "in_silico_fitted": "trained on a twin fitted to measurements of the device, run on the device",
    "in_silico_recalibrated": "in_silico, every calibration measured anew on the device",
    "in_silico_twin": "in_silico on the twin itself: no device at all",
    "ideal": "device forward and backward, which no hardware offers",
    "frozen": "physical parameters left at random, everything digital trained by pat",
    "identity": "the identity in the place of every physical layer",
    "digital": "a digital network of one hidden layer with as many parameters",
    "logistic_regression": "a linear digital classifier on the inputs",
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
    data_of: Callable[[int], Data] | None = None,
) -> tuple[Control, ...]:
    """The controls called `names`, in the order of ABOUT; one training on one device a seed.

    `data_of`: the task's data by seed, where each seed has a split of its own. Physics earns its place where pat beats
    `frozen` and `identity`; training on the device where it beats every in-silico row that runs on the device.
    """
    single_thread()
    how, wanted = TrainingRun.of(training), set(names)
    rows = []
    for seed in seeds:
        data = (load_task(task) if data_of is None else data_of(seed)).shaped(graph.input_shape)
        rows.append(_one_seed(graph, errors, OwnRun(how, "pat", seed), data, split, wanted))
    return tuple(Control(name, ABOUT[name], tuple(row[name] for row in rows)) for name in ABOUT if name in wanted)


_RUNS: Mapping[str, Mapping[str, Any]] = {
    "pat": {},
    "in_silico_noise": {"algorithm": "in_silico_noise"},
    "in_silico_fitted": {"algorithm": "in_silico_fitted"},
    "ideal": {"algorithm": "ideal"},
    "frozen": {"is_frozen": True},
    "identity": {"is_replaced": True},
}
"""How the training of a control differs from physics-aware training."""


def _one_seed(
    graph: Graph, errors: Errors, run: OwnRun, data: Data, split: Split, wanted: set[str]
) -> dict[str, float]:
    part = data.part(split)
    found = {
        name: train(graph, errors, replace(run, **changes), data).accuracy(part)
        for name, changes in _RUNS.items()
        if name in wanted
    }
    if wanted & {"in_silico", "in_silico_recalibrated", "in_silico_twin"}:
        modelled = train(graph, errors, replace(run, algorithm="in_silico"), data)
        found["in_silico_twin"] = modelled.accuracy(part, "in_silico")
        found["in_silico"] = modelled.accuracy(part)
        found["in_silico_recalibrated"] = recalibrated(modelled, data.train, part)
    if "digital" in wanted:
        found["digital"] = _digital(data, split, graph.parameter_count, run)
    if "logistic_regression" in wanted:
        found["logistic_regression"] = _logistic(data, split)
    return found


def _digital(data: Data, split: Split, parameters: int, run: OwnRun) -> float:
    from sklearn.neural_network import MLPClassifier

    inputs, classes = data.train.images.flatten(1).shape[1], int(data.train.labels.max()) + 1
    hidden = max(1, round((parameters - classes) / (inputs + classes + 1)))
    layers = (hidden,)  # one hidden layer
    model = MLPClassifier(layers, batch_size=run.how.batch, max_iter=run.how.epochs, random_state=run.seed)
    return _scored(model, data, split)


def _logistic(data: Data, split: Split) -> float:
    from sklearn.linear_model import LogisticRegression

    return _scored(LogisticRegression(max_iter=LOGISTIC_STEPS), data, split)


def _scored(model: Any, data: Data, split: Split) -> float:
    """Accuracy of a digital classifier on the same samples; the budget of its epochs is what it is."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    train_part, part = data.train, data.part(split)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(train_part.images.flatten(1).numpy(), train_part.labels.numpy())
    return float(model.score(part.images.flatten(1).numpy(), part.labels.numpy()))
