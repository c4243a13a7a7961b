"""Devices that photonic machines are made of, as settings: what `hwlib/components/photonic` holds.

Where the literature has conservative, moderate and aggressive columns, the moderate one is the value and the others are
its ends, so that the pessimistic and the optimistic corner take them.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from joulescape.simulators._link import MOST_LINE_MW, Budget, Link, Source
from joulescape.simulators._optics import Receiver, adc_factor, dac_factor
from joulescape.simulators.base import Quantity
from joulescape.spec.base import Shape
from joulescape.spec.sourced import Better, HigherIsBetter, LowerIsBetter, Sourced
from joulescape.units import BITS_PER_BYTE, dbm_to_mw

BYTES_PER_KIB = 1024


class PhaseShifter(Shape):
    """One kind of phase shifter."""

    loss_db: LowerIsBetter
    pi_power_mw: LowerIsBetter
    """Power that holds a phase of pi."""
    response_ns: LowerIsBetter
    switch_pj: LowerIsBetter
    """Energy of one new phase, beside the power that holds it."""
    crosstalk_fraction: LowerIsBetter
    """Phase that a neighbour one pitch away takes of this one's, through heat."""
    length_um: LowerIsBetter
    width_um: LowerIsBetter


class Modulator(Shape):
    """A modulator: Mach-Zehnder, microring or microdisk; biased at its null it sets a signed field."""

    loss_db: LowerIsBetter
    extinction_db: HigherIsBetter
    energy_pj: LowerIsBetter
    """Per symbol."""
    static_mw: LowerIsBetter
    """What keeps it at its working point: bias of an interferometer, thermal lock of a ring."""
    area_mm2: LowerIsBetter


class Coupler(Shape):
    """The 2x2 coupler: two of them make one interferometer."""

    loss_db: LowerIsBetter
    sigma_rad: LowerIsBetter
    """Static error of the splitting angle around pi/4 (standard deviation)."""
    length_um: LowerIsBetter
    width_um: LowerIsBetter


class Waveguide(Shape):
    """Straight waveguide between devices."""

    loss_db_per_cm: LowerIsBetter
    group_index: LowerIsBetter


class Ring(Shape):
    """An add-drop microring: its resonance, what a pass costs, and the tuner that sets a weight by detuning it."""

    fsr_nm: HigherIsBetter
    """Free spectral range: all channels of a bank lie inside."""
    fwhm_nm: LowerIsBetter
    drop_loss_db: LowerIsBetter
    through_loss_db: LowerIsBetter
    """Of one ring passed off resonance."""
    tune_mw: LowerIsBetter
    """Mean power that holds a weight."""
    lock_mw: LowerIsBetter
    """Mean power that holds the ring against fabrication and temperature."""
    response_ns: LowerIsBetter
    switch_pj: LowerIsBetter
    """Energy of one new weight, beside the power that holds it."""
    sigma_fwhm: LowerIsBetter
    """Error of a set resonance in linewidths (standard deviation), after the control loop."""
    drift_fwhm: LowerIsBetter
    """Common drift of a bank's resonances in linewidths (standard deviation over devices)."""
    area_mm2: LowerIsBetter


class Router(Shape):
    """A ring that routes one wavelength: switched in or out, held on resonance."""

    loss_db: LowerIsBetter
    static_mw: LowerIsBetter
    area_mm2: LowerIsBetter


class Amplifier(Shape):
    """A semiconductor optical amplifier, shared by the channels of a bus."""

    gain_db: HigherIsBetter
    noise_figure_db: LowerIsBetter
    drive_mw: LowerIsBetter
    area_mm2: LowerIsBetter


class Comparator(Shape):
    """A clocked comparator: one decision, the sign of what was received."""

    energy_pj: LowerIsBetter
    area_mm2: LowerIsBetter


class Cell(Shape):
    """A memristor that holds a weight as the voltage of a divider."""

    bits: Annotated[int, Field(ge=1, le=8)]
    """Bits of one cell; a weight takes as many cells as its bits need."""
    read_pj: LowerIsBetter
    hold_mw: LowerIsBetter
    """Of one cell while its voltage sets a ring."""
    write_pj: LowerIsBetter
    write_ns: LowerIsBetter
    programming_sigma_fraction: LowerIsBetter
    """Error of a written conductance as a fraction of its range (standard deviation)."""
    endurance_writes: HigherIsBetter
    area_mm2: LowerIsBetter


class Laser(Shape):
    """The laser line of one channel."""

    wall_plug_fraction: HigherIsBetter
    coupling_loss_db: LowerIsBetter
    max_mw: HigherIsBetter
    """Highest optical power of one line."""
    rin_db_per_hz: LowerIsBetter
    area_mm2: LowerIsBetter

    def source(self, extinction_db: float) -> Source:
        """One line behind a modulator; no line is to be had above the high end of `max_mw`."""
        high = self.max_mw.high
        return Source(
            self.wall_plug_fraction.value, self.max_mw.value, extinction_db, MOST_LINE_MW if high is None else high
        )


class Detector(Shape):
    """Balanced photodiodes with their amplifier, one pair an output."""

    responsivity_a_per_w: HigherIsBetter
    dark_ma: LowerIsBetter
    load_kohm: HigherIsBetter
    temperature_kelvin: LowerIsBetter
    diode_mw: LowerIsBetter
    amplifier_mw: LowerIsBetter
    area_mm2: LowerIsBetter
    """Both photodiodes and the amplifier."""

    def receiver(self, rin_db_per_hz: float, rate_ghz: float) -> Receiver:
        """As the link's noise sees it at a sampling rate."""
        return Receiver(
            responsivity_a_per_w=self.responsivity_a_per_w.value,
            dark_ma=self.dark_ma.value,
            load_kohm=self.load_kohm.value,
            temperature_kelvin=self.temperature_kelvin.value,
            rin_db_per_hz=rin_db_per_hz,
            rate_ghz=rate_ghz,
        )


class Converter(Shape):
    """A DAC or ADC: its bits here, and the tested converter that its rule scales from."""

    bits: Annotated[int, Field(ge=2, le=16)]
    power_mw: LowerIsBetter
    """Of the tested converter."""
    tested_bits: Annotated[int, Field(ge=1)]
    tested_ghz: Annotated[float, Field(gt=0)]
    area_mm2: LowerIsBetter

    def dac_pj(self, bits: Quantity) -> Quantity:
        """Energy per conversion of a DAC: tested power / tested rate, scaled in bits by `dac_no_fom`."""
        return self.power_mw.value / self.tested_ghz * dac_factor(bits, self.tested_bits)

    def adc_pj(self) -> Quantity:
        """Energy per conversion of an ADC: tested power / tested rate, scaled in bits by `adc_sar`."""
        return self.power_mw.value / self.tested_ghz * adc_factor(self.bits, self.tested_bits)


class Buffer(Shape):
    """SRAM of the chip."""

    kib: Annotated[int, Field(ge=1)]
    read_pj_per_bit: LowerIsBetter
    write_pj_per_bit: LowerIsBetter
    leakage_mw_per_kib: LowerIsBetter
    area_mm2_per_kib: LowerIsBetter

    def transfer_pj(self, read_bytes: Quantity, write_bytes: Quantity) -> Quantity:
        """Energy of moving so many bytes."""
        energy = read_bytes * self.read_pj_per_bit.value + write_bytes * self.write_pj_per_bit.value
        return BITS_PER_BYTE * energy


class Digital(Shape):
    """Logic beside the light: scales and adds what was converted, updates weights."""

    add_pj: LowerIsBetter
    multiply_pj: LowerIsBetter
    """One converted value times the gain of its row and tile, whose full scale is its own."""
    flop_pj: LowerIsBetter
    flops_per_ns: HigherIsBetter
    partial_sum_bits: Annotated[int, Field(ge=8, le=32)]
    area_mm2: LowerIsBetter

    def summing_pj(self, converted: Quantity, added: Quantity) -> Quantity:
        """Energy of the gain of each converted value and of the additions of partial sums."""
        return converted * self.multiply_pj.value + added * self.add_pj.value

    def stored_bytes(self, bits: float) -> float:
        """Bytes of one stored value: values wider than a partial sum are held at its width."""
        return min(bits, self.partial_sum_bits) / BITS_PER_BYTE


LinkRuleName = Literal["matched", "given", "sensitivity", "supplied"]


class LinkRule(Shape):
    """What sets the light of one channel at one detector.

    `matched` asks for the ADC's bits as effective bits; `given` states the received power; `sensitivity` takes the
    detector's sensitivity times 2^b (yin2025); `supplied` states the electrical power of one endpoint.
    """

    rule: LinkRuleName
    received_dbm: Annotated[float | None, Field(ge=-60, le=20)] = None
    sensitivity_dbm: Annotated[float | None, Field(ge=-60, le=20)] = None
    supplied_mw: Annotated[Sourced | None, Better("low")] = None
    """At the clock `supplied_at_ghz`; it follows the clock."""
    supplied_at_ghz: Annotated[float | None, Field(gt=0)] = None

    @model_validator(mode="after")
    def _has_its_number(self) -> Self:
        asked = {"given": ("received_dbm",), "sensitivity": ("sensitivity_dbm",)}
        needs = {**asked, "supplied": ("supplied_mw", "supplied_at_ghz")}.get(self.rule, ())
        missing = [name for name in needs if getattr(self, name) is None]
        if missing:
            raise ValueError(f"the rule {self.rule} needs {' and '.join(missing)}")
        return self

    def budget(self, link: Link, adc_bits: int, dac_bits: int, clock_ghz: float) -> Budget:
        """The link under this rule."""
        if self.rule == "supplied" and self.supplied_mw is not None and self.supplied_at_ghz is not None:
            line = self.supplied_mw.value * clock_ghz / self.supplied_at_ghz * link.source.wall_plug_fraction
            return link.given(line / link.line_mw(1.0))
        if self.rule == "given" and self.received_dbm is not None:
            return link.given(dbm_to_mw(self.received_dbm))
        if self.rule == "sensitivity" and self.sensitivity_dbm is not None:
            return link.given(dbm_to_mw(self.sensitivity_dbm) * 2**dac_bits)
        return link.matched(adc_bits)


KINDS: dict[str, type[Shape]] = {
    "phase_shifter": PhaseShifter,
    "modulator": Modulator,
    "coupler": Coupler,
    "waveguide": Waveguide,
    "ring": Ring,
    "router": Router,
    "amplifier": Amplifier,
    "comparator": Comparator,
    "memristor_cell": Cell,
    "laser": Laser,
    "detector": Detector,
    "converter": Converter,
    "buffer": Buffer,
    "digital": Digital,
}
"""Shape of a part's parameters by its kind."""
