"""What a back end of coherent interferometer meshes is made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from joulescape.spec.base import Shape
from joulescape.spec.sourced import HigherIsBetter, LowerIsBetter

Scheme = Literal["clements", "reck"]
ShifterKind = Literal["thermo_optic", "mems", "ito"]
Convention = Literal["single_arm", "push_pull"]


class Mesh(Shape):
    """Meshes of size x size for the singular value decomposition U S V: two unitaries and a column of attenuators."""

    size: Annotated[int, Field(ge=2, le=128)]
    """Inputs and outputs of one mesh."""
    count: Annotated[int, Field(ge=1)]
    """How many meshes work side by side, each with its own converters and lasers."""
    scheme: Scheme
    """How a unitary is laid out: clements (rectangular, depth N) or reck (triangular, depth 2N-3)."""
    is_bidirectional: bool
    """Whether both sides have modulators and receivers, so that light sent backwards multiplies by the transpose."""


class ShifterDevice(Shape):
    """One kind of phase shifter."""

    loss_db: LowerIsBetter
    pi_power_mw: LowerIsBetter
    """Power that holds a phase of pi."""
    response_ns: LowerIsBetter
    switch_pj: LowerIsBetter
    """Energy of one new phase, beside the power that holds it."""
    length_um: LowerIsBetter
    width_um: LowerIsBetter


class Shifters(Shape):
    """Phase shifters: which device, how finely set, how well it keeps its phase; and the devices to choose from."""

    kind: ShifterKind
    convention: Convention
    """single_arm: a shifter in one arm, which also turns the common phase; push_pull: both arms in opposite sense."""
    bits: Annotated[int, Field(ge=2, le=16)]
    """Resolution of the phase over 2 pi."""
    dac_count: Annotated[int, Field(ge=1)]
    """Converters of one mesh that write its phases one after another, with sample and hold."""
    sigma_rad: LowerIsBetter
    """Static error of each phase (standard deviation)."""
    mean_fraction: LowerIsBetter
    """Mean phase in units of pi: 1 for phases spread evenly over 2 pi."""
    thermo_optic: ShifterDevice
    mems: ShifterDevice
    ito: ShifterDevice

    @property
    def device(self) -> ShifterDevice:
        """The chosen device."""
        found: ShifterDevice = getattr(self, self.kind)
        return found


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


class Modulator(Shape):
    """The modulator of one input, biased at its null so that it sets a signed field."""

    loss_db: LowerIsBetter
    extinction_db: HigherIsBetter
    energy_pj: LowerIsBetter
    """Per symbol."""
    area_mm2: LowerIsBetter


class Laser(Shape):
    """The laser line of one input channel, locked to the others of its mesh."""

    wall_plug_fraction: HigherIsBetter
    coupling_loss_db: LowerIsBetter
    max_mw: HigherIsBetter
    """Highest optical power of one line."""
    rin_db_per_hz: LowerIsBetter
    area_mm2: LowerIsBetter


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


class Link(Shape):
    """What sets the laser: `matched` asks for the ADC's bits as effective bits; `given` states the received power."""

    rule: Literal["matched", "given"]
    received_dbm: Annotated[float, Field(ge=-60, le=20)]
    """Full-scale signal power at one receiver; read only under `given`."""
    local_oscillator_mw: Annotated[float, Field(gt=0, le=20)]
    """Reference light at one receiver."""


class Converter(Shape):
    """A DAC or ADC: its bits here, and the tested converter that its rule scales from."""

    bits: Annotated[int, Field(ge=2, le=12)]
    power_mw: LowerIsBetter
    """Of the tested converter."""
    tested_bits: Annotated[int, Field(ge=1)]
    tested_ghz: Annotated[float, Field(gt=0)]
    area_mm2: LowerIsBetter


class Buffer(Shape):
    """SRAM of the chip for activations and stored phases."""

    kib: Annotated[int, Field(ge=1)]
    read_pj_per_bit: LowerIsBetter
    write_pj_per_bit: LowerIsBetter
    leakage_mw_per_kib: LowerIsBetter
    area_mm2_per_kib: LowerIsBetter


class Digital(Shape):
    """Logic beside the meshes: adds partial sums, updates weights and decomposes them into phases."""

    add_pj: LowerIsBetter
    flop_pj: LowerIsBetter
    flops_per_ns: HigherIsBetter
    partial_sum_bits: Annotated[int, Field(ge=8, le=32)]
    area_mm2: LowerIsBetter


class MeshSettings(Shape):
    """A photonic machine of coherent interferometer meshes."""

    mesh: Mesh
    clock_ghz: Annotated[float, Field(gt=0, le=14)]
    """Vectors per ns that stream through each mesh: the rate of every converter."""
    shifter: Shifters
    coupler: Coupler
    waveguide: Waveguide
    modulator: Modulator
    laser: Laser
    detector: Detector
    link: Link
    dac: Converter
    adc: Converter
    buffer: Buffer
    digital: Digital
