"""Machines that are their own network: training on the device, its controls, its laws."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from joulescape.accuracy.datasets import load_task
from joulescape.accuracy.measure import measure
from joulescape.accuracy.module import run as run_graph
from joulescape.accuracy.own import train_twin
from joulescape.accuracy.own_bench import physical_layer
from joulescape.accuracy.own_calibration import Calibrated
from joulescape.accuracy.own_controls import ABOUT, controls
from joulescape.accuracy.own_network import grouping
from joulescape.accuracy.own_training import OwnRun, fresh, train
from joulescape.accuracy.reference import train_reference
from joulescape.accuracy.training import TrainingRun, correct, fraction
from joulescape.compression.pipeline import describe
from joulescape.errors import SimulatorError
from joulescape.network.build import build_graph
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.fidelity import Fidelity, Recipe
from joulescape.network.operators import Graph, Operator
from joulescape.resolve.single import single
from joulescape.spec.document import read_document
from joulescape.spec.network import NetworkSpec

torch.set_num_threads(1)

ROOT = Path(__file__).parents[2]
LEVEL = 0.1
STRONG = {
    "amplitude_fraction": LEVEL, "phase_rad": 2 * LEVEL, "phase_walk_rad": 4 * LEVEL, "gamma_error": 2 * LEVEL,
    "crosstalk_bins": 0.2 + 2 * LEVEL, "read_noise_fraction": 0.02, "floor_noise_fraction": 0.002,
}  # fmt: skip
QUICK = TrainingRun(epochs=3, batch=128, learning_rate=0.15, schedule="cosine")
FIDELITY = Fidelity(draws=1)


def _spec(layers: int = 2, bins: int = 128) -> NetworkSpec:
    chirp = 2.35 * (bins - 1) / 4
    shg = {"kind": "shg", "bins": bins, "data_bins": 64, "out_features": 64, "chirp_rad": chirp}
    chain: list[dict[str, Any]] = []
    for i in range(1, layers + 1):
        chain += [{"name": f"shg{i}", **shg}, {"name": f"scale{i}", "kind": "scale_offset", "out_features": 64}]
    chain.append({"name": "classes", "kind": "spectral_sum", "out_features": 10})
    training = {"epochs": 3, "batch": 128, "learning_rate": 0.15, "schedule": "cosine"}
    content = {"about": "small", "task": "digits", "input": [64], "operators": chain, "training": training}
    return NetworkSpec.model_validate(content)


@pytest.fixture(scope="module")
def small() -> Graph:
    return build_graph("small", _spec())


def _errors(graph: Graph, numbers: dict[str, float] = STRONG) -> Errors:
    return {(o.name, "forward"): ErrorSpec("shg", o.name, "forward", numbers) for o in graph.physical_operators}


def _recipe(**training: Any) -> Recipe:
    return Recipe("digits", _spec().training.model_dump(), {}, training, "own")


def _measured(graph: Graph, errors: Errors, tmp_path: Path, fidelity: Fidelity = FIDELITY, **training: Any) -> Any:
    return measure(describe(graph, ()), errors, _recipe(**training), fidelity, 0, tmp_path)


def _data(graph: Graph) -> Any:
    return load_task("digits").shaped(graph.input_shape)


def test_one_trained_device_a_draw(small: Graph, tmp_path: Path) -> None:
    found = _measured(small, _errors(small), tmp_path, Fidelity(trainings=2, samples=100))
    assert len(found.accuracy_fraction) == len(found.correct) == 2
    assert found.trained_accuracy_fraction == found.accuracy_fraction
    assert found.accuracy_fraction == tuple(fraction(one) for one in found.correct)
    assert [len(one) for one in found.correct] == [100, 100]
    assert found.correct[0] != found.correct[1]
    assert found.training_steps == 3 * 9
    assert found.reached_target is None
    assert list(found.extras) == ["twin_accuracy_fraction"]
    assert not list(tmp_path.iterdir())


def test_the_same_seed_trains_the_same_network(small: Graph, tmp_path: Path) -> None:
    first, again = (_measured(small, _errors(small), tmp_path) for _ in range(2))
    assert first == again
    two = _measured(small, _errors(small), tmp_path, Fidelity(trainings=2))
    assert two.correct[0] == first.correct[0]


def test_twin_and_device_agree_without_departures(small: Graph, tmp_path: Path) -> None:
    found = _measured(small, {}, tmp_path)
    assert found.extras["twin_accuracy_fraction"] == pytest.approx(found.accuracy_fraction[0])
    algorithms = [_measured(small, {}, tmp_path, algorithm=name) for name in ("pat", "in_silico", "ideal")]
    assert len({one.accuracy_fraction for one in algorithms}) == 1


def test_training_stops_at_its_target(small: Graph, tmp_path: Path) -> None:
    easy = _measured(small, _errors(small), tmp_path, target={"accuracy_fraction": 0.2}, epochs=30)
    assert easy.reached_target is True and easy.training_steps == 9
    hard = _measured(small, _errors(small), tmp_path, target={"accuracy_fraction": 1.0})
    assert hard.reached_target is False and hard.training_steps == 27


@pytest.mark.parametrize(("stated", "steps"), [({}, 27), ({"epochs": 1}, 9), ({"epochs": 2, "batch": 539}, 4)])
def test_a_stated_run_replaces_the_networks_own(
    small: Graph, tmp_path: Path, stated: dict[str, int], steps: int
) -> None:
    assert _measured(small, _errors(small), tmp_path, **stated).training_steps == steps


def test_in_silico_reports_the_recalibrated_device(small: Graph, tmp_path: Path) -> None:
    found = _measured(small, _errors(small), tmp_path, algorithm="in_silico", epochs=12)
    assert set(found.extras) == {"twin_accuracy_fraction", "recalibrated_accuracy_fraction"}
    assert found.extras["twin_accuracy_fraction"] > found.accuracy_fraction[0] + 0.2


def test_unknown_algorithms_are_named(small: Graph, tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match="no training algorithm 'guess'"):
        _measured(small, {}, tmp_path, algorithm="guess")


def test_more_noise_never_helps_on_average(small: Graph) -> None:
    data, how = _data(small), QUICK

    def mean(noise: float) -> float:
        numbers = {**STRONG, "read_noise_fraction": noise, "floor_noise_fraction": noise / 10}
        runs = [train(small, _errors(small, numbers), OwnRun(how, "pat", 0, draw), data) for draw in range(2)]
        return sum(one.accuracy(data.validation) for one in runs) / 2

    reached = [mean(noise) for noise in (0.0, 0.1, 0.5)]
    assert reached[0] > reached[1] > reached[2]


def test_training_moves_physics_only_where_it_is_free(small: Graph) -> None:
    data, run = _data(small), OwnRun(replace(QUICK, epochs=1), "pat", 0)
    start = fresh(small, _errors(small), run).tensors()
    frozen = train(small, _errors(small), replace(run, is_frozen=True), data).network.tensors()
    free = train(small, _errors(small), run, data).network.tensors()
    assert torch.equal(start["shg1.weight"], frozen["shg1.weight"])
    assert not torch.equal(start["shg1.weight"], free["shg1.weight"])
    assert not torch.equal(start["scale1.scale"], frozen["scale1.scale"])
    assert float(free["shg1.weight"].min()) >= 0.0 and float(free["shg1.weight"].max()) <= 1.0


def test_pat_gives_the_devices_value_and_the_twins_gradient(small: Graph) -> None:
    run = OwnRun(QUICK, "pat", 0)
    network = fresh(small, _errors(small, {"phase_rad": 0.2, "amplitude_fraction": 0.1}), run)
    operator, bench = small.operator("shg1"), network._bench
    x = torch.rand(4, 64, generator=torch.Generator().manual_seed(0))
    weight = network.physical["shg1"]

    def outcome(algorithm: Any) -> tuple[torch.Tensor, torch.Tensor]:
        value = bench.run(operator, x, weight, algorithm)
        (gradient,) = torch.autograd.grad(value.square().sum(), weight["weight"])
        return value.detach(), gradient

    (aware, aware_slope), (twin, twin_slope), (device, device_slope) = map(outcome, ("pat", "in_silico", "ideal"))
    assert torch.allclose(aware, device, atol=1e-7) and not torch.allclose(aware, twin, rtol=0.01)
    parameters = {"weight": weight["weight"]}
    modelled = physical_layer("shg").twin(operator, x, parameters, None)
    (expected,) = torch.autograd.grad((modelled * 2 * device).sum(), weight["weight"])
    assert torch.allclose(aware_slope, expected, rtol=1e-4, atol=1e-6)
    assert not torch.allclose(aware_slope, device_slope, rtol=0.01)
    assert not torch.allclose(aware_slope, twin_slope, rtol=0.01)


def test_kept_twin_runs_as_a_plain_graph_with_its_calibration_folded_in(small: Graph) -> None:
    reference = train_reference(small, _spec().training.model_dump(), "digits")
    validation, layer = _data(small).validation, physical_layer("shg")

    def physical(operator: Operator, inputs: Any, tensors: Any) -> torch.Tensor:
        inside, _ = layer.in_range(inputs[0])
        return layer.twin(operator, inside, {"weight": tensors[f"{operator.name}.weight"]}, None)

    with torch.no_grad():
        logits = run_graph(small, reference.tensors, validation.images, physical=physical)
    reached = fraction(correct(logits, validation.labels))
    assert reached == pytest.approx(reference.metrics.validation_accuracy_fraction[0], abs=0.003)
    assert (
        reference.metrics.parameter_count == small.parameter_count == sum(t.numel() for t in reference.tensors.values())
    )


def test_twins_of_several_seeds_keep_the_first(small: Graph) -> None:
    training = {"epochs": 1, "batch": 128, "learning_rate": 0.15}
    both, first = (train_twin("small", small, training, "digits", seeds) for seeds in ((0, 1), (0,)))
    assert len(both.metrics.test_accuracy_fraction) == 2
    assert all(torch.equal(both.tensors[name], tensor) for name, tensor in first.tensors.items())


def test_groups_are_those_of_the_spectral_sum() -> None:
    matrix = grouping(7, 3)
    assert matrix.T.tolist() == [[1, 1, 0, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 1, 1]]


def test_calibration_tracks_training_and_then_stands_still() -> None:
    operator = Operator("scale1", "scale_offset", ("shg1",), ((3,),), (3,), {"out_features": 3})
    part = Calibrated(operator, drive=(0.0, 1.0))
    recorded = torch.tensor([5.0, -2.0, 0.1]) + torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    found = part(recorded, is_training=True).detach()
    assert torch.allclose(found.mean(0), torch.full((3,), 0.5), atol=1e-5)
    assert torch.allclose(found.std(0), torch.full((3,), 0.25 / 1.1), atol=0.02)
    before = part.folded()
    shifted = part(recorded + 1.0, is_training=False).detach()
    assert torch.allclose(shifted, before[0] * (recorded + 1.0) + before[1], atol=1e-5)
    assert all(torch.equal(a, b) for a, b in zip(before, part.folded(), strict=True))
    part(recorded + 1.0, is_training=True)
    assert not torch.equal(before[1], part.folded()[1])


def test_a_bin_that_never_changes_stays_finite() -> None:
    operator = Operator("scale1", "scale_offset", ("shg1",), ((2,),), (2,), {"out_features": 2})
    recorded = torch.stack([torch.zeros(50), torch.linspace(0, 1, 50)], 1)
    assert bool(torch.isfinite(Calibrated(operator, drive=(0.0, 1.0))(recorded, is_training=True)).all())


def test_graphs_that_are_no_chain_run_their_branches(small: Graph) -> None:
    both = replace(small.operators[-1], name="both", kind="add", inputs=("scale1", "scale2"), in_shapes=((64,), (64,)))
    branched = replace(small, operators=(*small.operators[:-1], replace(both, out_shape=(64,))))
    network = fresh(branched, {}, OwnRun(QUICK, "pat", 0))
    scores, _ = network.scores(_data(small).train.images[:8], "pat")
    assert scores.shape == (8, 64)


def test_a_system_with_two_drives_is_refused(small: Graph) -> None:
    first, second = small.operators[0], small.operators[2]
    crossed = replace(small, operators=(first, replace(second, inputs=("shg1", "input"))))
    with pytest.raises(SimulatorError, match="driven by one tensor; 'shg2' reads shg1, input"):
        fresh(crossed, {}, OwnRun(QUICK, "pat", 0))


@pytest.mark.slow
def test_physics_trained_on_the_device_earns_its_place() -> None:
    space, candidate = single("shg_digits", "physical/shg", ROOT, {})
    graph, recipe = space.graphs["shg_digits"], space.recipe(candidate)
    errors = space.machine(candidate).errors(describe(graph, ()))
    asked = ("pat", "in_silico", "in_silico_recalibrated", "in_silico_twin", "frozen", "logistic_regression")
    names = [name for name in ABOUT if name in asked]  # what the other controls do is shown in test_own_controls
    rows = {row.name: row for row in controls(graph, errors, recipe.reference, "digits", (0, 1), "test", names)}
    assert list(rows) == names
    reached = {name: row.mean_fraction for name, row in rows.items()}
    assert reached["pat"] >= 0.93
    assert reached["pat"] >= reached["frozen"] + 0.05
    assert reached["pat"] > reached["in_silico_recalibrated"] > reached["in_silico"]
    assert reached["in_silico_twin"] > 0.95 and reached["in_silico"] < 0.5
    assert reached["logistic_regression"] > 0.93
    assert all(row.sd_fraction is not None for row in rows.values())


def test_documented_models_are_own_machines() -> None:
    spec = NetworkSpec.model_validate(read_document(ROOT / "models" / "shg_digits.yaml").content)
    graph = build_graph("shg_digits", spec)
    assert graph.parameter_count == 4 * (192 + 2 * 64)
    fresh(graph, {}, OwnRun(QUICK, "pat", 0))
