"""What the `parameters` of a sensor that convolves before it converts say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from joulescape.spec.base import Shape
from joulescape.spec.sourced import LowerIsBetter

Positive = Annotated[int, Field(ge=1)]
Bits = Annotated[int, Field(ge=1, le=12)]

Depth = Literal["first", "chain"]
"""How far the analog part goes: the convolution that reads the image; or every convolution, rectifier and maximum,
which then must follow one another."""


class MacSettings(Shape):
    """A multiply-accumulate by charge: noise power is kT/C, so energy of the capacitor goes with the signal-to-noise
    ratio, ten times for 10 dB (twice for 3 dB); the rest does not."""

    pj: LowerIsBetter
    """Of capacitors and amplifiers at `at_db`."""
    at_db: Annotated[float, Field(gt=0)]
    fixed_pj: LowerIsBetter
    """Switches and clocks."""


class ConverterSettings(Shape):
    """Successive approximation: a capacitor array that doubles with every bit."""

    bits: Bits
    """Where values leave the analog domain."""
    raw_bits: Bits
    """Of a plain image sensor."""
    pj: LowerIsBetter
    """One conversion and its readout at `raw_bits`."""
    out_pj_per_bit: LowerIsBetter
    """From the converter to the host."""


class KernelSettings(Shape):
    """The digital memory that weights come from; each row of pixels reads all kernels once."""

    bytes: Positive
    read_pj_per_bit: LowerIsBetter
    write_pj_per_bit: LowerIsBetter
    leakage_mw_per_kib: LowerIsBetter
    area_mm2_per_kib: LowerIsBetter


class HeldSettings(Shape):
    """Capacitors that hold values between two layers; those of the image stay in the pixels, and what leaves is
    converted as it comes."""

    values: Positive
    read_pj: LowerIsBetter
    """A value driven onto its columns once more, at the MAC's `at_db`; scales as it does."""
    area_mm2: LowerIsBetter
    """Of one: capacitor and switches."""


class AnalogSensorSettings(Shape):
    """Analog modules below the pixel columns, a converter behind them."""

    depth: Depth
    snr_db: Annotated[float, Field(ge=10, le=90)]
    """Admitted for every sum."""
    weight_bits: Bits
    columns: Positive
    macs_per_column: Positive
    clock_ghz: Annotated[float, Field(gt=0)]
    raw_readout: bool = False
    """True: the image is converted whole as in a plain sensor as well, to see what that costs."""
    mac: MacSettings
    memory_pj: LowerIsBetter
    """An analog value written to a capacitor and read again, at the MAC's `at_db`; scales as it does."""
    compare_pj: LowerIsBetter
    """One comparison (rectifier, maximum)."""
    converter: ConverterSettings
    kernels: KernelSettings
    held: HeldSettings
    column_mm2: LowerIsBetter
    control_mw: LowerIsBetter
