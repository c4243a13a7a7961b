"""Machines that evolve: what a pass takes on each of them, what training adds, and what simulating would cost."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from joulescape.errors import SimulatorError
from joulescape.network.build import build_graph
from joulescape.network.evolved import evolution
from joulescape.network.lower import lower
from joulescape.network.operators import Graph
from joulescape.network.work import PhysicalWork, VectorWork
from joulescape.resolve.back_end import BackEnd, load_back_end
from joulescape.simulators.base import Context, LayerCost
from joulescape.simulators.evolution import plugin
from joulescape.simulators.evolution.quantities import pass_ns
from joulescape.simulators.evolution.reference import break_even
from joulescape.simulators.evolution.settings import EvolutionSettings
from joulescape.spec.network import NetworkSpec
from joulescape.testing import check_simulator
from joulescape.testing.examples import example_context

ROOT = Path(__file__).parents[2]
SIZES: dict[str, dict[str, Any]] = {
    "shg": {}, "plate": {"trained": 40, "modes": 12}, "circuit": {"trained": 40}, "oscillators": {"units": 30},
}  # fmt: skip
systems = pytest.mark.parametrize("system", list(SIZES))
SWEEP: dict[str, list[Any]] = {
    "interface": ["bench", "integrated", "integrated"], "averages": [1, 4, 16], "control_bits": [8, 6, 2],
    "twin.measurements": [0, 100, 0], "twin.refresh_samples": [0, 8, 8], "twin.refresh_steps": [100, 10, 1],
    "twin.fit_passes": [1, 2, 1], "evolves": [True, True, True],
}  # fmt: skip


@cache
def machine(system: str) -> BackEnd:
    return load_back_end(ROOT, f"physical/{system}")


def at(system: str, **values: Any) -> EvolutionSettings:
    found = machine(system).settings
    assert isinstance(found, EvolutionSettings)
    return found.model_copy(update=values)


@cache
def graph(system: str, count: int = 2) -> Graph:
    lines: list[dict[str, Any]] = []
    for index in range(count):
        line: dict[str, Any] = {"name": f"p{index}", "kind": "physical", "system": system, "out_features": 20}
        if system == "shg":
            line |= {"bins": 60, "data_bins": 20}
        lines += [line | {"sizes": SIZES[system]}, {"name": f"s{index}", "kind": "scale_offset", "out_features": 20}]
    content = {"about": "a", "task": "digits", "input": [20], "training": {"epochs": 1}, "operators": lines}
    return build_graph(system, NetworkSpec.model_validate(content))


def work(system: str, batch: int = 1) -> PhysicalWork:
    return evolution(graph(system).operator("p0"), batch)


def costed(system: str, context: Context | None = None, batch: int = 1, **values: Any) -> LayerCost:
    (found,) = plugin.cost([work(system, batch)], at(system, **values), context or example_context(batch))
    return found


def energy(cost: LayerCost, *names: str) -> float:
    return sum(float(part.energy_pj) for part in cost.energies if not names or part.component.name in names)


@systems
def test_laws(system: str) -> None:
    check_simulator(plugin, at(system), graph(system), sweep=SWEEP)


@systems
@pytest.mark.parametrize("interface", ["bench", "integrated"])
def test_time_of_a_pass_is_what_its_instruments_take(system: str, interface: str) -> None:
    chosen = at(system, interface=interface, averages=4)
    way = chosen.bench if interface == "bench" else chosen.integrated
    expected = {
        "shg": way.settle_ns.value + 4 * (way.evolution_ns.value + way.exposure_ns.value),
        "oscillators": 4
        * (way.settle_ns.value + 0.5 * (way.unit_ns.value if way.unit_ns else 0) + way.exposure_ns.value),
    }
    series = 4 * (way.settle_ns.value + 60 * (way.sample_ns.value if way.sample_ns else 0))
    assert float(pass_ns(work(system), chosen)) == pytest.approx(expected.get(system, series), rel=1e-12)


@pytest.mark.parametrize(("system", "controls"), [("shg", 60), ("plate", 60), ("circuit", 60), ("oscillators", 30)])
def test_controls_are_set_each_pass_and_couplings_once_a_batch(system: str, controls: int) -> None:
    one, many = (energy(costed(system, batch=b), "digital_encoding") for b in (1, 9))
    held = 30 * 33 / 2 if system == "oscillators" else 0
    assert [one, many] == pytest.approx([controls + held, 9 * controls + held])


def test_a_series_is_recorded_sample_by_sample_and_a_frame_once() -> None:
    assert energy(costed("plate"), "digital_decoding") == pytest.approx(60)
    assert energy(costed("shg"), "digital_decoding") == pytest.approx(20)
    assert energy(costed("plate", averages=4), "digital_encoding") == pytest.approx(240), "driven anew for each"
    assert energy(costed("shg", averages=4), "digital_encoding") == pytest.approx(60), "mirrors stand"


@systems
def test_a_projected_chip_is_faster_smaller_and_draws_less_than_a_laboratory(system: str) -> None:
    bench, chip = (at(system, interface=name) for name in ("bench", "integrated"))
    assert float(pass_ns(work(system), bench)) > 50 * float(pass_ns(work(system), chip))
    for parts in (plugin.static_power, plugin.area):
        totals = [
            sum(float(getattr(p, "power_mw", getattr(p, "area_mm2", 0))) for p in parts(s)) for s in (bench, chip)
        ]
        assert totals[0] > 10 * totals[1]


@systems
def test_numbers_are_assumed_and_nothing_is_validated_without_a_published_figure(system: str) -> None:
    rows = machine(system).spec.published
    assert [row.role for row in rows] == (["input"] if system == "shg" else [])
    assert {p.component.basis for p in plugin.static_power(at(system))} == {"assumed"}
    about = machine(system).spec.about
    assert "projected" in about or "proposed" in about, "the integrated variant is no built machine"


@systems
def test_without_evolution_the_twin_is_simulated_without_error_and_without_instruments(system: str) -> None:
    off = at(system, evolves=False)
    cost = costed(system, batch=3, evolves=False)
    assert energy(cost) == pytest.approx(3 * work(system).twin_ops * off.twin_op_pj.value)
    assert float(cost.latency_ns) == pytest.approx(3 * work(system).twin_ops * off.twin_op_ns.value)
    assert plugin.static_power(off) == () and plugin.limits([work(system)], off, example_context()) == ()
    assert all(not spec.numbers for spec in plugin.errors(graph(system), {}, off).values())
    assert [a.component.name for a in plugin.area(off)] == ["simulation"]


@systems
def test_mismatch_and_noise_are_factors_on_what_they_name(system: str) -> None:
    plain, mismatched, noisy = (
        plugin.errors(graph(system), {}, s)["p1", "forward"].numbers
        for s in (at(system), at(system, mismatch=2.0), at(system, noise=3.0, averages=9))
    )
    for name, value in at(system).departure.items():
        is_noise = "noise" in name
        assert mismatched[name] == pytest.approx(value.value * (1 if is_noise else 2))
        assert noisy[name] == pytest.approx(value.value), "three times, and nine exposures"
    assert plain["control_bits"] == at(system).control_bits


@pytest.mark.parametrize(
    ("system", "changed", "said"),
    [
        ("shg", {"controls": 50}, "60 controls do not fit this machine's 50: at most 50 a layer"),
        ("plate", {"records": 50}, "60 recorded values do not fit this machine's 50"),
        ("oscillators", {"controls": 29}, "30 controls do not fit this machine's 29"),
        ("oscillators", {"held_controls": 400}, "495 trained controls do not fit this machine's 400"),
    ],
)
def test_what_does_not_fit_says_what_would(system: str, changed: dict[str, int], said: str) -> None:
    found = plugin.limits([work(system)], at(system, **changed), example_context())
    (broken,) = [limit for limit in found if float(limit.overshoot) > 0]
    assert said in broken.reason
    assert all(float(limit.overshoot) <= 0 for limit in plugin.limits([work(system)], at(system), example_context()))


@systems
def test_algorithms_of_training_put_work_where_it_is_done(system: str) -> None:
    """Device passes, and operations of the host for the system alone: physics-aware, in silico, ideal."""
    found = {name: lower(graph(system), {}, "training", 5, {}, name).works for name in ("pat", "in_silico", "ideal")}
    passes = {n: sum(w.passes for w in works if isinstance(w, PhysicalWork)) for n, works in found.items()}
    controls = graph(system).operator("p0").parameter_count + 20
    assert passes == {"pat": 10, "in_silico": 0, "ideal": 10 * (1 + controls)}
    ops = {n: sum(w.ops for w in works if isinstance(w, VectorWork) and "twin" in w.kind) for n, works in found.items()}
    one = 5 * work(system).twin_ops
    assert ops["pat"] == pytest.approx(5 * one), "two weight gradients of two passes, one input gradient"
    assert ops["in_silico"] == pytest.approx(5 * one), "two forward passes, two weight gradients, one input gradient"
    assert ops["ideal"] == pytest.approx(5 * 2 * 20 * (2 * (controls - 20) + 20))


@systems
def test_inference_knows_no_algorithm(system: str) -> None:
    works = [lower(graph(system), {}, "inference", 3, {}, name).works for name in ("pat", "in_silico", "ideal")]
    assert works[0] == works[1] == works[2]


def _training(steps: int | None = 1000) -> Context:
    return replace(example_context(8), steps=steps)


@given(
    measurements=st.integers(0, 10**5), samples=st.integers(0, 200), every=st.integers(1, 500), fits=st.integers(1, 9)
)
@settings(max_examples=20, deadline=None)
def test_fitting_the_twin_takes_passes_and_operations(measurements: int, samples: int, every: int, fits: int) -> None:
    twin = at("shg").twin.model_copy(
        update={"measurements": measurements, "refresh_samples": samples, "refresh_steps": every, "fit_passes": fits}
    )
    plain, fitted = (costed("shg", _training(), 8, twin=t) for t in (at("shg").twin, twin))
    more = measurements / 1000 + samples / every
    ops = more * fits * work("shg").twin_ops
    assert energy(fitted, "digital_twin_fit") == pytest.approx(2.3 * ops)
    assert energy(fitted, "digital_encoding") == pytest.approx(energy(plain, "digital_encoding") * (1 + more / 8))
    longer = float(fitted.latency_ns) - float(plain.latency_ns)
    assert longer == pytest.approx(more * float(pass_ns(work("shg"), at("shg"))) + ops, rel=1e-6, abs=1e-3)


def test_a_twin_is_not_fitted_for_an_inference() -> None:
    twin = at("shg").twin.model_copy(update={"measurements": 10**6, "refresh_samples": 100})
    assert energy(costed("shg", _training(None), twin=twin)) == pytest.approx(energy(costed("shg", _training(None))))


@systems
@pytest.mark.parametrize("interface", ["bench", "integrated"])
def test_break_even_is_the_smallest_size_at_which_evolving_pays(system: str, interface: str) -> None:
    chosen = at(system, interface=interface)
    found = plugin.published(chosen)
    ratio = found["simulation_energy_pj"] / found["layer_energy_pj"]
    assert found["self_simulation_energy_ratio"] == pytest.approx(ratio)
    assert ("break_even_size" in found) is (system != "circuit" and (system, interface) != ("shg", "bench"))
    if "break_even_size" not in found:
        return
    size = int(found["break_even_size"])
    for moved, pays in ((size, True), (size - 1, False)):
        sizes = {**chosen.sample.sizes, chosen.sample.grows: moved}
        sample = chosen.sample.model_copy(update={"sizes": sizes})
        try:
            near = plugin.published(chosen.model_copy(update={"sample": sample}))
        except ValueError:
            assert not pays, "smaller ones do not hold the data"
            continue
        assert (near["self_simulation_energy_ratio"] >= 1) is pays


def test_a_circuit_takes_as_much_longer_as_its_twin_does() -> None:
    """Both grow with the samples alone: no size makes it pay, only a faster, thriftier chip would."""
    assert break_even(at("circuit"), lambda w: (1.0, w.twin_ops * 2.4)) is None
    assert break_even(at("circuit"), lambda w: (1.0, w.twin_ops * 2.2)) == 1


def test_simulating_costs_what_the_system_s_own_law_says() -> None:
    found = {name: plugin.published(at(name))["simulation_energy_pj"] / 2.3 for name in SIZES}
    assert found["shg"] == pytest.approx(15 * 256 * 8)
    assert found["oscillators"] == pytest.approx(5 * 206 * (2 * 206 + 16))
    assert found["plate"] == pytest.approx(128 * 2 * 24 * 12)
    assert found["circuit"] == pytest.approx(128 * 2 * 24)


def test_arithmetic_is_refused_by_name() -> None:
    with pytest.raises(SimulatorError, match="plate has no way to compute s0 in role forward"):
        plugin.cost([VectorWork("s0", "forward", "scale_offset", 1, 1, 1, 32)], at("plate"), example_context())


@pytest.mark.parametrize(
    ("system", "path", "value", "said"),
    [
        ("plate", "system", "plat", "no physical system 'plat', known are circuit, .*; did you mean 'plate'"),
        ("plate", "bench.sample_ns", None, "a drive in series needs sample_ns in bench"),
        ("oscillators", "held_controls", None, "held_controls must say how many can be held"),
        ("shg", "sample.grows", "bin", "'bin' is none of its sizes bins, data_bins, out_features"),
        ("shg", "control_bits", 17, "less than or equal to 16"),
        ("shg", "averages", 0, "greater than or equal to 1"),
        ("shg", "mismatch", -0.1, "greater than or equal to 0"),
        ("circuit", "twin.refresh_steps", 0, "greater than or equal to 1"),
    ],
)
def test_settings_that_no_machine_has_are_refused(system: str, path: str, value: Any, said: str) -> None:
    plain = at(system).model_dump()
    inside, _, leaf = path.rpartition(".")
    (plain[inside] if inside else plain)[leaf] = value
    with pytest.raises(ValidationError, match=said):
        EvolutionSettings.model_validate(plain)


def test_a_fitted_twin_is_paid_for_by_measurements_of_layers_that_differ() -> None:
    """Two layers alike are one device: 400 measurements in all, half of them charged to each."""
    plain, fitted, silico = (
        lower(graph("plate"), {}, "training", 8, {}, name).works for name in ("pat", "pat_fitted", "in_silico_fitted")
    )
    forward = [[w for w in works if isinstance(w, PhysicalWork)] for works in (plain, fitted, silico)]
    assert [[(w.passes, w.measurements) for w in works] for works in forward] == [
        [(8, 0.0)] * 2, [(8, 200.0)] * 2, [(0, 200.0)] * 2
    ]  # fmt: skip
    for works, passes in zip(forward, (8, 8 + 0.2, 0.2), strict=True):
        (cost,) = plugin.cost(works[:1], at("plate"), _training())
        assert energy(cost, "digital_encoding") == pytest.approx(60 * passes)
    ops = [sum(w.ops for w in works if isinstance(w, VectorWork) and "twin" in w.kind) for works in (plain, silico)]
    assert ops[0] == ops[1], "forward at what was measured, or forward at what was modelled"


def test_noise_in_silico_costs_what_in_silico_does() -> None:
    works = [lower(graph("shg"), {}, "training", 8, {}, name).works for name in ("in_silico", "in_silico_noise")]
    assert works[0] == works[1]
