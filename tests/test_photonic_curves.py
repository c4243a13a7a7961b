"""Known curves of accuracy on meshes and ring banks hold, and closed forms rank designs as their accuracies do."""

from __future__ import annotations

import itertools
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmark_scripts import benchmark
from joulescape.numerics.ring_bank import spectrum

ROOT = Path(__file__).parents[1]
NETWORKS, DRAWS = 5, 3


CURVES = benchmark("photonic_curves")
ACCURACY = benchmark("photonic_accuracy")
POINTS = [(name, known) for name, curve in CURVES.CURVES.items() for known in curve.points]
UNCERTAIN = {("channels apart, rings calibrated", 2), ("channels apart, rings calibrated", 3)}
"""Two linewidths apart the fixed-point iteration wanders: what it ends with depends on where a ring is parked. At three
the known point is above its own network without any error."""


@pytest.mark.parametrize(("name", "known"), POINTS, ids=lambda x: x if isinstance(x, str) else f"{x.value:g}")
def test_known_points_are_reproduced(name: str, known: Any) -> None:
    """Means within two standard errors of networks and devices."""
    if (name, known.value) in UNCERTAIN:
        pytest.skip("see test_crowded_rings_depend_on_where_they_are_parked")
    assert CURVES.found(CURVES.CURVES[name], known.value, NETWORKS, DRAWS).errors_apart(known) <= 2


def test_crowded_rings_depend_on_where_they_are_parked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two linewidths apart the calibrated point moves by more than ten percent with the farthest place of a ring,
    between half and all of the way to its neighbour; what leaves out of reach what rings cannot do is above all."""
    curve, found = CURVES.CURVES["channels apart, rings calibrated"], []
    for farthest in (0.5, 0.75, 1.0):
        monkeypatch.setattr(spectrum, "alone", partial(parked, farthest))
        monkeypatch.setattr(CURVES, "calibrated", uncached)
        found.append(CURVES.found(curve, 2.0, 3, 1).accuracy)
    monkeypatch.undo()
    assert max(found) - min(found) > 10
    assert CURVES.found(curve, 2.0, 3, 1, True).accuracy > max(found)


def parked(farthest: float, weights: Tensor, spacing: float) -> Tensor:
    """`spectrum.alone` with rings moved by another share of the spacing at most."""
    drop = ((weights + 1.0) / 2.0).clamp(spectrum.LEAST_DROP, 1.0)
    return torch.sqrt(1.0 / drop - 1.0).div(2.0).clamp(max=spacing * farthest)


def uncached(weights: Tensor, spacing: float) -> Tensor:
    """`spectrum.calibrated` that remembers nothing."""
    return spectrum._calibrated.__wrapped__(weights.numpy().tobytes(), weights.shape[1], spacing)


@pytest.mark.parametrize("name", CURVES.CURVES)
def test_a_machine_loses_accuracy_along_every_curve(name: str) -> None:
    """Values stand from the mildest or to it: accuracy changes in one direction, a percent of noise aside."""
    curve = CURVES.CURVES[name]
    found = [CURVES.found(curve, known.value, 2, 2, True).accuracy for known in curve.points]
    falling = found if found[0] > found[-1] else found[::-1]
    assert all(later <= earlier + 1 for earlier, later in itertools.pairwise(falling))
    assert falling[0] > 96


def test_a_closed_form_ranks_meshes() -> None:
    """Of designs that differ in phases alone, and of outputs where light and receivers differ too: 0.95 at least."""
    phases, outputs, silent = ACCURACY.ranked(30, 2)
    assert silent >= 0.95
    assert outputs >= 0.95
    assert phases < outputs


@pytest.mark.parametrize("kind", ACCURACY.LEVELS)
def test_fine_tuning_on_drawn_devices_pays_where_errors_are_large(kind: str) -> None:
    level = ACCURACY.LEVELS[kind][1][-1]
    (plain, _), (aware, _) = ACCURACY.tuned(kind, level, epochs=3, seeds=(0,)).values()
    assert aware > plain + 3


def test_a_network_of_the_curves_is_its_seed() -> None:
    first, other = CURVES.trained(0), CURVES.trained(1)
    exact = (ACCURACY.net_product,) * 2
    assert 95 < first.accuracy(exact, 0) <= 100
    assert not (first.weights[0] == other.weights[0]).all()
    assert len(first.test.labels) == 360
