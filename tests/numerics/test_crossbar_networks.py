"""What devices do to a network of digits: a year of drift, faults, noise that training meets, chips that differ."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import torch
import yaml
from crossbar_numbers import ANALOG_PAIR, DAY_S, IDEAL, SHELF, YEAR_S, device_spec, matrices
from scipy.stats import spearmanr
from torch import Tensor

from joulescape.accuracy.activations import calibrate
from joulescape.accuracy.chips import yield_fraction
from joulescape.accuracy.datasets import Data, load_task
from joulescape.accuracy.fine_tuning import compressed
from joulescape.accuracy.machine_layers import program
from joulescape.accuracy.module import run
from joulescape.accuracy.randomness import generator
from joulescape.accuracy.training import TrainingRun, correct, fraction, train_weights
from joulescape.compression.pipeline import describe
from joulescape.network.build import build_graph
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph
from joulescape.numerics.base import Detail
from joulescape.numerics.crossbar.device import CrossbarNumbers
from joulescape.numerics.crossbar.programmed import write
from joulescape.registry import load
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators.base import Simulator
from joulescape.spec.network import NetworkSpec
from joulescape.spec.sourced import CORNERS, Corner
from joulescape.testing.examples import example_formats

torch.set_num_threads(1)
MODEL = Path(__file__).resolve().parents[2] / "models" / "digits_mlp.yaml"
PAIR: Mapping[str, float] = {**IDEAL, **ANALOG_PAIR}


@cache
def trained() -> tuple[Graph, Data, dict[str, Tensor]]:
    """The network, its data, its weights."""
    spec = NetworkSpec.model_validate(yaml.safe_load(MODEL.read_text(encoding="utf-8")))
    graph = build_graph("digits_mlp", spec)
    data = load_task(spec.task).shaped(graph.input_shape)
    return graph, data, dict(train_weights(graph, TrainingRun(12, 64, 0.01), data.train, 0))


def errors_of(graph: Graph, numbers: Mapping[str, float]) -> Errors:
    return {(o.name, "forward"): ErrorSpec("crossbar", o.name, "forward", numbers) for o in graph.matrix_operators}


def accuracies(
    numbers: Mapping[str, float], draws: int = 8, tensors: Any = None, detail: Detail = "merged"
) -> list[float]:
    """Of drawn chips, on the test split."""
    graph, data, weights = trained()
    held = weights if tensors is None else tensors
    calibration, found = calibrate(describe(graph, ()), held, data.train.images), []
    for draw in range(draws):
        device, reading = (generator(0, purpose, draw) for purpose in ("device", "read"))
        machine = program(graph, held, errors_of(graph, numbers), calibration, device, reading, detail)
        with torch.no_grad():
            logits = run(graph, held, data.test.images, machine.rule)
        found.append(fraction(correct(logits, data.test.labels)))
    return found


def test_phase_change_cells_with_compensation_stay_flat_for_a_year() -> None:
    young, old = (fmean(accuracies(device_spec("pcm", age_s=age).numbers, 10)) for age in (1.0, YEAR_S))
    assert abs(young - old) < 0.01
    assert young > 0.95


def test_fine_tuning_on_drawn_devices_regains_ten_points_at_thirty_percent() -> None:
    graph, data, weights = trained()
    numbers = {**PAIR, "programming_sigma_fraction": 0.3}
    how = {"epochs": 20, "batch": 64, "learning_rate": 0.01, "noise_aware": True}
    tuned = compressed(describe(graph, ()), weights, how, data.train, errors_of(graph, numbers), 0)
    before, after = fmean(accuracies(numbers)), fmean(accuracies(numbers, tensors=tuned))
    assert after > before + 0.1


@pytest.mark.parametrize("way", ["sign", "rows", "pairs"])
def test_mapping_around_faults_gives_accuracy_back(way: str) -> None:
    stuck = {**PAIR, "stuck_off_fraction": 0.05, "stuck_on_fraction": 0.0 if way == "sign" else 0.05}
    assert fmean(accuracies({**stuck, f"is_remapped_by_{way}": 1.0})) > fmean(accuracies(stuck)) + 0.005


def test_activation_noise_without_converters_costs_accuracy_as_it_grows() -> None:
    found = [fmean(accuracies({**PAIR, "is_analog": 1.0, "activation_sigma_fraction": s}, 3)) for s in (0.0, 0.05, 0.2)]
    assert found[0] > found[1] + 0.003 > found[2] + 0.05


TOGETHER: Mapping[str, float] = {
    **IDEAL, "programming_sigma_fraction": 0.05, "read_sigma_fraction": 0.01, "stuck_off_fraction": 0.002,
    "stuck_on_fraction": 0.002, "wire_kohm": 0.001,
}  # fmt: skip


@pytest.mark.parametrize("bits", [8, 5])
def test_merged_and_full_agree_when_everything_errs_at_once(bits: int) -> None:
    """Converters, writes, reads, faults and wires together, the same chips in both; one image is 0.28 points."""
    numbers = {**TOGETHER, "adc_bits": bits}
    full, merged = (fmean(accuracies(numbers, 6, detail=detail)) for detail in ("full", "merged"))
    assert abs(full - merged) < 0.008
    assert full < fmean(accuracies(IDEAL, 1)) + 0.003


def test_yield_falls_as_cells_get_worse() -> None:
    shares = [yield_fraction(accuracies({**PAIR, "programming_sigma_fraction": s}), 0.93).value
              for s in (0.02, 0.1, 0.3)]  # fmt: skip
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == 1.0
    assert shares[2] < 0.5


# --- every device of the shelf ------------------------------------------------------------------------------------

DEVICES = tuple(
    path.stem
    for path in sorted(SHELF.glob("*.yaml"))
    if yaml.safe_load(path.read_text(encoding="utf-8"))["kind"] == "memory_device"
)


def weight_error(errors: ErrorSpec) -> float:
    """Root mean square of what a written matrix is off by, over its own."""
    weight, _ = matrices(100, 30)
    held = write(weight, CrossbarNumbers.of(errors), torch.Generator().manual_seed(0)).matrix
    return float((held - weight).norm() / weight.norm())


@cache
def of_device(name: str, corner: Corner) -> tuple[float, float]:
    """(weight error, mean accuracy) of pairs of these cells, read one day after they were written."""
    errors = device_spec(name, corner=corner, age_s=DAY_S)
    return weight_error(errors), fmean(accuracies(errors.numbers, 4))


@pytest.mark.parametrize("name", DEVICES)
def test_every_device_runs_a_network_and_its_worse_corner_runs_it_worse(name: str) -> None:
    best, typical, worst = (of_device(name, corner) for corner in ("optimistic", "typical", "pessimistic"))
    assert best[0] <= typical[0] <= worst[0]
    assert best[0] < worst[0]
    assert best[1] >= worst[1] - 0.005
    assert best[1] > 0.85


def test_accuracy_falls_where_the_device_is_worse() -> None:
    """Over all devices and corners: the more a weight errs, the less is recognised."""
    found = [of_device(name, corner) for name in DEVICES for corner in CORNERS]
    assert spearmanr(*zip(*found, strict=True)).statistic < -0.7
    clean, poor = min(found), max(found)
    assert clean[1] > poor[1] + 0.05


# --- every crossbar machine of the shelf --------------------------------------------------------------------------

ROOT = MODEL.parents[1]
MACHINES = tuple(
    f"memristive/{path.stem}"
    for path in sorted((ROOT / "hwlib" / "memristive").glob("*.yaml"))
    if yaml.safe_load(path.read_text(encoding="utf-8"))["simulator"] == "crossbar"
)


@pytest.mark.parametrize("machine", MACHINES)
def test_what_the_search_screens_with_is_what_confirm_measures(machine: str) -> None:
    """Whatever a machine reads in a way of its own, its merged and its full read recognise as many digits."""
    graph = trained()[0]
    simulator: Simulator[Any] = load("joulescape.simulators", "crossbar")
    settings = load_back_end(ROOT, machine).settings
    numbers = simulator.errors(graph, example_formats(graph, 8), settings)[graph.matrix_operators[0].name, "forward"]
    full, merged = (fmean(accuracies(numbers.numbers, 6, detail=detail)) for detail in ("full", "merged"))
    assert abs(full - merged) < 0.015
    assert min(full, merged) > 0.9
