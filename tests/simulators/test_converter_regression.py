"""Published rows of the crossbar's converter are the survey's regression (andrulis2023), worked out here once more."""

from __future__ import annotations

import math

import pytest
from crossbar_cases import ISAAC, SIMULATOR, SPEC, isaac

from joulescape.simulators.crossbar.converters import conversion_energy

NODE_NM, RATE_HZ = 32.0, 1.2e9


def regression(bits: float, node_nm: float, rate_hz: float) -> tuple[float, float]:
    """Energy of a conversion in pJ and area in um2: the best fifth, respectively tenth, of surveyed converters."""
    sndr_db = 20 * bits * math.log10(2) + 10 * math.log10(1.5)
    schreier_db = min(213.7807 - 2.87190 * math.log(rate_hz), 128.3068 + 3.220512 * math.ceil(bits))
    trend = 26.04962 + 1.880037 * math.log(node_nm) - 2.829126 * math.log(bits) - 1.470202
    energy = math.exp(trend) / (2 * 10 ** ((schreier_db - sndr_db) / 10))
    logs = 1.346192 + 0.993279 * math.log(node_nm) + 0.180715 * math.log(rate_hz) + 0.299124 * math.log(energy)
    return energy, math.exp(logs)


@pytest.mark.parametrize(
    ("point", "energy_pj", "area_um2"),
    [((8, 32, 1.2e9), 1.849, 6313), ((8, 65, 1e8), 6.494, 11860), ((5, 22, 1e9), 0.4629, 2782)],
)
def test_the_regression_gives_the_printed_points(
    point: tuple[float, float, float], energy_pj: float, area_um2: float
) -> None:
    """G4."""
    assert regression(*point) == pytest.approx((energy_pj, area_um2), rel=0.002)


def test_the_published_rows_are_the_regression() -> None:
    rows = [row for row in SPEC.published if row.source == "andrulis2023"]
    assert len(rows) == 6
    for row in rows:
        bits = row.overrides.get("adc.bits", 8)
        energy, area = regression(bits, NODE_NM, RATE_HZ)
        assert row.value == pytest.approx(area / 1e6 if row.what == "adc_area_mm2" else energy, rel=1e-3)


def test_the_high_end_of_the_converter_is_the_regression_at_its_own_bits() -> None:
    assert ISAAC.adc.energy_pj.high == pytest.approx(regression(8, NODE_NM, RATE_HZ)[0], rel=1e-3)


@pytest.mark.parametrize("bits", range(4, 11))
def test_figures_are_what_the_machine_charges(bits: int) -> None:
    settings = isaac(adc__bits=bits)
    figures = SIMULATOR.published(settings)
    assert figures["adc_energy_pj"] == conversion_energy(settings.adc).value
    assert figures["adc_area_mm2"] == pytest.approx(ISAAC.adc.scaling.area_mm2[bits - 4])
    areas = {a.component.name: float(a.area_mm2) for a in SIMULATOR.area(settings)}
    assert areas["adc"] == pytest.approx(168 * 96 * figures["adc_area_mm2"])


def test_up_to_eight_bits_the_table_is_within_a_third_of_the_survey_and_beyond_it_is_not() -> None:
    ratio = [SIMULATOR.published(isaac(adc__bits=b))["adc_energy_pj"] / regression(b, NODE_NM, RATE_HZ)[0]
             for b in range(4, 11)]  # fmt: skip
    assert all(abs(r - 1) < 0.30 for r in ratio[:5])
    assert all(r < 0.4 for r in ratio[5:])


PUMA = {"tiles": 138, "imas_per_tile": 8, "crossbars_per_ima": 16}


def test_puma_by_its_hierarchy_rolls_up_by_hand() -> None:
    """Core 48.16 mW and 0.02623 mm2, tile 40.9 mW and 0.2149 mm2 more, links 10.4 W and 22.88 mm2 (G16)."""
    figures = SIMULATOR.published(isaac(**PUMA))
    assert figures["chip_power_mw"] == pytest.approx(138 * (8 * 48.16 + 40.85) + 10400, rel=1e-3)
    assert figures["chip_area_mm2"] == pytest.approx(138 * (8 * 0.02624 + 0.2149) + 22.88, rel=1e-3)
    assert figures["peak_tops"] == pytest.approx(138 * 8 * 16 * 128 * 16 * 2 / 1600 / 1e3)
    assert pytest.approx(0.837, rel=0.005) == 52.31 / 62.5
    assert pytest.approx(577, rel=0.005) == 52.31e3 / 90.64
