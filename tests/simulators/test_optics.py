"""Laws and figures of optical links."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape.simulators._optics import (
    Receiver,
    adc_factor,
    amplitude_ratio,
    dac_factor,
    db,
    effective_bits,
    fraction,
    laser_mw,
    path_loss_db,
)
from joulescape.units import dbm_to_mw

DEFAULTS = Receiver(
    responsivity_a_per_w=1.0,
    dark_ma=35e-6,
    load_kohm=0.05,
    temperature_kelvin=300.0,
    rin_db_per_hz=-140.0,
    rate_ghz=5.0,
)
powers_dbm = st.floats(-40.0, 10.0)


@pytest.mark.parametrize(
    ("received_dbm", "bits"),
    [(-30, -0.41), (-25, 1.25), (-20, 2.91), (-15, 4.53), (-10, 6.00), (-5, 6.84), (0, 7.06)],
)
def test_direct_detection_reaches_the_known_bits(received_dbm: float, bits: float) -> None:
    assert effective_bits(DEFAULTS.direct_ratio(dbm_to_mw(received_dbm))) == pytest.approx(bits, abs=0.05)


def test_laser_of_the_lightning_transformer() -> None:
    """6.22 dB, -25 dBm, 4 bits, 10 dB extinction, 20 % wall plug: 1.1772 mW as logged by its simulator."""
    assert laser_mw(6.22, dbm_to_mw(-25), 0.2, 10.0, bits=4) == pytest.approx(1.1772, rel=1e-3)


def test_split_among_detectors_costs_their_number() -> None:
    one = laser_mw(6.0, 0.01, 0.2, 10.0)
    assert laser_mw(6.0, 0.01, 0.2, 10.0, fan_out=16) == pytest.approx(16 * one)
    assert laser_mw(float(path_loss_db([6.0], ways=16)), 0.01, 0.2, 10.0) == pytest.approx(16 * one)


@given(st.lists(st.floats(0.0, 20.0), min_size=1, max_size=8))
def test_losses_in_db_multiply_as_fractions(losses: list[float]) -> None:
    assert fraction(path_loss_db(losses)) == pytest.approx(np.prod([fraction(loss) for loss in losses]), rel=1e-9)


@given(st.floats(1e-6, 1e6))
def test_db_and_fraction_are_inverse(ratio: float) -> None:
    assert fraction(-np.asarray(db(ratio))) == pytest.approx(ratio, rel=1e-9)


@given(st.floats(-3.0, 12.0))
def test_bits_and_ratio_are_inverse(bits: float) -> None:
    assert effective_bits(amplitude_ratio(bits)) == pytest.approx(bits, abs=1e-9)


def test_a_bit_is_six_decibel() -> None:
    assert amplitude_ratio(6.0) / amplitude_ratio(5.0) == pytest.approx(2.0, rel=1e-3)
    assert amplitude_ratio(0.0) == pytest.approx(np.sqrt(1.5), rel=1e-2)


@given(st.floats(0.0, 7.0))
def test_direct_power_inverts_its_bits(bits: float) -> None:
    power = DEFAULTS.direct_received_mw(bits)
    assert effective_bits(DEFAULTS.direct_ratio(power)) == pytest.approx(bits, abs=1e-6)


@given(st.floats(0.0, 6.9), st.floats(0.05, 5.0))
def test_homodyne_power_inverts_its_bits(bits: float, local_mw: float) -> None:
    power = DEFAULTS.homodyne_received_mw(bits, local_mw)
    assert effective_bits(DEFAULTS.homodyne_ratio(power, local_mw)) == pytest.approx(bits, abs=1e-6)


def test_power_of_a_thermal_receiver_doubles_with_each_bit_of_amplitude() -> None:
    """Below the intensity noise the load's noise is constant, so the photocurrent doubles with each bit."""
    weak, strong = DEFAULTS.direct_received_mw(1.0), DEFAULTS.direct_received_mw(2.0)
    assert strong / weak == pytest.approx(2.0, rel=0.02)


def test_homodyne_power_quadruples_with_each_bit() -> None:
    weak, strong = (DEFAULTS.homodyne_received_mw(bits, 1.0) for bits in (1.0, 2.0))
    assert strong / weak == pytest.approx(4.0, rel=0.02)


@pytest.mark.parametrize("bits", [7.2, 8.0, 12.0])
def test_no_power_beats_intensity_noise(bits: float) -> None:
    assert bits > DEFAULTS.ceiling_bits
    with pytest.raises(ValueError, match="ceiling"):
        DEFAULTS.direct_received_mw(bits)
    with pytest.raises(ValueError, match="ceiling"):
        DEFAULTS.homodyne_received_mw(bits, 1.0)


def test_a_faint_local_oscillator_cannot_serve_many_bits() -> None:
    with pytest.raises(ValueError, match="no signal power"):
        DEFAULTS.homodyne_received_mw(7.0, 1e-7)


@given(powers_dbm, powers_dbm)
def test_more_light_never_costs_bits(first: float, second: float) -> None:
    low, high = sorted((first, second))
    assert DEFAULTS.direct_ratio(dbm_to_mw(low)) <= DEFAULTS.direct_ratio(dbm_to_mw(high)) * (1 + 1e-12)


@given(powers_dbm)
def test_bits_stay_below_the_ceiling(received_dbm: float) -> None:
    assert effective_bits(DEFAULTS.direct_ratio(dbm_to_mw(received_dbm))) < DEFAULTS.ceiling_bits
    assert effective_bits(DEFAULTS.homodyne_ratio(dbm_to_mw(received_dbm), 1.0)) < DEFAULTS.ceiling_bits


@given(st.floats(-40.0, -15.0))
def test_a_local_oscillator_lifts_a_weak_signal(received_dbm: float) -> None:
    weak = dbm_to_mw(received_dbm)
    assert DEFAULTS.homodyne_ratio(weak, 1.0) > DEFAULTS.direct_ratio(weak)


def test_a_faster_receiver_is_noisier() -> None:
    fast = Receiver(1.0, 35e-6, 0.05, 300.0, -140.0, 10.0)
    assert fast.direct_ratio(0.01) < DEFAULTS.direct_ratio(0.01)
    assert fast.ceiling_bits == pytest.approx(DEFAULTS.ceiling_bits - 0.5, abs=0.01)


def test_noise_terms_by_hand() -> None:
    """2 q I B = 2 * 1.602e-19 C * 1 mA * 3.5355 GHz = 1.1329e-12 A^2; 4 k T B / R = 1.1715e-12 A^2 at 50 ohm."""
    assert DEFAULTS.bandwidth_ghz == pytest.approx(3.5355, rel=1e-4)
    assert DEFAULTS.shot_ma2(1.0) == pytest.approx(1.1329e-6, rel=1e-3)
    assert DEFAULTS.thermal_ma2() == pytest.approx(1.1715e-6, rel=1e-3)
    assert DEFAULTS.relative_intensity == pytest.approx(3.5355e-5, rel=1e-4)


def test_links_broadcast_over_variants() -> None:
    received = np.array([1e-3, 1e-2, 1e-1])
    together = DEFAULTS.direct_ratio(received)
    assert np.asarray(together) == pytest.approx([DEFAULTS.direct_ratio(float(power)) for power in received])
    losses = np.array([3.0, 10.0])
    assert laser_mw(losses, 0.01, 0.2, 10.0)[1] == pytest.approx(laser_mw(10.0, 0.01, 0.2, 10.0))  # type: ignore[index]


def test_converter_rules_hold_at_the_tested_bits_and_grow() -> None:
    assert dac_factor(8, 8) == pytest.approx(1.0)
    assert dac_factor(4, 8) == pytest.approx((16 / 5) / (256 / 9))
    assert adc_factor(4, 8) == pytest.approx(0.5)
    bits = np.arange(2, 13)
    assert np.all(np.diff(dac_factor(bits, 8)) > 0)
    assert np.all(np.diff(adc_factor(bits, 8)) > 0)
