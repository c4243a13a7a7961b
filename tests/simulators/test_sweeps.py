"""Sweeps and searches: a variant costs in a sweep what it costs alone; errors read exactly what is declared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from machine_cases import (
    BENCH,
    CORES,
    CROSSBAR,
    DOMAINS,
    MACHINES,
    MESH,
    OPTICAL,
    RINGS,
    ROOT,
    SYSTOLIC,
    Case,
    product,
    small_loops,
    vector,
)

from joulescape.network.build import build_graph
from joulescape.network.operators import Graph, Loops, Phase
from joulescape.network.work import Work
from joulescape.simulators.base import Limit
from joulescape.spec.network import NetworkSpec
from joulescape.testing.examples import example_context, example_formats, example_graph
from joulescape.testing.simulators import at_paths, check_variants, works_of

MANY = settings(max_examples=15, deadline=None)
machines = pytest.mark.parametrize("name", list(MACHINES))
BENCH_SWEEP = {
    "interface": ["bench", "integrated"],
    "twin.measurements": [0, 100],
    "twin.refresh_samples": [0, 8],
    "twin.refresh_steps": [100, 10],
    "twin.fit_passes": [1, 2],
}


def sweeps(name: str) -> st.SearchStrategy[dict[str, list[Any]]]:
    """Four variants: a random value of every path in each."""
    columns = {path: st.lists(st.sampled_from(o), min_size=4, max_size=4) for path, o in DOMAINS[name].items()}
    return st.fixed_dictionaries(columns)


@machines
def test_the_domains_here_are_all_that_may_be_swept(name: str) -> None:
    simulator = MACHINES[name].simulator
    assert set(DOMAINS[name]) | simulator.changes_numbers >= simulator.searchable
    assert set(DOMAINS[name]) == set(simulator.searchable - simulator.changes_numbers)


def test_the_bench_sweeps_its_interface_and_how_its_twin_is_fitted() -> None:
    assert set(BENCH_SWEEP) == set(BENCH.simulator.searchable - BENCH.simulator.changes_numbers)


@machines
@MANY
@given(data=st.data(), loops=small_loops(3))
def test_a_variant_costs_the_same_in_a_sweep_and_alone(name: str, data: st.DataObject, loops: Loops) -> None:
    machine, sweep = MACHINES[name], data.draw(sweeps(name))
    works: list[Work] = [product(loops)]
    if name not in OPTICAL:
        works.append(vector(100))
    check_variants(machine.simulator, machine.settings, works, sweep)


@machines
@pytest.mark.parametrize("phase", ["inference", "training"])
@settings(max_examples=4, deadline=None)
@given(data=st.data())
def test_so_it_does_in_every_role_of_a_network(name: str, phase: Phase, data: st.DataObject) -> None:
    machine = MACHINES[name]
    works = works_of(machine.simulator, machine.settings, network("digits_lenet"), phase)(2, 8.0)
    check_variants(machine.simulator, machine.settings, works, data.draw(sweeps(name)))


@machines
def test_each_path_alone_may_be_swept(name: str) -> None:
    """One path an array, all others plain: results broadcast."""
    machine = MACHINES[name]
    for path, options in DOMAINS[name].items():
        check_variants(machine.simulator, machine.settings, [product(Loops(B=2, K=20, C=30))], {path: options})


@machines
@MANY
@given(data=st.data(), loops=small_loops(3))
def test_limits_of_a_sweep_are_those_of_each_variant(name: str, data: st.DataObject, loops: Loops) -> None:
    machine, sweep = MACHINES[name], data.draw(sweeps(name))
    together = limits(machine.at({path: np.asarray(values) for path, values in sweep.items()}), loops)
    for index in range(4):
        alone = limits(machine.at({path: values[index] for path, values in sweep.items()}), loops)
        named, of_sweep = [sorted(map(rule, some)) for some in (alone, together)]
        assert [name for name in named if not name.endswith(LINKS)] == [n for n in of_sweep if not n.endswith(LINKS)]
        by_rule = {rule(limit): limit for limit in alone if not rule(limit).endswith(LINKS)}
        for many in together:
            found = np.broadcast_to(np.asarray(many.overshoot, dtype=float).ravel(), (4,))[index]
            if rule(many).endswith(LINKS):  # named only where several chips lack a link
                assert (found > 0) == any(rule(one).endswith(LINKS) for one in alone)
            else:
                one = by_rule[rule(many)]
                assert found == pytest.approx(float(np.asarray(one.overshoot).ravel()[0]), rel=1e-9, abs=1e-12)


LINKS = "pass activations to each other and hypertransport.links is 0"


def rule(limit: Limit) -> str:
    """What is broken, without the numbers of one variant and the change that would close it."""
    return limit.reason.partition(":")[0]


def limits(machine: Case, loops: Loops) -> list[Limit]:
    return list(machine.simulator.limits([product(loops)], machine.settings, example_context()))


def network(name: str) -> Graph:
    content: Any = yaml.safe_load((ROOT / "models" / f"{name}.yaml").read_text(encoding="utf-8"))
    return build_graph(name, NetworkSpec.model_validate(content))


# --- errors ------------------------------------------------------------------------------------------------------

DRAWN: dict[str, dict[str, list[Any]]] = {
    "systolic": {"accumulator_bits": [16, 24], "training.gradient_bits": [8, 12], "training.update_bits": [8, 24]},
    "crossbar": {
        "array.rows": [64, 256], "array.columns": [64, 256], "array.encoding": ["differential"], "adc.bits": [5, 9],
        "adc.clip_fraction": [0.5], "dac.bits": [2], "cell.bits": [1, 4], "cell.copies": [2],
        "cell.remapping": ["rows"], "training.update_scheme": ["serial"], "operand_bits": [4],
    },
    "mzi_mesh": {
        "mesh.size": [4, 16], "mesh.scheme": ["reck"], "clock_ghz": [1.0, 10.0], "shifter.kind": ["mems", "ito"],
        "shifter.convention": ["push_pull"], "shifter.bits": [5], "link.rule": ["given"], "dac.bits": [4],
        "adc.bits": [4], "shifter.compensated_fraction": [0.0, 1.0], "shifter.calibrated_fraction": [0.5, 1.0],
    },
    "ring_bank": {
        "bank.channels": [4, 32], "bank.rows": [4, 32], "bank.is_calibrated": [False], "clock_ghz": [1.0, 10.0],
        "weights.bits": [4], "link.rule": ["given"], "link.received_dbm": [-30.0], "dac.bits": [4], "adc.bits": [4],
    },
    "tensor_core": {
        "array.integration_cycles": [1, 12], "clock_ghz": [1.0, 10.0], "light.rule.rule": ["matched"],
        "light.rule.received_dbm": [-30.0], "weight_dac.bits": [6], "dac.bits": [6], "adc.bits": [6],
    },
}  # fmt: skip
"""Other values of the paths that Optuna draws."""

GIVEN: dict[str, dict[str, Any]] = {
    "mzi_mesh": {"link.rule": "given"},
    "ring_bank": {"link.rule": "given"},
    "tensor_core": {"light.rule.rule": "given", "light.rule.received_dbm": -20.0},
}


def errors(machine: Case) -> Any:
    graph = example_graph()
    return dict(machine.simulator.errors(graph, example_formats(graph, 8.0), machine.settings))


@pytest.mark.parametrize(("name", "path"), [(name, path) for name, paths in DRAWN.items() for path in paths])
def test_every_drawn_path_changes_the_numbers(name: str, path: str) -> None:
    """Else the search would spend trainings on designs that measure alike."""
    machine = MACHINES[name]
    assert path in machine.simulator.changes_numbers
    # A matched link makes up for what happens to its light: what it then still hides shows where power is given.
    starts = [machine, machine.at(GIVEN[name])] if name in GIVEN else [machine]
    for value in DRAWN[name][path]:
        assert any(errors(start.at({path: value})) != errors(start) for start in starts), f"{path} = {value}"


@machines
def test_no_swept_path_changes_them(name: str) -> None:
    machine = MACHINES[name]
    for path, options in DOMAINS[name].items():
        for value in options:
            assert errors(machine.at({path: value})) == errors(machine), f"{path} = {value}"


RULE = ("update_rule", "fast_rate", "transfer_rate", "transfer_columns", "transfer_every")


MECHANISMS = {
    "conversion", "array.is_centred", "speculation.is_on", "speculation.first_bits", "speculation.next_bits",
    "analog_activations.is_on",
}  # fmt: skip


@pytest.mark.parametrize("machine", [SYSTOLIC, CROSSBAR, MESH, RINGS, CORES])
def test_a_drawn_searchable_path_is_covered_here(machine: Case) -> None:
    drawn = machine.simulator.searchable & machine.simulator.changes_numbers
    left = drawn - set(DRAWN[machine.simulator.name])
    links = {"link.received_dbm", "link.local_oscillator_mw"}
    counters = {"converter", "spikes.counter_bits"}
    modes = counters | {
        "weights.store",
        "dynamic_products",
        "winograd",
        "training.input_gradient",
        "training.weight_gradient",
        "array.tiles",
        "array.cores",
        "layout.overflow",
        "layout.placement",
        "layout.partial_sums",
        "layout.served_batches",
    }
    lowered = {"supply.voltage_v", "supply.recovery"}  # of another entry: test_systolic_supply
    lowered |= {f"training.{name}" for name in RULE}  # of another entry: test_in_situ_costs
    lowered |= MECHANISMS  # of other entries: test_crossbar_mechanisms, test_analog_chain
    assert left <= links | modes | lowered, "the next test's, and what decides who computes or how much at once"


@pytest.mark.parametrize("values", [{"link.received_dbm": -30.0}, {"link.local_oscillator_mw": 0.2}])
def test_powers_of_the_link_count_where_the_laser_does_not_make_up_for_them(values: dict[str, Any]) -> None:
    """A matched link turns its laser up until the receiver has the converter's bits, whatever else it is given."""
    given_rule = MESH.at({"link.rule": "given"})
    assert errors(MESH.at(values))["fc1", "forward"].numbers == pytest.approx(
        errors(MESH)["fc1", "forward"].numbers, rel=1e-6
    )
    assert errors(given_rule.at(values)) != errors(given_rule)


@pytest.mark.parametrize(
    "values", [{"averages": 4}, {"control_bits": 3}, {"mismatch": 0.5}, {"noise": 2.0}, {"evolves": False}]
)
def test_a_bench_that_averages_or_drives_otherwise_errs_otherwise(values: dict[str, Any]) -> None:
    graph = network("shg_digits")
    found = [BENCH.simulator.errors(graph, {}, s) for s in (BENCH.settings, at_paths(BENCH.settings, values))]
    assert found[0] != found[1]


def test_averaging_divides_noise_by_its_root() -> None:
    graph = network("shg_digits")
    one, four = (BENCH.simulator.errors(graph, {}, at_paths(BENCH.settings, {"averages": n})) for n in (1, 4))
    for key, spec in one.items():
        for noise in ("read_noise_fraction", "floor_noise_fraction"):
            assert four[key].numbers[noise] == pytest.approx(spec.numbers[noise] / 2)


@pytest.mark.parametrize("phase", ["inference", "training"])
def test_the_bench_sweeps_both_interfaces_at_once(phase: Phase) -> None:
    works = works_of(BENCH.simulator, BENCH.settings, network("shg_digits"), phase)(3, 8.0)
    check_variants(BENCH.simulator, BENCH.settings, works, BENCH_SWEEP)
