"""A network of compact layers learns, and merged or transformed it answers as before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor

from joulescape.accuracy.datasets import Data, load_task
from joulescape.accuracy.fine_tuning import compressed
from joulescape.accuracy.module import run
from joulescape.accuracy.training import TrainingRun, correct, fraction, train_weights
from joulescape.compression.base import Step
from joulescape.compression.pipeline import describe, project
from joulescape.network.build import build_graph
from joulescape.network.operators import Graph
from joulescape.spec.network import NetworkSpec

torch.set_num_threads(1)
MODEL = Path(__file__).parents[2] / "models" / "digits_shuffle.yaml"
Trained = tuple[Graph, Mapping[str, Tensor], Data]


@pytest.fixture(scope="module")
def trained() -> Trained:
    """Five epochs of the thirty that the recipe asks for."""
    spec = NetworkSpec.model_validate(yaml.safe_load(MODEL.read_text()))
    graph, data = build_graph("digits_shuffle", spec), load_task("digits")
    return graph, train_weights(graph, TrainingRun.of({**spec.recipe, "epochs": 5}), data.train, 0), data


def _accuracy(graph: Graph, tensors: Mapping[str, Tensor], data: Data) -> float:
    with torch.no_grad():
        return fraction(correct(run(graph, tensors, data.test.images), data.test.labels))


def test_it_learns_with_few_parameters(trained: Trained) -> None:
    graph, tensors, data = trained
    assert graph.parameter_count == 2234
    assert _accuracy(graph, tensors, data) > 0.85


def test_without_its_normalisations_it_answers_the_same(trained: Trained) -> None:
    graph, tensors, data = trained
    described = describe(graph, [Step("merge", {}, {}), Step("winograd", {"tile": 4}, {})])
    merged = project(tensors, described)
    with torch.no_grad():
        before, after = run(graph, tensors, data.test.images), run(described.graph, merged, data.test.images)
    torch.testing.assert_close(after, before, rtol=1e-3, atol=1e-3)
    assert not any(operator.kind == "norm" for operator in described.graph.operators)


def test_merged_and_on_a_grid_it_is_tuned(trained: Trained) -> None:
    """Folded scales differ by channel: three bits and no tuning lose much, and an epoch wins some of it back."""
    graph, tensors, data = trained
    described = describe(graph, [Step("merge", {}, {}), Step("quantize", {"weight_bits": 3}, {})])
    how = {"epochs": 1, "batch": 64, "learning_rate": 0.003}
    untuned = _accuracy(described.graph, project(tensors, described), data)
    tuned = _accuracy(described.graph, compressed(described, tensors, how, data.train, {}, 0), data)
    assert tuned > untuned
