"""One coherent unit system."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape import units
from joulescape.tables import METRICS


@pytest.mark.parametrize(
    ("foreign", "house"),
    [
        ("inference_energy_nj", "inference_energy_pj"),
        ("latency_us", "latency_ns"),
        ("power_w", "power_mw"),
        ("clock_mhz", "clock_ghz"),
        ("area_um2", "area_mm2"),
        ("density_percent", "density_fraction"),
    ],
)
def test_a_foreign_suffix_leads_to_the_house_name(foreign: str, house: str) -> None:
    assert units.house_name(foreign) == house


@pytest.mark.parametrize("name", ["inference_energy_pj", "rows", "area_mm2", "accuracy_fraction"])
def test_a_house_name_needs_no_other(name: str) -> None:
    assert units.house_name(name) is None


def test_every_foreign_suffix_leads_to_a_house_suffix() -> None:
    assert set(units.FOREIGN_SUFFIXES.values()) <= set(units.SUFFIXES)
    assert not set(units.FOREIGN_SUFFIXES) & set(units.SUFFIXES)


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_ends_with_a_house_suffix(metric: str) -> None:
    assert any(f"_{metric}".endswith(f"_{suffix}") for suffix in units.SUFFIXES)


@given(st.floats(-60, 30))
def test_dbm_is_ten_times_the_decimal_logarithm(dbm: float) -> None:
    assert 10 * math.log10(units.dbm_to_mw(dbm)) == pytest.approx(dbm, abs=1e-9)


@given(st.floats(0, 60), st.floats(0, 60))
def test_losses_in_db_add(first: float, second: float) -> None:
    product = units.db_to_fraction(first) * units.db_to_fraction(second)
    assert units.db_to_fraction(first + second) == pytest.approx(product)


def test_constants_are_the_si_ones_in_house_units() -> None:
    assert pytest.approx(1.380649e-23 * 1e12) == units.BOLTZMANN_PJ_PER_KELVIN
    assert pytest.approx(1.602176634e-19 * 1e12) == units.ELEMENTARY_CHARGE_PC
    assert pytest.approx(2.99792458e8 * 1e3 / 1e9) == units.SPEED_OF_LIGHT_MM_PER_NS
