"""What a second-harmonic bench is made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from joulescape.spec.base import Shape
from joulescape.spec.sourced import HigherIsBetter, LowerIsBetter

Interface = Literal["bench", "comb"]


class Departure(Shape):
    """How a device differs from its twin: statistics of what is fixed while it is used, and noise of one exposure."""

    amplitude_fraction: LowerIsBetter
    """Relative standard deviation of the pulse's field in each bin."""
    phase_rad: LowerIsBetter
    """Standard deviation of each bin's phase."""
    phase_walk_rad: LowerIsBetter
    """Standard deviation, at the end of the band, of a random walk of the phase."""
    gamma_error: LowerIsBetter
    """The modulator opens by m^(1 + gamma_error)."""
    crosstalk_bins: LowerIsBetter
    """Standard deviation of the modulator's blur, in bins."""
    read_noise_fraction: LowerIsBetter
    """Standard deviation of one exposure relative to its signal."""
    floor_noise_fraction: LowerIsBetter
    """Standard deviation of one exposure relative to the mean spectrum of a half-open modulator."""


class Way(Shape):
    """One way to drive the crystal and to read it: source, modulator, detection."""

    source_mw: LowerIsBetter
    """Wall-plug power of the pulsed laser."""
    settle_ns: LowerIsBetter
    """Time to load and settle one frame of the modulator."""
    modulator_mw: LowerIsBetter
    symbol_pj: LowerIsBetter
    """Energy of setting one bin, beside modulator_mw."""
    converter_pj: LowerIsBetter
    """Digital-to-analogue conversion of one bin at 8 bits, other widths by rule dac_no_fom; 0 without a converter."""
    path_mm: LowerIsBetter
    """Optical path from the modulator to the detector."""
    exposure_ns: LowerIsBetter
    """Time to expose and read one spectrum."""
    readout_mw: LowerIsBetter
    conversion_pj: LowerIsBetter
    """Analogue-to-digital conversion of one recorded bin, beside readout_mw."""
    apparatus_mw: LowerIsBetter
    """Controllers, cooling, stabilisation."""
    footprint_mm2: LowerIsBetter


class ShgSettings(Shape):
    """A bench with one crystal; the layers of a network pass it one after another."""

    interface: Interface
    """bench: mirror device and spectrometer camera, demonstrated; comb: line modulators and photodiodes, projected."""
    modulator_bits: Annotated[int, Field(ge=1, le=12)]
    """Levels of one modulator bin, 2^bits."""
    averages: Annotated[int, Field(ge=1, le=256)]
    """Exposures averaged for one spectrum: noise falls with the square root, time and energy of reading grow."""
    columns: Annotated[int, Field(ge=2)]
    """Modulator columns: the most bins that can be set."""
    pixels: Annotated[int, Field(ge=1)]
    """Detector pixels: the most bins that can be recorded."""
    departure: Departure
    bench: Way
    comb: Way
    link_pj_per_bit: LowerIsBetter
    """Moving frames and spectra between host and bench."""
    spectrum_bits: Annotated[int, Field(ge=8, le=32)]
    """Width of one recorded bin on the link."""
    twin_flop_pj: HigherIsBetter
    """Digital operation of the twin that `self_simulation_energy_ratio` compares with; no cost rests on it."""
