"""Levers: what may be moved, how far, and that moving one moves nothing else."""

from __future__ import annotations

from fnmatch import fnmatch

import numpy as np
import pytest
from gap_designs import ENERGY, ISAAC, MACHINES, MESH, SYSTOLIC, design
from hypothesis import given
from hypothesis import strategies as st

from joulescape.gap import levers as module
from joulescape.gap.levers import FREE, KINDS, LIMITS, Lever, is_plain, levers, moved
from joulescape.resolve.settings import leaves
from joulescape.spec.sourced import Better, Sourced

REACHES = st.floats(1e-9, 1e6)


def sourced(value: float, low: float | None = None, high: float | None = None) -> Sourced:
    return Sourced(value=value, low=low, high=high, basis="derived", source="joulescape")


def cost(value: float = 2.0, **ends: float) -> Lever:
    return Lever("adc.energy_pj", "converters", sourced(value, **ends), "pJ", 0.0)


def efficiency(value: float = 0.2, **ends: float) -> Lever:
    return Lever("laser.wall_plug_fraction", "laser", sourced(value, **ends), "fraction", 1.0)


@given(st.floats(1e-6, 1e6), REACHES)
def test_a_cost_falls_with_its_reach_to_nothing(value: float, reach: float) -> None:
    assert float(cost(value).at(reach)) == pytest.approx(value * reach)
    assert float(cost(value).at(0.0)) == 0.0 and float(cost(value).at(1.0)) == value


@given(st.floats(1e-3, 1.0), REACHES, REACHES)
def test_an_efficiency_grows_as_its_reach_falls_and_stops_at_its_limit(value: float, one: float, other: float) -> None:
    lever = efficiency(value)
    low, high = (float(lever.at(reach)) for reach in sorted((one, other), reverse=True))
    assert 0 < low <= high <= 1.0
    assert float(lever.at(1.0)) == pytest.approx(value) and float(lever.at(1e-9)) == 1.0
    assert float(lever.at(2.0)) == pytest.approx(value / 2)


@pytest.mark.parametrize(
    ("lever", "better", "worse"),
    [(cost(2.0, low=1.0, high=5.0), 1.0, 5.0), (efficiency(0.2, low=0.1, high=0.4), 0.4, 0.1)],
)
def test_corners_are_reaches_of_the_better_and_the_worse_end(lever: Lever, better: float, worse: float) -> None:
    assert [float(lever.at(reach)) for reach in lever.corner_reaches()] == pytest.approx([better, worse])
    assert lever.corner_reaches()[0] < 1 < lever.corner_reaches()[1]


def test_a_value_without_a_range_has_no_corner_but_itself() -> None:
    assert cost().corner_reaches() == (1.0, 1.0) and efficiency().corner_reaches() == (1.0, 1.0)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("host.mac_pj", "host"), ("off_chip.read_pj_per_bit", "off-chip memory"), ("idle_fraction", "idle power"),
        ("adc.energy_pj", "converters"), ("adc.table.power_mw", "converters"), ("weight_dac.power_mw", "converters"),
        ("weights.dac.power_mw", "converters"), ("laser.threshold_mw", "laser"), ("mesh.loss_db", "optical loss"),
        ("waveguide.loss_db_per_cm", "optical loss"), ("input_modulator.energy_pj", "modulators"),
        ("ring.tune_mw", "tuning"), ("shifter.thermo_optic.pi_power_mw", "tuning"),
        ("detector.amplifier_mw", "detectors"), ("cell.writing.energy_pj", "writing"), ("bench.source_mw", "source"),
        ("bench.settle_ns", "frame"), ("bench.apparatus_mw", "instruments"), ("cell.read_pj", "cells"),
        ("edram.energy_pj_per_bit", "buffers and links"),
    ],
)  # fmt: skip
def test_a_path_is_of_the_first_kind_that_matches(path: str, kind: str) -> None:
    lever = module._lever(path, sourced(1.0))
    assert lever is not None and lever.kind == kind and lever.limit == 0.0


def test_the_last_kind_takes_all_that_is_left() -> None:
    assert KINDS[-1][1] == ("*",)
    assert len({name for name, _ in KINDS}) == len(KINDS)


@pytest.mark.parametrize("path", ["area_mm2", "wafer.price_usd", "cell.on_siemens", "bench.cameras_count"])
def test_what_is_neither_energy_nor_time_is_no_lever(path: str) -> None:
    assert module._lever(path, sourced(1.0)) is None


@pytest.mark.parametrize(
    ("path", "limit"), [("laser.wall_plug_fraction", 1.0), ("detector.responsivity_a_per_w", 1.25)]
)
def test_efficiencies_have_the_limit_of_physics(path: str, limit: float) -> None:
    lever = module._lever(path, sourced(0.5), Better("high"))
    assert lever is not None and lever.limit == limit
    beyond = module._lever(path, sourced(2.0), Better("high"))
    assert beyond is not None and beyond.limit == 2.0, "a value that is published beyond it is its own limit"
    assert module._lever("array.utilization_fraction", sourced(0.5), Better("high")) is None


@pytest.mark.parametrize("back_end", MACHINES)
def test_every_lever_of_a_machine_costs_something_and_is_told_with_its_unit(back_end: str) -> None:
    found = levers(design(back_end).typical)
    assert found and all(path == lever.path for path, lever in found.items())
    for path, lever in found.items():
        assert lever.constant.value > 0 and lever.constant.source
        assert lever.kind in {name for name, _ in KINDS}
        assert (lever.unit in FREE.values()) if lever.limit == 0.0 else path.endswith(tuple(LIMITS))
        assert not path.endswith(("_mm2", "_usd", "_s")) or path.endswith("_mw_per_mm2")
        assert "training." not in path
    assert any(path.startswith("off_chip.") for path in found)


def test_the_host_and_the_memory_are_told_apart_by_their_prefix() -> None:
    machine = design(ISAAC).typical
    paths = levers(machine)
    own, host = ({path for path in paths if path.startswith("host.") is is_host} for is_host in (False, True))
    assert own and host
    names = leaves(next(one.settings for one in machine.stations if one.is_host))
    assert {path.removeprefix("host.") for path in host} <= set(names)


def values(back_end: str, changes: dict[str, float] | None = None) -> dict[str, float]:
    """Every sourced value of a machine by its path, after some were moved."""
    machine = design(back_end).typical
    machine = moved(machine, changes) if changes else machine
    found = {}
    for station in machine.stations:
        prefix = "host." if station.is_host else ""
        known = leaves(station.settings).items()
        found |= {f"{prefix}{path}": float(one.value) for path, one in known if isinstance(one, Sourced)}
    memory = machine.off_chip
    return found | {
        "off_chip.read_pj_per_bit": float(memory.read_pj_per_bit.value),
        "off_chip.write_pj_per_bit": float(memory.write_pj_per_bit.value),
    }


@pytest.mark.parametrize("back_end", [SYSTOLIC, ISAAC, MESH])
def test_moving_a_lever_moves_nothing_else(back_end: str) -> None:
    today = values(back_end)
    for path in list(levers(design(back_end).typical))[::3]:
        if path not in today:
            continue
        now = values(back_end, {path: 0.25 * today[path]})
        assert now[path] == pytest.approx(0.25 * today[path])
        assert {name: one for name, one in now.items() if name != path} == {
            name: one for name, one in today.items() if name != path
        }
    assert values(back_end) == today, "the machine itself stays as it is"


def test_a_moved_memory_is_another_one_for_this_machine_alone() -> None:
    machine = design(SYSTOLIC).typical
    changed = moved(machine, {"off_chip.read_pj_per_bit": 0.125})
    assert changed.off_chip.read_pj_per_bit.value == 0.125
    assert changed.off_chip.write_pj_per_bit == machine.off_chip.write_pj_per_bit
    assert changed.off_chip.bandwidth_gbps == machine.off_chip.bandwidth_gbps
    assert machine.off_chip.read_pj_per_bit.value != 0.125
    assert design(SYSTOLIC).value(ENERGY, changed)[0] < design(SYSTOLIC).at(ENERGY, "typical")


def test_values_of_the_errors_are_plain_and_the_memorys_are_not() -> None:
    machine = design(ISAAC).typical
    assert not is_plain(machine, "off_chip.read_pj_per_bit")
    assert is_plain(machine, "cell.writing.energy_pj")
    changes = next(one for one in machine.stations if not one.is_host).simulator.changes_numbers
    assert changes and all(is_plain(machine, path) for path in changes)


def test_signals_of_a_machine_that_errs_are_no_levers_but_its_losses_of_light_are() -> None:
    machine = design(MESH).typical
    numbers = next(one for one in machine.stations if not one.is_host).simulator.changes_numbers
    found = set(levers(machine))
    light = ("*loss_db", "*loss_db_per_cm", "*wall_plug_fraction", "*responsivity_a_per_w")
    assert all(any(fnmatch(path, one) for one in light) for path in found & set(numbers))
    assert "laser.wall_plug_fraction" in found


def test_arrays_of_values_are_as_many_machines() -> None:
    own = design(SYSTOLIC)
    lever = levers(own.typical)["off_chip.read_pj_per_bit"]
    found = own.costs({lever.path: lever.at(np.array([1.0, 0.5, 0.0]))}, 3)[:, 0]
    assert found.shape == (3,) and found[0] == pytest.approx(own.at(ENERGY, "typical"))
    assert found[0] - found[1] == pytest.approx(found[1] - found[2]), "energy is a straight line in what a bit costs"
