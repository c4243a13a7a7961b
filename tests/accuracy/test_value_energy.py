"""Cell energy by measured values against every cell of every read, on real digits."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmark_scripts import benchmark
from joulescape.accuracy.activations import calibrate, histogram_of, of_largest
from joulescape.compression.pipeline import describe
from joulescape.network.lower import lower
from joulescape.network.work import MatrixWork

ROOT = Path(__file__).parents[2]


ENERGY = benchmark("value_energy")
arrays = pytest.mark.parametrize("array", list(ENERGY.ARRAYS))


@cache
def network() -> Any:
    torch.set_num_threads(1)
    return ENERGY.trained("digits_mlp", 12)


@arrays
def test_histograms_come_within_a_tenth_of_every_cell_and_fixed_energies_do_not(array: str) -> None:
    """The CiMLoop paper: 3 % on average for models that know distributions, 28 % for fixed energies."""
    graph, tensors, train, test = network()
    found = ENERGY.layers(graph, tensors, train, test[:200], array)
    errors = {model: ENERGY.error(found, model)[0] for model in ENERGY.MODELS}
    assert errors["histograms"] < 0.10
    assert errors["one constant"] > 2 * errors["histograms"]
    assert errors["fixed"] > errors["means"] > errors["histograms"]


def test_exact_energy_is_the_sum_over_all_cells() -> None:
    """Two inputs, two weights, by hand: codes 255 and 0, full and empty cells, an off conductance of 1 / 40."""
    numbers = ENERGY.numbers_of("one pair a weight, inputs as voltages")
    rows, weight = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.5, 0.5]])
    code = ENERGY.InputCode.calibrated(rows, numbers)
    mean, count = ENERGY.exact_energy(rows, weight, code, numbers)
    assert count == 4
    assert mean == pytest.approx((1 + ENERGY.OFF) / 4, rel=1e-6)


def test_what_was_measured_reaches_the_works() -> None:
    graph, tensors, train, _ = network()
    seen = calibrate(describe(graph, ()), tensors, train).statistics
    works = [work for work in lower(graph, {}, "inference", 1, seen).works if isinstance(work, MatrixWork)]
    assert [work.input.histogram for work in works] == [seen[work.layer].input_histogram for work in works]
    assert all(sum(work.weight.histogram) == pytest.approx(1) for work in works)


def test_weights_are_seen_over_the_largest_of_their_output() -> None:
    """Each output has its own scale: a small output's largest weight stands on a full cell too."""
    weight = torch.tensor([[1.0, 0.0], [0.01, 0.0], [0.0, 0.0]])
    assert of_largest(weight).amax().item() == 1.0
    assert histogram_of(of_largest(weight))[-1] == pytest.approx(2 / 6)
    assert histogram_of(torch.zeros(4)) == ()
