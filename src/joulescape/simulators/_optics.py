"""Optical links: path loss, laser power, detector noise and the effective bits that it leaves.

Powers in mW, currents in mA, rates in GHz, so that 2 q I B and 4 k T B / R come out in mA^2 without factors.
Every function broadcasts over variants.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from joulescape.simulators.base import Quantity
from joulescape.units import BOLTZMANN_PJ_PER_KELVIN, ELEMENTARY_CHARGE_PC

HZ_PER_GHZ = 1e9
"""Relative intensity noise is quoted per Hz, bandwidths are in GHz."""

SINE_DB = 1.76
DB_PER_BIT = 6.02
"""An ideal converter of b bits has a signal-to-noise ratio of 6.02 b + 1.76 dB for a full-scale sine."""


def db(ratio: Quantity) -> Quantity:
    """A power ratio in dB."""
    return 10.0 * np.log10(ratio)


def fraction(loss_db: Quantity) -> Quantity:
    """Transmitted power fraction of a loss in dB."""
    return 10.0 ** (-np.asarray(loss_db, dtype=float) / 10.0)


SLACK = 1e-9
"""Share by which a remedy is moved before it is rounded, so that arithmetic does not undo it."""


def at_least(value: float, step: float) -> float:
    """The smallest multiple of `step` not below `value`: a remedy that is read off a message must do."""
    return math.ceil((value + abs(value) * SLACK) / step) * step


def at_most(value: float, step: float) -> float:
    """The largest multiple of `step` not above `value`."""
    return -at_least(-value, step)


def significant(value: float, digits: int) -> float:
    """The step of a number's last digit of `digits`: 0.01 of 4.567 at three."""
    return float(10.0 ** (math.floor(math.log10(abs(value))) - digits + 1))


def path_loss_db(losses_db: Iterable[Quantity], ways: Quantity = 1) -> Quantity:
    """Loss of one path: losses in dB add, and an even split into `ways` costs 10 log10(ways)."""
    return sum(losses_db, start=np.float64(0.0)) + db(ways)


def laser_mw(
    loss_db: Quantity,
    received_mw: Quantity,
    wall_plug_fraction: Quantity,
    extinction_db: Quantity,
    bits: Quantity = 0,
    fan_out: Quantity = 1,
) -> Quantity:
    """Electrical power of a laser that delivers `received_mw` to each of `fan_out` detectors behind `loss_db`.

    P = received * 10^(IL/10) * F / eta * 2^b / (1 - 10^(-ER/10)) (yin2025). `bits` is the resolution that the
    receiver's sensitivity does not yet contain; it is 0 when `received_mw` was found from the noise at the asked bits.
    """
    optical = received_mw * fan_out / fraction(loss_db) / (1.0 - fraction(extinction_db))
    return optical / wall_plug_fraction * 2.0**bits


@dataclass(frozen=True)
class Receiver:
    """A photodiode with its load, sampled at `rate_ghz`; the noise bandwidth is B = rate / sqrt(2).

    Direct detection: i = R P, sigma^2 = 2 q (i + I_d) B + 4 k T B / R_L + i^2 RIN B. Balanced homodyne detection
    against a local oscillator: i = 2 R sqrt(P P_lo), sigma^2 = 2 q (R (P + P_lo) + 2 I_d) B + 2 * 4 k T B / R_L
    + i^2 RIN B: it keeps the field's sign and lifts a weak signal over the load's noise. After alqadasi2022.
    """

    responsivity_a_per_w: Quantity
    dark_ma: Quantity
    load_kohm: Quantity
    temperature_kelvin: Quantity
    rin_db_per_hz: Quantity
    rate_ghz: Quantity

    @property
    def bandwidth_ghz(self) -> Quantity:
        """Noise bandwidth: rate / sqrt(2)."""
        return np.divide(self.rate_ghz, np.sqrt(2.0))

    @property
    def relative_intensity(self) -> Quantity:
        """Variance of the laser's intensity in the bandwidth, relative to the signal's square."""
        per_hz: Quantity = 10.0 ** (np.asarray(self.rin_db_per_hz, dtype=float) / 10.0)
        return per_hz * HZ_PER_GHZ * self.bandwidth_ghz

    def shot_ma2(self, current_ma: Quantity) -> Quantity:
        """Shot noise variance 2 q I B."""
        return 2.0 * ELEMENTARY_CHARGE_PC * current_ma * self.bandwidth_ghz

    def thermal_ma2(self) -> Quantity:
        """Johnson noise variance of one load, 4 k T B / R_L."""
        return 4.0 * BOLTZMANN_PJ_PER_KELVIN * self.temperature_kelvin * self.bandwidth_ghz / self.load_kohm

    def direct_ratio(self, received_mw: Quantity) -> Quantity:
        """Full-scale current over noise current (an amplitude ratio) in direct detection."""
        current = self.responsivity_a_per_w * received_mw
        noise = self.shot_ma2(current + self.dark_ma) + self.thermal_ma2() + current**2 * self.relative_intensity
        return current / np.sqrt(noise)

    def homodyne_ratio(self, received_mw: Quantity, local_mw: Quantity) -> Quantity:
        """Full-scale current over noise current (an amplitude ratio) in balanced homodyne detection."""
        current2 = 4.0 * self.responsivity_a_per_w**2 * received_mw * local_mw
        shot = self.shot_ma2(self.responsivity_a_per_w * (received_mw + local_mw) + 2.0 * self.dark_ma)
        return np.sqrt(current2 / (shot + 2.0 * self.thermal_ma2() + current2 * self.relative_intensity))

    def direct_received_mw(self, bits: Quantity) -> Quantity:
        """Power that direct detection needs for `bits`: inverts `direct_ratio`; ValueError above `ceiling_bits`."""
        slack = self._slack(bits)
        half = self.shot_ma2(1.0) / 2.0
        floor = self.shot_ma2(self.dark_ma) + self.thermal_ma2()
        return (half + np.sqrt(half**2 + slack * floor)) / slack / self.responsivity_a_per_w

    def homodyne_received_mw(self, bits: Quantity, local_mw: Quantity) -> Quantity:
        """Signal power that homodyne detection needs for `bits`. Raises ValueError above its ceiling."""
        floor = self.shot_ma2(self.responsivity_a_per_w * local_mw + 2.0 * self.dark_ma) + 2.0 * self.thermal_ma2()
        gain = 4.0 * self.responsivity_a_per_w**2 * local_mw * self._slack(bits)
        gain = gain - self.shot_ma2(self.responsivity_a_per_w)
        if np.any(np.asarray(gain) <= 0):
            raise ValueError(f"no signal power reaches {bits} bits at a local oscillator of {local_mw} mW")
        return floor / gain

    @property
    def ceiling_bits(self) -> Quantity:
        """Effective bits that no power exceeds, because intensity noise grows with the signal."""
        return effective_bits(1.0 / np.sqrt(self.relative_intensity))

    def _slack(self, bits: Quantity) -> Quantity:
        slack = 1.0 / amplitude_ratio(bits) ** 2 - self.relative_intensity
        if np.any(np.asarray(slack) <= 0):
            raise ValueError(f"{bits} bits lie above the ceiling of {self.ceiling_bits} bits that intensity noise sets")
        return slack


def effective_bits(ratio: Quantity) -> Quantity:
    """Effective number of bits of an amplitude ratio: (20 log10(ratio) - 1.76) / 6.02."""
    return (20.0 * np.log10(ratio) - SINE_DB) / DB_PER_BIT


def amplitude_ratio(bits: Quantity) -> Quantity:
    """Amplitude ratio of so many effective bits: the inverse of `effective_bits`."""
    ratio: Quantity = 10.0 ** ((DB_PER_BIT * np.asarray(bits, dtype=float) + SINE_DB) / 20.0)
    return ratio


def dac_factor(bits: Quantity, tested_bits: Quantity) -> Quantity:
    """Energy per conversion against the tested DAC, rule `dac_no_fom` (yin2025): [2^b/(b+1)] / [2^b0/(b0+1)]."""
    tested = np.asarray(tested_bits, dtype=float)
    factor: Quantity = 2.0 ** (np.asarray(bits, dtype=float) - tested) * (tested + 1.0) / (np.asarray(bits) + 1.0)
    return factor


def adc_factor(bits: Quantity, tested_bits: Quantity) -> Quantity:
    """Energy per conversion against the tested ADC, rule `adc_sar` (yin2025): b / b0."""
    return np.asarray(bits, dtype=float) / tested_bits
