"""Numbers that cannot be are told at the door, by the unit in their name."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stand_in_project import FILES, SPACE

from joulescape.errors import SpecError
from joulescape.resolve.back_end import load_back_end
from joulescape.resolve.design_space import load_space
from joulescape.resolve.plausible import impossible
from joulescape.resolve.shelves import back_end_names
from joulescape.spec.base import Shape
from joulescape.spec.document import Document
from joulescape.spec.sourced import Sourced

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = Document("f.yaml", {})


def said(name: str, number: float) -> list[str]:
    shape = type("Settings", (Shape,), {"__annotations__": {name: float}})
    return [f"{fault.path}: {fault.expected}" for fault in impossible(shape(**{name: number}), DOCUMENT, lambda k: k)]


@pytest.mark.parametrize(
    "name",
    [
        "clock_ghz",
        "rate_gsps",
        "bandwidth_gbps",
        "gbps_per_link",
        "on_off_ratio",
        "step_ns",
        "flops_per_ns",
        "load_kohm",
        "max_mw",
        "extinction_db",
        "responsivity_a_per_w",
    ],
)
def test_what_divides_is_above_zero(name):
    assert said(name, 0.0) == said(name, -1.0) == [f"{name}: a value > 0 for {name}"]
    assert said(name, 1e-9) == []


def test_an_efficiency_is_above_0_and_at_most_1():
    assert said("wall_plug_fraction", 0.0) == ["wall_plug_fraction: a value > 0 for wall_plug_fraction"]
    assert said("wall_plug_fraction", 1.1) == ["wall_plug_fraction: a value in [0, 1] for wall_plug_fraction"]
    assert said("wall_plug_fraction", 1.0) == []


@pytest.mark.parametrize(
    "name", ["energy_pj", "settle_ns", "power_mw", "area_mm2", "read_pj_per_bit", "leakage_mw_per_kib", "wire_kohm"]
)
def test_quantities_are_not_negative(name):
    assert said(name, -1e-9) == [f"{name}: a value >= 0 for {name}"]
    assert said(name, 0.0) == []


@pytest.mark.parametrize("name", ["received_dbm", "loss_db", "rin_db_per_hz", "loss_db_per_cm", "offset", "phase_rad"])
def test_logarithms_and_names_without_a_unit_may_be_negative(name):
    assert said(name, -150.0) == []


@given(number=st.floats(allow_nan=True, allow_infinity=True), name=st.sampled_from(["idle_fraction", "offset", "a_db"]))
def test_fractions_lie_between_0_and_1_and_nothing_is_infinite(number, name):
    if not math.isfinite(number):
        assert said(name, number) == [f"{name}: a finite number for {name}"]
    elif name == "idle_fraction":
        assert bool(said(name, number)) == (not 0 <= number <= 1)
    else:
        assert said(name, number) == []


def test_both_ends_of_a_sourced_value_are_looked_at_and_tables_by_their_own_name():
    value = Sourced(value=1.0, low=-1.0, high=2.0, basis="assumed", source="a2020")
    shape = type("Settings", (Shape,), {"__annotations__": {"read_pj": dict[int, Sourced]}})
    (fault,) = impossible(shape(read_pj={1024: value}), DOCUMENT, lambda keys: keys)
    assert (fault.path, fault.value, fault.expected) == ("read_pj.1024.low", "-1.0", "a value >= 0 for read_pj")


@pytest.mark.parametrize(
    ("file", "old", "new", "place"),
    [("hwlib/electronic/grid.yaml", "value: 2.0, low: 1.0", "value: 2.0, low: -3.0",
      "hwlib/electronic/grid.yaml:10: at 'parameters.adc.energy_pj.low' found -3.0, expected a value >= 0"),
     ("hwlib/components/lpddr4.yaml", "value: 100, low: 50", "value: 100, low: 0",
      "hwlib/components/lpddr4.yaml:5: at 'bandwidth_gbps.low' found 0.0, expected a value > 0")],
)  # fmt: skip
def test_the_fault_stands_at_its_line(project, file, old, new, place):
    (project / file).write_text(FILES[file].replace(old, new))
    (project / "spaces" / "s.yaml").write_text(SPACE)
    with pytest.raises(SpecError) as caught:
        load_space("spaces/s.yaml")
    assert str(caught.value.faults[0]).startswith(place)


@pytest.mark.parametrize("name", back_end_names(ROOT))
def test_the_shelf_holds_nothing_impossible(name):
    for station in load_back_end(ROOT, name).stations:
        assert impossible(station.settings, station.document, lambda keys: keys) == []


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [("memristive/isaac", "adc.rate_gsps.value", 0), ("electronic/scalar_core", "clock_ghz", -1.2)],
)
def test_overrides_are_checked_too(name, path, value):
    with pytest.raises(SpecError, match="a value > 0"):
        load_back_end(ROOT, name, {path: value})
