"""Shared photonic devices: link rules, converters, buffers, and what corners do to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from joulescape.simulators._link import Link, Source
from joulescape.simulators._link import Path as Losses
from joulescape.simulators._photonics import KINDS, Converter, Detector, Digital, LinkRule
from joulescape.spec.sourced import Sourced, at_corner
from joulescape.units import dbm_to_mw

SHELF = Path(__file__).parents[2] / "hwlib" / "components"


def part(name: str) -> Any:
    """A part of the shelf as its shape."""
    content = yaml.safe_load((SHELF / f"{name}.yaml").read_text(encoding="utf-8"))
    return KINDS[content["kind"]].model_validate(content["parameters"])


RECEIVER: Detector = part("photonic/receiver_balanced")
LINK = Link(Losses((("all", 6.22),)), Source(0.2, 20.0, 10.0), RECEIVER.receiver(-140.0, 5.0), "balanced")
SUPPLIED = Sourced(value=1.0, low=0.5, high=2.0, basis="assumed", source="joulescape")


def budget(clock_ghz: float = 5.0, **rule: Any) -> Any:
    return LinkRule(**rule).budget(LINK, adc_bits=4, dac_bits=3, clock_ghz=clock_ghz)


def test_a_matched_rule_asks_for_the_bits_of_the_adc() -> None:
    assert budget(rule="matched").bits == pytest.approx(4.0, abs=1e-6)


def test_a_given_rule_states_the_received_power() -> None:
    assert budget(rule="given", received_dbm=-18.0).received_mw == pytest.approx(dbm_to_mw(-18.0))


def test_a_sensitivity_doubles_with_every_bit_of_the_input() -> None:
    assert budget(rule="sensitivity", sensitivity_dbm=-25.0).received_mw == pytest.approx(8 * dbm_to_mw(-25.0))


@pytest.mark.parametrize("clock_ghz", [2.5, 5.0, 10.0])
def test_a_supplied_power_is_what_the_wall_plug_gives_and_follows_the_clock(clock_ghz: float) -> None:
    found = budget(clock_ghz, rule="supplied", supplied_mw=SUPPLIED, supplied_at_ghz=5.0)
    assert found.electrical_mw == pytest.approx(clock_ghz / 5.0)


@pytest.mark.parametrize(("corner", "mw"), [("optimistic", 0.5), ("typical", 1.0), ("pessimistic", 2.0)])
def test_corners_reach_a_supplied_power(corner: Any, mw: float) -> None:
    """It may be absent, and yet its ends are the corners' ends."""
    rule = LinkRule(rule="supplied", supplied_mw=SUPPLIED, supplied_at_ghz=5.0)
    moved = at_corner(rule, corner)
    assert moved.supplied_mw is not None
    assert moved.supplied_mw.value == mw
    assert at_corner(LinkRule(rule="matched"), corner).supplied_mw is None


@pytest.mark.parametrize(
    ("rule", "needs"),
    [("given", "received_dbm"), ("sensitivity", "sensitivity_dbm"), ("supplied", "supplied_mw and supplied_at_ghz")],
)
def test_a_rule_needs_its_number(rule: str, needs: str) -> None:
    with pytest.raises(ValidationError, match=f"the rule {rule} needs {needs}"):
        LinkRule(rule=rule)  # type: ignore[arg-type]


@given(bits=st.integers(2, 11))
def test_a_bit_more_costs_a_dac_almost_twice_and_an_adc_its_share(bits: int) -> None:
    dac: Converter = part("photonic/dac_16nm")
    assert 1.3 < float(dac.dac_pj(bits + 1)) / float(dac.dac_pj(bits)) < 2.0
    adc: Converter = part("photonic/adc_14nm")
    less, more = (adc.model_copy(update={"bits": b}).adc_pj() for b in (bits, bits + 1))
    assert float(more) / float(less) == pytest.approx((bits + 1) / bits)


def test_a_converter_at_its_tested_bits_takes_its_tested_energy() -> None:
    dac, adc = part("photonic/dac_16nm"), part("photonic/adc_14nm")
    assert float(dac.dac_pj(8)) == pytest.approx(50 / 14)
    assert float(adc.model_copy(update={"bits": 8}).adc_pj()) == pytest.approx(1.48)


@given(read=st.floats(0, 1e6), written=st.floats(0, 1e6))
def test_a_buffer_charges_by_the_bit(read: float, written: float) -> None:
    buffer = part("photonic/sram_14nm")
    expected = 8 * (read * buffer.read_pj_per_bit.value + written * buffer.write_pj_per_bit.value)
    assert buffer.transfer_pj(read, written) == pytest.approx(expected)


@pytest.mark.parametrize(("bits", "stored"), [(4.0, 0.5), (8.0, 1.0), (16.0, 2.0), (32.0, 2.0)])
def test_wide_values_are_stored_at_the_width_of_partial_sums(bits: float, stored: float) -> None:
    logic: Digital = part("photonic/digital_14nm")
    assert logic.stored_bytes(bits) == stored


@pytest.mark.parametrize("name", ["photonic/ring_thermal", "photonic/ring_carrier"])
def test_rings_stand_closer_at_the_pessimistic_corner(name: str) -> None:
    def finesse(corner: Any) -> float:
        ring = at_corner(part(name), corner)
        return float(ring.fsr_nm.value / ring.fwhm_nm.value)

    assert finesse("pessimistic") < finesse("typical") < finesse("optimistic")


def test_carriers_move_rings_ten_thousand_times_faster_than_heat() -> None:
    slow, fast = part("photonic/ring_thermal"), part("photonic/ring_carrier")
    assert slow.response_ns.value / fast.response_ns.value == 10000


def test_slow_light_trades_loss_and_extinction_for_energy_and_area() -> None:
    long, short = part("photonic/mzm_electro_optic"), part("photonic/mzm_slow_light")
    assert short.energy_pj.value < long.energy_pj.value
    assert short.area_mm2.value < long.area_mm2.value / 100
    assert short.loss_db.value > long.loss_db.value
    assert short.extinction_db.value < long.extinction_db.value
