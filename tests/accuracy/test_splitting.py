"""Alternating directions: the method's own steps, and networks that end on their grids or with their zeros."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape.accuracy.activations import calibrate
from joulescape.accuracy.datasets import Data, load_task
from joulescape.accuracy.fine_tuning import _Tuning, compressed
from joulescape.accuracy.module import plain, run
from joulescape.accuracy.needs import Source
from joulescape.accuracy.reference import reference_tensors
from joulescape.accuracy.splitting import Splitting
from joulescape.accuracy.stored import written
from joulescape.accuracy.training import correct, fraction
from joulescape.compression._grid_method import GridMethod, GridSettings
from joulescape.compression.base import FREE_SHARE, Described, Step, Tensors
from joulescape.compression.pipeline import Stage, describe, stages
from joulescape.compression.storage import read
from joulescape.network.operators import Graph
from joulescape.network.work import OperandFormat
from joulescape.spec.network import NetworkSpec

torch.set_num_threads(1)

HOW = {"epochs": 4, "learning_rate": 0.005, "batch": 32}


class Interval(GridMethod[GridSettings]):
    """Values between -1 and 1: a convex set, on which the method is known to converge."""

    name = "interval"
    Settings = GridSettings

    def form(self, form: OperandFormat, at: GridSettings) -> OperandFormat:
        return form

    def on_grid(self, weight: Any, at: GridSettings) -> Any:
        return weight.clip(-1.0, 1.0)

    def pull(self, settings: Mapping[str, GridSettings]) -> float:
        return 2.0

    def project(self, tensors: Tensors, described: Described, settings: Mapping[str, GridSettings]) -> Tensors:
        return {**tensors, "fc1.weight": self.on_grid(tensors["fc1.weight"], settings["fc1"])}


def interval(small: Graph) -> Stage:
    described = describe(small, [])
    return Stage(Interval(), described, described, {"fc1": GridSettings()})


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-4, 4), min_size=1, max_size=6))
def test_a_convex_problem_is_solved(small: Graph, wanted: list[float]) -> None:
    """min |w - a|^2 / 2 with every w between -1 and 1 is a, clipped; each turn minimises over w exactly."""
    goal, weight = torch.tensor(wanted), torch.zeros(len(wanted))
    leaves = {"fc1.weight": weight}
    splitting = Splitting([interval(small)], leaves)
    for _ in range(80):
        distance = splitting._goals["fc1.weight"] - splitting._duals["fc1.weight"]
        weight.copy_((goal + 2.0 * distance) / 3.0)
        splitting.update(leaves)
    assert torch.allclose(weight, goal.clip(-1.0, 1.0), atol=1e-3)
    assert torch.allclose(2.0 * splitting._duals["fc1.weight"], goal - weight, atol=1e-2), "the dual is the multiplier"


def test_the_penalty_is_that_of_the_augmented_lagrangian(small: Graph) -> None:
    leaves = {"fc1.weight": torch.tensor([3.0, 0.5, -2.0]).requires_grad_(True)}
    splitting = Splitting([interval(small)], leaves)
    found = splitting.penalty(leaves)
    assert found.item() == pytest.approx(2.0 / 2 * (4.0 + 0.0 + 1.0))
    found.backward()
    assert leaves["fc1.weight"].grad is not None and leaves["fc1.weight"].grad.tolist() == [4.0, 0.0, -2.0]
    splitting.update(leaves)
    assert splitting.penalty(leaves).item() == pytest.approx(4 * 4.0 + 4 * 1.0), "after one turn the dual adds as much"


def test_nothing_is_drawn_where_no_step_asks(small: Graph) -> None:
    network = describe(small, [Step("binary", {}, {}), Step("huffman", {}, {})])
    leaves = {"fc1.weight": torch.ones(3), "fc2.weight": torch.ones(3)}
    assert float(Splitting(stages(network), leaves).penalty(leaves)) == 0.0


def test_steps_share_one_goal(small: Graph) -> None:
    """Pruned and on a grid at once: the copy has both, whichever the weights are."""
    steps = [
        Step("prune", {"density": 0.25, "schedule": "admm"}, {}),
        Step("quantize", {"weight_bits": 3, "training": "admm"}, {}),
    ]
    generator = torch.Generator().manual_seed(0)
    leaves = {
        f"{o.name}.weight": torch.randn(o.weight_shape, generator=generator)
        for o in small.matrix_operators
        if o.weight_shape
    }
    goal = Splitting(stages(describe(small, steps)), leaves)._goals["fc1.weight"]
    assert int(torch.count_nonzero(goal)) <= round(0.25 * goal.numel())
    assert max(len(torch.unique(row)) for row in goal) <= 7


@pytest.fixture(scope="module")
def data() -> Data:
    return load_task("digits").shaped((64,))


@pytest.fixture(scope="module")
def reference(small: Graph, small_spec: NetworkSpec, networks_dir: Path) -> dict[str, torch.Tensor]:
    return dict(reference_tensors(small, small_spec.training.model_dump(), "digits", networks_dir))


def accuracy(network: Any, tensors: Any, data: Data) -> float:
    calibration = calibrate(network, tensors, data.train.images, rows=0)
    with torch.no_grad():
        scores = run(network.graph, tensors, data.validation.images, calibration.quantised(plain))
    return fraction(correct(scores, data.validation.labels))


GRIDS: list[tuple[str, dict[str, Any], int]] = [
    ("binary", {}, 2), ("ternary", {"scale_per": "channel"}, 3), ("quantize", {"weight_bits": 2}, 3),
    ("fixed_point", {"weight_bits": 3}, 7), ("logarithmic", {"weight_bits": 3}, 7),
]  # fmt: skip


@pytest.mark.parametrize(("name", "values", "most"), GRIDS, ids=lambda value: value if isinstance(value, str) else None)
def test_grids_are_reached(
    small: Graph, data: Data, reference: Any, name: str, values: dict[str, Any], most: int
) -> None:
    network = describe(small, [Step(name, {**values, "training": "admm"}, {})])
    found = compressed(network, reference, HOW, data.train, {}, 0)
    for layer in ("fc1", "fc2"):
        assert max(len(torch.unique(row)) for row in found[f"{layer}.weight"]) <= most
    again = read(network, written(network, found).data)
    assert all(np.allclose(again[key], found[key].numpy(), rtol=1e-5) for key in again)
    assert accuracy(network, found, data) > 0.86


def test_pruning_by_it_is_exact_and_recovers(small: Graph, data: Data, reference: Any) -> None:
    network = describe(small, [Step("prune", {"density": 0.15, "schedule": "admm"}, {})])
    found = compressed(network, reference, HOW, data.train, {}, 0)
    for layer in ("fc1", "fc2"):
        weight = found[f"{layer}.weight"]
        assert int(torch.count_nonzero(weight)) == round(0.15 * weight.numel())
    assert accuracy(network, found, data) > 0.8


def test_weights_are_free_first_and_on_the_grid_then(small: Graph, data: Data, reference: Any) -> None:
    network = describe(small, [Step("binary", {"training": "admm"}, {})])
    tuning = _Tuning(network, reference, Source(data.train), {}, 0, 40)
    assert tuning.penalty() is not None
    assert torch.equal(tuning._seen()["fc1.weight"], tuning.leaves["fc1.weight"])
    for step in range(40):
        tuning._batch = step
        tuning.after_step()
        is_late = step / 40 >= FREE_SHARE
        values = len(torch.unique(tuning._seen()["fc1.weight"][0]))
        assert values == 2 if is_late else values > 2
    assert tuning.penalty() is None


def test_closer_to_the_grid_than_without(small: Graph, data: Data, reference: Any) -> None:
    """What is drawn comes nearer to its projection while it is still free."""
    distances = []
    for pull in (1e-6, 0.03):
        network = describe(small, [Step("binary", {"training": "admm", "pull": pull}, {})])
        tuning = _Tuning(network, reference, Source(data.train), {}, 0, 1000)
        optimizer = torch.optim.Adam([leaf for leaf in tuning.leaves.values() if leaf.requires_grad], 0.005)
        for step in range(120):
            part = slice(32 * (step % 20), 32 * (step % 20) + 32)
            loss = torch.nn.functional.cross_entropy(tuning.logits(data.train.images[part]), data.train.labels[part])
            more = tuning.penalty()
            assert more is not None
            optimizer.zero_grad()
            (loss + more).backward()
            optimizer.step()
            tuning.after_step()
        weight = tuning.leaves["fc1.weight"].detach()
        goal = tuning._splitting._goals["fc1.weight"]
        distances.append(float((weight - goal).norm() / weight.norm()))
    assert distances[1] < 0.8 * distances[0]
