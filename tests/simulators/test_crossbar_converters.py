"""Converters by kind: printed points of the survey (G4), scaling laws, time of a read, what each kind asks for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from crossbar_cases import ISAAC, SIMULATOR, cost, dense, isaac, part
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from joulescape.simulators.crossbar.converters import (
    Adc,
    Dac,
    conversion_energy,
    conversion_ns,
    converter_area,
    converter_power,
    driver_growth,
    survey_area_mm2,
    survey_energy_pj,
)
from joulescape.simulators.crossbar.rules import columns_per_converter, step_ns
from joulescape.spec.sourced import CORNERS, at_corner
from joulescape.testing.simulators import check_simulator


def known(value: float, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "basis": "derived", "source": "joulescape", "where": "a test"}


TWO_TERM = {"linear_pj": known(0.1), "matched_pj": known(1e-6), "supply_v": known(1.0)}
RAMP = {
    "clock_ghz": known(1.0), "comparator_mw": known(0.01), "count_pj": known(0.02), "generator_mw": known(0.5),
    "generator_mm2": known(1e-4),
}  # fmt: skip
BLOCKS = {"survey": {"node_nm": 32}, "two_term": TWO_TERM, "ramp": RAMP}
MODELS = ["table", "survey", "two_term", "sar", "flash", "ramp", "linear"]


def adc(model: str, bits: int = 8, **changes: Any) -> Adc:
    """ISAAC's converter as another kind."""
    blocks = {model: BLOCKS[model]} if model in BLOCKS else {}
    return Adc.model_validate({**ISAAC.adc.model_dump(), "model": model, "bits": bits, **blocks, **changes})


def machine(model: str, bits: int = 8, **changes: Any) -> Any:
    return isaac(adc=adc(model, bits, **changes).model_dump())


def pj(model: str, bits: int, **changes: Any) -> float:
    return float(conversion_energy(adc(model, bits, **changes)).value)


@pytest.mark.parametrize(
    ("bits", "node_nm", "rate_gsps", "energy_pj", "area_um2"),
    [(8, 32, 1.2, 1.849, 6313), (8, 65, 0.1, 6.494, 11860), (5, 22, 1.0, 0.4629, 2782), (12, 32, 0.1, 29.06, 9185)],
)
def test_surveyed_converters_are_the_printed_points(
    bits: int, node_nm: int, rate_gsps: float, energy_pj: float, area_um2: float
) -> None:
    """G4."""
    found = adc("survey", bits, survey={"node_nm": node_nm}, rate_gsps=known(rate_gsps))
    assert conversion_energy(found).value == pytest.approx(energy_pj, rel=0.002)
    assert converter_area(found).value * 1e6 == pytest.approx(area_um2, rel=0.002)
    assert conversion_energy(found).source.startswith("andrulis2023")
    energy = survey_energy_pj(bits, node_nm, rate_gsps)
    assert float(survey_area_mm2(energy, node_nm, rate_gsps)) * 1e6 == pytest.approx(area_um2, rel=0.002)


def test_a_design_scales_the_survey_and_rests_on_its_scale() -> None:
    scale = {"value": 0.4, "low": 0.3, "high": 0.5, "basis": "assumed", "source": "cimloop2024", "where": "ISAAC"}
    block = {"node_nm": 32, "energy_scale": scale, "area_scale": scale}
    plain, scaled = adc("survey"), adc("survey", survey=block)
    assert conversion_energy(scaled).value == pytest.approx(0.4 * conversion_energy(plain).value)
    assert converter_area(scaled).value == pytest.approx(0.4 * converter_area(plain).value)
    assert (conversion_energy(plain).basis, conversion_energy(scaled).basis) == ("derived", "assumed")


@pytest.mark.parametrize(("bits", "expected"), [(8, 0.866), (12, 17.98)])
def test_two_terms_are_the_computed_points(bits: int, expected: float) -> None:
    assert pj("two_term", bits) == pytest.approx(expected, rel=0.001)
    assert pj("two_term", bits, two_term={**TWO_TERM, "supply_v": known(2.0)}) == pytest.approx(
        4 * pj("two_term", bits)
    )


@pytest.mark.parametrize("model", ["sar", "flash", "linear"])
def test_scaled_kinds_hold_their_table_row(model: str) -> None:
    row, found = ISAAC.adc.table, adc(model)
    assert row is not None
    assert conversion_energy(found).value == pytest.approx(1.667)
    assert converter_power(found).value == pytest.approx(row.power_mw.value / 8)
    assert converter_area(found).value == pytest.approx(row.area_mm2.value / 8)
    assert conversion_ns(found) == pytest.approx(1 / 1.28)


LAWS: dict[str, tuple[float, float, float, float]] = {
    "sar": (0.5, 1.0, 0.5, 0.5),
    "flash": (15 / 255, 15 / 255, 15 / 255, 1.0),
    "linear": (0.25, 0.5, 1.0, 0.5),
}
"""Energy, power, area and time at 4 bits over those at 8."""


@pytest.mark.parametrize("model", sorted(LAWS))
def test_half_the_bits_follow_the_law_of_the_kind(model: str) -> None:
    def all_of(bits: int) -> np.ndarray[Any, Any]:
        one = adc(model, bits)
        laws = (conversion_energy, converter_power, converter_area)
        return np.array([*(float(law(one).value) for law in laws), conversion_ns(one)])

    assert all_of(4) / all_of(8) == pytest.approx(LAWS[model])


@given(st.sampled_from(MODELS), st.integers(4, 9))
def test_more_bits_never_cost_less_and_power_is_energy_over_time(model: str, bits: int) -> None:
    less, more = adc(model, bits), adc(model, bits + 1)
    for law in (conversion_energy, converter_area):
        assert law(less).value <= law(more).value * (1 + 1e-12)
    assert conversion_ns(less) <= conversion_ns(more)
    if model in BLOCKS:
        assert converter_power(less).value * conversion_ns(less) == pytest.approx(conversion_energy(less).value)


def test_a_ramp_lasts_two_to_the_bits_of_its_clocks() -> None:
    assert [conversion_ns(adc("ramp", bits)) for bits in (4, 6, 8)] == [16, 64, 256]
    assert pj("ramp", 6) == pytest.approx(64 * (0.01 + 0.02 / 2))


def test_time_of_a_read_follows_the_kind() -> None:
    """One converter for 128 columns of ISAAC: 128 slots of one clock, of b clocks, or of 2^b."""
    assert float(step_ns(machine("flash", 4))) == pytest.approx(100)
    assert float(step_ns(machine("sar", 10))) == pytest.approx(128 * 10 / 8 / 1.28)
    assert float(step_ns(machine("linear", 16))) == pytest.approx(200)  # 12.5 ns a bit (ankit2019)
    assert float(step_ns(machine("ramp", 6))) == pytest.approx(128 * 64)
    assert float(step_ns(machine("ramp", 6, per_crossbar=128))) == 100
    assert float(step_ns(machine("ramp", 8, per_crossbar=128))) == 256
    assert str(cost(dense(128, 16), machine("ramp", 8, per_crossbar=128)).bound_by) == "adc"


def test_columns_are_shared_out_whole() -> None:
    assert [int(columns_per_converter(isaac(adc__per_crossbar=n))) for n in (1, 3, 128, 200)] == [128, 43, 1, 1]
    swept = ISAAC.model_copy(update={"adc": ISAAC.adc.model_copy(update={"per_crossbar": np.array([1, 3])})})
    assert np.asarray(columns_per_converter(swept)).tolist() == [128, 43]


def test_an_array_has_one_ramp_for_all_of_its_converters() -> None:
    """A layer of 16 columns used still drives a whole ramp a read: 8 reads of 64 ns at 0.5 mW."""
    settings = machine("ramp", 6, per_crossbar=128)
    found = cost(dense(128, 4), settings)
    assert part(found, "ramp_generator") == pytest.approx(8 * 64 * 0.5)
    assert part(found, "adc") == pytest.approx(8 * 17 * pj("ramp", 6))
    areas = {a.component.name: float(a.area_mm2) for a in SIMULATOR.area(settings)}
    assert areas["ramp_generator"] == pytest.approx(168 * 96 * 1e-4)
    assert "ramp_generator" not in {e.component.name for e in cost(dense(128, 4)).energies}


@pytest.mark.parametrize("model", [m for m in MODELS if m != "table"])
def test_machines_with_each_kind_obey_the_laws(model: str) -> None:
    check_simulator(SIMULATOR, machine(model), bits=(4.0, 8.0))
    assert SIMULATOR.published(machine(model))["adc_conversion_ns"] == pytest.approx(conversion_ns(adc(model)))


def test_corners_move_every_constant_of_a_kind() -> None:
    wide = {**TWO_TERM, "linear_pj": known(0.1, 0.05, 0.2)}
    ends = [at_corner(adc("two_term", two_term=wide), corner) for corner in CORNERS]
    assert [float(conversion_energy(end).value) for end in ends] == pytest.approx([0.4655, 0.8655, 1.6655], rel=1e-3)


@pytest.mark.parametrize(
    ("model", "bits", "changes", "said"),
    [
        ("table", 0, {}, "greater than or equal to 1"),
        ("table", 12, {}, "needs another adc.model"),
        ("survey", 3, {}, "from 4 bits on; bits is 3"),
        ("survey", 8, {"rate_gsps": known(12.0)}, "up to 10 GS/s; rate_gsps reaches 12"),
        ("survey", 8, {"rate_gsps": known(8.0, 5.0, 11.0)}, "reaches 11"),
        ("survey", 8, {"survey": None}, r"survey needs the block adc.survey of node_nm, \[energy_scale\], \[area"),
        ("ramp", 8, {"ramp": None}, "model ramp needs the block adc.ramp of clock_ghz, comparator_mw, "),
        ("two_term", 8, {"two_term": None}, "model two_term needs the block adc.two_term of linear_pj, "),
        ("sar", 8, {"energy_pj": None}, "model sar needs adc.energy_pj "),
        (
            "linear",
            8,
            {"table": None, "table_bits": None},
            "adc.table_bits and the block adc.table of count, power_mw, ",
        ),
        ("table", 8, {"scaling": None}, "model table needs the block adc.scaling of bits, energy_pj, "),
    ],
)
def test_what_a_kind_cannot_be_is_refused_by_name(model: str, bits: int, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        adc(model, bits, **changes)


@pytest.mark.parametrize(
    ("model", "growths"),
    [("ladder", [1, 3, 7, 15]), ("current_steering", [1, 4 / 3, 2, 16 / 5]), ("capacitive", [1, 2, 3, 4])],
)
def test_drivers_grow_by_their_rule(model: str, growths: list[float]) -> None:
    found = [Dac(bits=bits, table=ISAAC.dac.table, model=model) for bits in (1, 2, 3, 4)]  # type: ignore[arg-type]
    assert [float(driver_growth(dac)) for dac in found] == pytest.approx(growths)
    spent = [part(cost(dense(128, 16), isaac(dac__bits=b, dac__model=model)), "dac") for b in (1, 2)]
    assert spent[1] == pytest.approx(spent[0] / 2 * growths[1])  # half of the reads
