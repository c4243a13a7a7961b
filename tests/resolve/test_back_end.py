"""One back end of the shelf: overrides, host, memory."""

from __future__ import annotations

import pytest
from stand_in_project import FILES

from joulescape.errors import SpecError
from joulescape.resolve.back_end import load_back_end


def test_it_is_resolved_with_host_and_memory(project):
    grid = load_back_end(project, "electronic/grid")
    assert (grid.name, grid.family) == ("electronic/grid", "electronic")
    assert [station.name for station in grid.stations] == ["electronic/grid", "electronic/core"]
    assert grid.off_chip.name == "lpddr4"
    machine = grid.machine("chip")
    assert (machine.boundary, machine.node_nm, machine.equivalence) == ("chip", 28, "approximate")
    assert [station.is_host for station in machine.stations] == [False, True]


def test_overrides_replace_parameters_by_path(project):
    changed = load_back_end(project, "electronic/grid", {"array.rows": 99, "adc.energy_pj.value": 3.0})
    assert changed.settings.array.rows == 99
    assert changed.settings.adc.energy_pj.value == 3.0
    assert load_back_end(project, "electronic/grid").settings.array.rows == 16


def test_overrides_are_checked(project):
    with pytest.raises(SpecError) as caught:
        load_back_end(project, "electronic/grid", {"array.rows": 0, "adc.energy_pj.value": 9.0})
    assert {fault.path for fault in caught.value.faults} == {"parameters.array.rows", "parameters.adc.energy_pj"}


def test_a_corner_reaches_host_and_memory(project):
    machine = load_back_end(project, "electronic/grid").machine("system", corner="pessimistic")
    assert machine.own.settings.adc.energy_pj.value == 4.0
    assert machine.off_chip.bandwidth_gbps.value == 50.0


def test_a_named_memory_keeps_its_basis(project):
    path = project / "hwlib/electronic/grid.yaml"
    path.write_text(FILES["hwlib/electronic/grid.yaml"].replace("host:", "off_chip: lpddr4\nhost:"))
    assert load_back_end(project, "electronic/grid").off_chip.spec.read_pj_per_bit.basis == "derived"


def test_a_missing_entry_is_a_fault(project):
    with pytest.raises(SpecError, match="did you mean 'hwlib/electronic/grid.yaml'"):
        load_back_end(project, "electronic/gird")
