"""Ceilings: a clock above what a chip is known to run at, a supply below what works, memory that a device lacks."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from chip_cases import around, asked
from machine_cases import Case, case

from joulescape.simulators._clock import clock_limit
from joulescape.simulators.base import Limit
from joulescape.spec.sourced import Sourced, at_corner

HELD = (
    "zhang2015", "qiu2016", "wei2017", "neuflow", "dadiannao", "stripes", "cnvlutin", "minerva", "whatmough2017", "eie",
    "cambricon", "diannao", "eyeriss", "eyeriss_isca16", "eyeriss_v2", "neurocube", "park2015", "shidiannao", "tetris",
    "tetris_l1", "moons40", "envision", "systolic_int8", "systolic_undervolted", "tpu_v1", "scalar_core",
)  # fmt: skip


def broken(machine: Case, what: str) -> list[str]:
    """Violated limits that name it; a mapped array is asked about no layer, whose mapping says nothing of a clock."""
    works = [] if machine.simulator.name == "spatial" else asked(machine)
    limits: list[Limit] = list(machine.simulator.limits(works, machine.settings, around()))
    return [limit.reason for limit in limits if float(np.max(limit.overshoot)) > 0 and what in limit.reason]


@pytest.mark.parametrize("name", HELD)
def test_a_clock_above_its_ceiling_is_refused_and_the_named_one_is_not(name: str) -> None:
    machine = case(f"electronic/{name}")
    assert broken(machine, "clock") == [], "as published"
    settings: Any = machine.settings
    (reason,) = broken(machine.at({"clock_ghz": 20 * settings.clock_ghz}), "clock")
    found = re.search(r"at most ([\d.e-]+) GHz", reason)
    assert found is not None, reason
    most = float(found.group(1))
    assert most >= settings.clock_ghz
    assert broken(machine.at({"clock_ghz": most}), "clock") == []
    assert broken(machine.at({"clock_ghz": 1.01 * most}), "clock") == [reason]


@pytest.mark.parametrize("name", HELD)
def test_no_corner_takes_a_chip_its_own_clock(name: str) -> None:
    machine = case(f"electronic/{name}")
    for corner in ("pessimistic", "optimistic"):
        moved = Case(machine.simulator, at_corner(machine.settings, corner))  # type: ignore[arg-type]
        assert broken(moved, "clock") == []


def test_the_overshoot_is_a_share_of_the_ceiling_for_every_variant() -> None:
    ceiling = Sourced(value=0.5, basis="measured", source="x", where="y")
    limit = clock_limit(np.array([0.25, 0.5, 2.0]), ceiling, "cell.max_clock_ghz")
    assert np.asarray(limit.overshoot).tolist() == [-0.5, 0.0, 3.0]
    assert limit.reason == "clock_ghz above cell.max_clock_ghz: at most 0.5 GHz"


def test_cells_below_their_least_supply_are_refused_and_at_it_they_are_not() -> None:
    machine = case("electronic/systolic_undervolted")
    assert broken(machine, "supply") == []
    (reason,) = broken(machine.at({"supply.voltage_v": 0.05}), "supply")
    assert reason == "supply.voltage_v below supply.least_v: at least 0.45 V"
    assert broken(machine.at({"supply.voltage_v": 0.45}), "supply") == []


@pytest.mark.parametrize("name", ["zhang2015", "qiu2016", "wei2017", "neuflow"])
def test_a_buffer_beyond_the_devices_memory_blocks_is_refused_with_the_largest_that_fits(name: str) -> None:
    machine = case(f"electronic/{name}")
    assert broken(machine, "memory blocks") == []
    (reason,) = broken(machine.at({"buffer.bytes": 10**10}), "memory blocks")
    found = re.search(r"buffer.bytes of (\d+) would fit", reason)
    assert found is not None, reason
    assert broken(machine.at({"buffer.bytes": int(found.group(1))}), "memory blocks") == []
    assert len(broken(machine.at({"buffer.bytes": int(found.group(1)) + 1}), "memory blocks")) == 1
