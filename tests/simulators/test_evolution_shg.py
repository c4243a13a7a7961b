"""A bench's cost: laws, the demonstrated frame rate, and which knobs trade what."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from joulescape.errors import SimulatorError, SpecError
from joulescape.network.build import build_graph
from joulescape.network.lower import lower
from joulescape.network.operators import Graph
from joulescape.network.work import PhysicalWork, VectorWork
from joulescape.pricing import cost
from joulescape.resolve.back_end import load_back_end
from joulescape.resolve.design_space import DesignSpace, resolve_space
from joulescape.simulators.evolution import plugin
from joulescape.simulators.evolution.quantities import pass_ns
from joulescape.simulators.evolution.settings import EvolutionSettings
from joulescape.spec.document import Document, read_document
from joulescape.spec.network import NetworkSpec
from joulescape.spec.sourced import at_corner
from joulescape.testing import check_simulator
from joulescape.testing.examples import example_context

ROOT = Path(__file__).parents[2]
DEPARTURES = (
    "amplitude_fraction", "phase_rad", "phase_walk_rad", "gamma_error", "crosstalk_bins",
    "read_noise_fraction", "floor_noise_fraction",
)  # fmt: skip


@pytest.fixture(scope="module")
def settings() -> EvolutionSettings:
    loaded = load_back_end(ROOT, "physical/shg").settings
    assert isinstance(loaded, EvolutionSettings)
    return loaded


@pytest.fixture(scope="module")
def graph() -> Graph:
    content = read_document(ROOT / "models" / "shg_digits.yaml").content
    return build_graph("shg_digits", NetworkSpec.model_validate(content))


def _work(passes: int = 1, bins: int = 256, outputs: int = 64) -> PhysicalWork:
    return PhysicalWork(
        "shg1", "forward", "shg", passes, 64, outputs, {"bins": float(bins), "data_bins": 64.0}, bins - 64
    )


def _energy_pj(work: PhysicalWork, settings: EvolutionSettings) -> float:
    (found,) = plugin.cost([work], settings, example_context())
    return float(sum(float(part.energy_pj) for part in found.energies))


def test_laws(settings: EvolutionSettings, graph: Graph) -> None:
    sweep = {"interface": ["bench", "integrated", "integrated"], "averages": [1, 4, 16], "control_bits": [8, 6, 2]}
    check_simulator(plugin, settings, graph, sweep=sweep)


def test_demonstrator_is_bound_by_its_modulator_at_about_200_hz(settings: EvolutionSettings) -> None:
    assert plugin.published(settings)["frame_rate_ghz"] == pytest.approx(200e-9, rel=0.005)
    (found,) = plugin.cost([_work()], settings, example_context())
    assert found.bound_by == "modulator"


@pytest.mark.parametrize("passes", [1, 3, 64])
def test_time_is_settle_plus_exposures(settings: EvolutionSettings, passes: int) -> None:
    averaged = settings.model_copy(update={"averages": 10})
    expected = passes * (4e6 + 10 * (1e6 + 10.0))
    (found,) = plugin.cost([_work(passes)], averaged, example_context(passes))
    assert float(found.latency_ns) == pytest.approx(expected, rel=1e-12)
    assert found.bound_by == "spectrometer"


def test_averaging_trades_time_and_energy_for_noise(settings: EvolutionSettings, graph: Graph) -> None:
    four = settings.model_copy(update={"averages": 4})
    once, often = (plugin.errors(graph, {}, s)["shg2", "forward"].numbers for s in (settings, four))
    for noise in ("read_noise_fraction", "floor_noise_fraction"):
        assert often[noise] == pytest.approx(once[noise] / 2)
    assert often["phase_rad"] == once["phase_rad"]
    assert pass_ns(_work(), four) > pass_ns(_work(), settings)
    assert _energy_pj(_work(), four) > _energy_pj(_work(), settings)


def test_finer_modulators_move_more_bits_and_convert_dearer(settings: EvolutionSettings, graph: Graph) -> None:
    comb = settings.model_copy(update={"interface": "integrated"})
    energies = [_energy_pj(_work(), comb.model_copy(update={"control_bits": bits})) for bits in range(1, 13)]
    assert energies == sorted(energies)
    assert plugin.errors(graph, {}, comb)["shg1", "forward"].numbers["control_bits"] == 8.0


def test_every_layer_meets_the_same_bench(settings: EvolutionSettings, graph: Graph) -> None:
    errors = plugin.errors(graph, {}, settings)
    assert sorted(errors) == [(f"shg{i}", "forward") for i in (1, 2, 3, 4)]
    assert len({tuple(spec.numbers.items()) for spec in errors.values()}) == 1
    assert set(errors["shg1", "forward"].numbers) == {*DEPARTURES, "control_bits"}


def test_corners_move_departures_and_cost_together(settings: EvolutionSettings, graph: Graph) -> None:
    numbers = [
        plugin.errors(graph, {}, at_corner(settings, corner))["shg1", "forward"].numbers
        for corner in ("optimistic", "typical", "pessimistic")
    ]
    for name in DEPARTURES:
        assert numbers[0][name] < numbers[1][name] < numbers[2][name]


def test_a_swept_interface_costs_each_variant_as_it_would_alone(settings: EvolutionSettings) -> None:
    both = settings.model_copy(update={"interface": np.array(["bench", "integrated"])})
    (swept,) = plugin.cost([_work(2)], both, example_context(2))
    for index, name in enumerate(("bench", "integrated")):
        (alone,) = plugin.cost([_work(2)], settings.model_copy(update={"interface": name}), example_context(2))
        assert np.asarray(swept.latency_ns)[index] == pytest.approx(float(alone.latency_ns))
        assert np.asarray(swept.bound_by)[index] == alone.bound_by


@pytest.mark.parametrize(("bins", "outputs", "is_over"), [(256, 64, False), (1470, 64, True), (256, 609, True)])
def test_limits_are_the_modulator_and_the_detector(
    settings: EvolutionSettings, bins: int, outputs: int, is_over: bool
) -> None:
    found = plugin.limits([_work(1, bins, outputs)], settings, example_context())
    assert (max(float(np.max(limit.overshoot)) for limit in found) > 0) is is_over


def test_it_takes_its_own_evolution_and_nothing_else(settings: EvolutionSettings, graph: Graph) -> None:
    taken = [(o.name, r) for o in graph.operators for r in ("forward", "update") if plugin.takes(o, r, settings)]
    assert taken == [(f"shg{i}", "forward") for i in (1, 2, 3, 4)]
    with pytest.raises(SimulatorError, match="scale1"):
        plugin.cost([VectorWork("scale1", "forward", "scale_offset", 1, 1, 1, 32)], settings, example_context())


def test_simulating_a_layer_costs_far_less_than_running_the_bench(settings: EvolutionSettings) -> None:
    published = plugin.published(settings)
    flops = 15 * 256 * 8
    assert published["self_simulation_energy_ratio"] == pytest.approx(2.3 * flops / published["layer_energy_pj"])
    assert published["self_simulation_energy_ratio"] < 1e-6
    comb = plugin.published(settings.model_copy(update={"interface": "integrated"}))
    assert comb["self_simulation_energy_ratio"] > published["self_simulation_energy_ratio"]


def test_boundary_decides_whether_the_apparatus_counts() -> None:
    core, system = (cost("shg_digits", "physical/shg", {}, boundary=b, root=ROOT) for b in ("core", "system"))
    assert not {row["component"] for row in core.energy} & {"apparatus", "link"}
    assert {"apparatus", "link", "pulsed_laser"} <= {row["component"] for row in system.energy}
    assert core.totals["inference_energy_pj"] < system.totals["inference_energy_pj"]
    assert all(row["basis"] == "assumed" for row in core.energy if not row["component"].startswith("host"))


def test_training_runs_forward_on_the_bench_and_backward_on_the_host(graph: Graph) -> None:
    report = cost("shg_digits", "physical/shg", {}, phases=("training",), root=ROOT)
    stations = {(row["layer"], row["role"]): row["station"] for row in report.layers}
    assert stations["shg1", "forward"] == "physical/shg"
    others = {
        key: station for key, station in stations.items() if not (key[0].startswith("shg") and key[1] == "forward")
    }
    assert set(others.values()) == {"electronic/scalar_core"}
    assert {("shg1", "weight_gradient"), ("shg2", "input_gradient"), ("shg4", "update")} <= set(others)
    assert ("shg1", "input_gradient") not in others
    assert report.steps == "nominal"
    assert lower(graph, {}, "training", 64, {}).batch == 64


def test_training_cost_is_steps_times_one_step() -> None:
    asked = [{"training.epochs": str(epochs), "training.batch": "64"} for epochs in (10, 20)]
    once, twice = (cost("shg_digits", "physical/shg", s, phases=("training",), root=ROOT).totals for s in asked)
    assert twice["training_energy_pj"] == pytest.approx(2 * once["training_energy_pj"])


def test_silent_questions_train_by_the_networks_own_recipe() -> None:
    own = _space("shg_digits", "physical/shg", {})
    recipe = own.networks["shg_digits"].training
    assert _training(own) == {"epochs": recipe.epochs, "batch": recipe.batch, "learning_rate": recipe.learning_rate}
    said = _space("shg_digits", "physical/shg", {"training": {"epochs": 7}})
    assert _training(said) == {**_training(own), "epochs": 7}
    other = _space("digits_mlp", "electronic/systolic_int8", {})
    assert _training(other) == {"epochs": 12, "batch": 32, "learning_rate": 0.1}


def test_pairs_that_cannot_meet_say_why() -> None:
    with pytest.raises(SpecError, match="digits_mlp holds none of its physical operators"):
        cost("digits_mlp", "physical/shg", {}, root=ROOT)
    with pytest.raises(SpecError, match="takes operator 'shg1'"):
        cost("shg_digits", "electronic/systolic_int8", {}, root=ROOT)


def test_a_better_laser_never_costs_more(settings: EvolutionSettings) -> None:
    half = settings.bench.source_mw.model_copy(update={"value": settings.bench.source_mw.value / 2})
    dim = settings.model_copy(update={"bench": settings.bench.model_copy(update={"source_mw": half})})
    powers = [sum(float(part.power_mw) for part in plugin.static_power(s)) for s in (dim, settings)]
    assert math.isclose(powers[1] - powers[0], settings.bench.source_mw.value / 2)


def _space(network: str, back_end: str, more: dict[str, object]) -> DesignSpace:
    content = {
        "question": "How does it train?", "task": "digits", "networks": [network], "back_ends": [back_end],
        "phases": ["inference", "training"], "objectives": {"area_mm2": "minimize"}, "budget": {"trials": 1}, **more,
    }  # fmt: skip
    return resolve_space(Document("test", content), ROOT, "test")


def _training(space: DesignSpace) -> dict[str, object]:
    training = space.candidate({"pair": space.pairs[0].name}).training
    return {name: training[name] for name in ("epochs", "batch", "learning_rate")}


def test_in_silico_training_unplugs_the_bench_and_ideal_keeps_it_longest() -> None:
    found = {
        name: cost("shg_digits", "physical/shg", {"training.algorithm": name}, phases=("training",), root=ROOT)
        for name in ("pat", "in_silico", "ideal")
    }
    stations = {name: {row["station"] for row in report.layers} for name, report in found.items()}
    assert stations["in_silico"] == {"electronic/scalar_core"} and "physical/shg" in stations["pat"]
    assert {row["component"].partition("_")[0] for row in found["in_silico"].energy} == {"host", "off"}
    energies = [found[name].totals["training_energy_pj"] or 0.0 for name in ("in_silico", "pat", "ideal")]
    assert energies[0] < 1e-4 * energies[1] < 1e-2 * energies[2]


def test_the_device_computes_forward_alike_whoever_trains_it() -> None:
    found = [
        cost("shg_digits", "physical/shg", {"training.algorithm": name}, phases=("inference", "training"), root=ROOT)
        for name in ("pat", "in_silico", "ideal")
    ]
    assert len({report.totals["inference_energy_pj"] for report in found}) == 1
