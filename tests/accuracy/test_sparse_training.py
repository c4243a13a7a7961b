"""Training before a step acts: channels fall silent by group lasso, weights drown in noise by variational dropout."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from joulescape.accuracy.datasets import Data, load_task
from joulescape.accuracy.fine_tuning import compressed, untuned
from joulescape.accuracy.module import run
from joulescape.accuracy.needs import Source, with_activations, without_needs
from joulescape.accuracy.reference import reference_tensors
from joulescape.accuracy.sparse_training import divergence
from joulescape.accuracy.training import TrainingRun, correct, fraction
from joulescape.compression.base import Described, Step
from joulescape.compression.pipeline import describe, stages
from joulescape.compression.prune.channel_scores import channel_norms
from joulescape.network.operators import Graph
from joulescape.spec.network import NetworkSpec

torch.set_num_threads(1)

HOW = {"epochs": 2, "learning_rate": 0.005, "batch": 32}
RUN = TrainingRun(2, 32, 0.005)
LASSO = {"granularity": "channel", "criterion": "group_lasso", "density": 0.4}
NOISY = {"criterion": "variational", "scope": "global", "density": 0.1}


@pytest.fixture(scope="module")
def data() -> Data:
    return load_task("digits").shaped((64,))


@pytest.fixture(scope="module")
def reference(small: Graph, small_spec: NetworkSpec, networks_dir: Path) -> dict[str, torch.Tensor]:
    return dict(reference_tensors(small, small_spec.training.model_dump(), "digits", networks_dir))


def network(graph: Graph, *steps: dict[str, Any]) -> Described:
    return describe(graph, [Step("prune", values, {}) for values in steps])


def trained(graph: Graph, reference: dict[str, torch.Tensor], data: Data, *steps: dict[str, Any]) -> Any:
    """What the last step meets after the training that it asks for."""
    last, tensors = stages(network(graph, *steps))[-1], dict(reference)
    for stage in stages(network(graph, *steps))[:-1]:
        tensors = dict(stage.method.project(tensors, stage.after, stage.settings))
    return Source(data.train, RUN, 0).provided(last, last.settings, tensors)


def accuracy(graph: Graph, tensors: Any, data: Data) -> float:
    with torch.no_grad():
        return fraction(correct(run(graph, tensors, data.validation.images), data.validation.labels))


# Group lasso


def test_norms_count_filters_and_what_reads_them(small: Graph, reference: dict[str, torch.Tensor]) -> None:
    (norms,) = channel_norms(reference, small)
    assert norms.producers == ("fc1",) and norms.weights_each == 64 + 10
    by_hand = [
        float((reference["fc1.weight"][c] ** 2).sum() + (reference["fc2.weight"][:, c] ** 2).sum()) for c in range(24)
    ]
    assert norms.squares.tolist() == pytest.approx(by_hand, rel=1e-5)


def test_group_lasso_empties_the_channels_that_are_to_go(
    small: Graph, reference: dict[str, torch.Tensor], data: Data
) -> None:
    """14 of 24 channels shrink to a fraction, the other ten make up for them; without a penalty none shrinks."""
    going = []
    for strength in (0.03, 1e-9):
        found = trained(small, reference, data, {**LASSO, "sparse_epochs": 5, "strength": strength})
        (norms,) = channel_norms(found, small)
        size = norms.squares.sqrt().sort(descending=True).values
        going.append(float(size[10:].sum() / size.sum()))
        if strength > 0.01:
            assert float(size[10]) < 0.4 * float(size[9]), "there is a gap"
            kept = norms.squares.argsort(descending=True)[:10]
            silent = {**found, "fc1.weight": torch.zeros_like(found["fc1.weight"])}
            silent["fc1.weight"][kept] = found["fc1.weight"][kept]
            untouched = {**reference, "fc1.weight": torch.zeros_like(reference["fc1.weight"])}
            untouched["fc1.weight"][kept] = reference["fc1.weight"][kept]
            assert accuracy(small, silent, data) > accuracy(small, untouched, data) + 0.05
    assert going[0] < 0.5 * going[1]


def test_the_strongest_channels_stay_and_the_shapes_are_those_announced(
    small: Graph, reference: dict[str, torch.Tensor], data: Data
) -> None:
    described = network(small, {**LASSO, "sparse_epochs": 3, "strength": 0.03})
    found = compressed(described, reference, HOW, data.train, {}, 0)
    assert found["fc1.weight"].shape == (10, 64) and found["fc2.weight"].shape == (10, 10)
    assert found.keys() == reference.keys() and accuracy(described.graph, found, data) > 0.83
    again = compressed(described, reference, HOW, data.train, {}, 0)
    assert all(torch.equal(found[name], again[name]) for name in found)


def test_without_fine_tuning_channels_rank_as_they_are(
    small: Graph, reference: dict[str, torch.Tensor], data: Data
) -> None:
    found = untuned(network(small, LASSO), reference, data.train)
    (norms,) = channel_norms(reference, small)
    best = norms.squares.argsort(descending=True)[:10].sort().values
    assert torch.equal(found["fc1.weight"], reference["fc1.weight"][best])
    assert torch.equal(compressed(network(small, LASSO), reference, {"epochs": 0}, data.train, {}, 0)["fc1.weight"],
                       found["fc1.weight"])  # fmt: skip


# Variational dropout


def test_the_divergence_is_that_of_the_publication() -> None:
    """A weight that is pure noise costs nothing, one that is sure of itself half the logarithm of 1 / alpha."""
    assert float(divergence(torch.tensor([30.0]))) == pytest.approx(0.0, abs=1e-6)
    steps = torch.linspace(-12.0, 8.0, 41)
    values = [float(divergence(x.reshape(1))) for x in steps]
    assert all(a > b for a, b in pairwise(values)), "less noise costs more"
    assert values[0] - values[4] == pytest.approx(0.5 * 2.0, rel=0.02)
    exact = [divergence_by_sampling(math.exp(x)) for x in (-3.0, 0.0, 2.0)]
    near = [float(divergence(torch.tensor([x]))) for x in (-3.0, 0.0, 2.0)]
    differences = np.diff(exact), np.diff(near)
    assert differences[1] == pytest.approx(differences[0], abs=0.03)


def divergence_by_sampling(alpha: float) -> float:
    """-log(alpha) / 2 + E log|1 + sqrt(alpha) eps|: the divergence to the log-uniform prior, up to a constant."""
    noise = np.random.default_rng(0).standard_normal(400_000)
    return float(-0.5 * math.log(alpha) + np.log(np.abs(1 + math.sqrt(alpha) * noise)).mean())


def test_noise_grows_where_nothing_depends_on_a_weight(
    small: Graph, reference: dict[str, torch.Tensor], data: Data
) -> None:
    """Pixels that are always dark: whatever stands there is noise, however large it is."""
    dark = (data.train.images == 0).all(dim=0)
    loud = {**reference, "fc1.weight": reference["fc1.weight"] + 1.0 * dark}
    found = trained(small, loud, data, {**NOISY, "sparse_epochs": 3})
    sure = found["fc1.signal_to_noise"]  # log(1 + w^2 / sigma^2)
    assert bool(torch.isfinite(sure).all()) and float(sure.min()) >= 0.0
    ratio = torch.expm1(sure).log() - (found["fc1.weight"] ** 2).log()
    assert float(ratio[:, dark].mean()) < float(ratio[:, ~dark].mean()) - 0.5
    assert set(without_needs(found)) == set(reference)


def test_the_surest_weights_stay(small: Graph, reference: dict[str, torch.Tensor], data: Data) -> None:
    described = network(small, NOISY)
    (stage,) = stages(described)
    met = Source(data.train, RUN, 0).provided(stage, stage.settings, reference)
    left = stage.method.project(met, stage.after, stage.settings)
    ratios = {name: met[f"{name}.signal_to_noise"] for name in ("fc1", "fc2")}
    kept = torch.cat([ratios[name][left[f"{name}.weight"] != 0] for name in ratios])
    gone = torch.cat([ratios[name][left[f"{name}.weight"] == 0] for name in ratios])
    assert float(kept.min()) >= float(gone.max())
    wanted = round(0.1 * 64 * 24) + round(0.1 * 240)
    assert wanted <= len(kept) <= wanted + 2
    found = compressed(described, reference, HOW, data.train, {}, 0)
    assert sum(int(torch.count_nonzero(found[f"{name}.weight"])) for name in ratios) == len(kept)
    plainly = compressed(network(small, {**NOISY, "criterion": "magnitude"}), reference, HOW, data.train, {}, 0)
    assert accuracy(small, found, data) > accuracy(small, plainly, data) - 0.03


def test_zeros_of_an_earlier_step_stay(small: Graph, reference: dict[str, torch.Tensor], data: Data) -> None:
    found = trained(small, reference, data, {"density": 0.5}, {**NOISY, "density": 0.2})
    for layer in ("fc1", "fc2"):
        weight = found[f"{layer}.weight"]
        assert int(torch.count_nonzero(weight)) == round(0.5 * weight.numel())


# Activations


def test_activations_are_what_the_weights_rows_read(
    small: Graph, reference: dict[str, torch.Tensor], data: Data
) -> None:
    found = with_activations(small, reference, data.train)
    rows = found["fc2.activations"]
    assert rows.shape[0] == 1 and rows.shape[2] == 24 and rows.shape[1] <= 2048 and float(rows.min()) >= 0.0
    whole = torch.relu(data.train.images[:1024] @ reference["fc1.weight"].T + reference["fc1.bias"])
    assert float(rows.mean()) == pytest.approx(float(whole.mean()), rel=1e-4)
    assert set(without_needs(found)) == set(reference)


@pytest.mark.parametrize("criterion", ["nisp", "reconstruction"])
def test_what_a_criterion_asks_for_is_there(
    small: Graph, reference: dict[str, torch.Tensor], data: Data, criterion: str
) -> None:
    described = network(small, {"granularity": "channel", "criterion": criterion, "density": 0.5})
    found = untuned(described, reference, data.train)
    by_norm = untuned(network(small, {"granularity": "channel", "density": 0.5}), reference, data.train)
    assert found.keys() == reference.keys() and found["fc2.weight"].shape == (10, 12)
    if criterion == "reconstruction":
        assert accuracy(described.graph, found, data) > accuracy(described.graph, by_norm, data)
