"""What a back end of coherent interferometer meshes is made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from joulescape.simulators._photonics import (
    Buffer,
    Converter,
    Coupler,
    Detector,
    Digital,
    Laser,
    Modulator,
    PhaseShifter,
    Waveguide,
)
from joulescape.spec.base import Shape
from joulescape.spec.sourced import LowerIsBetter

Scheme = Literal["clements", "reck"]
ShifterKind = Literal["thermo_optic", "mems", "ito", "carrier"]
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
    compensated_fraction: Annotated[float, Field(ge=0, le=1)]
    """Share of the crosstalk between shifters that calibration on the chip knows and takes back."""
    calibrated_fraction: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of each phase's static error that calibration in place measures, once a chip, and every write takes back;
    what the converter's steps leave stays."""
    thermo_optic: PhaseShifter
    mems: PhaseShifter
    ito: PhaseShifter
    carrier: PhaseShifter

    @property
    def device(self) -> PhaseShifter:
        """The chosen device."""
        found: PhaseShifter = getattr(self, self.kind)
        return found


class Link(Shape):
    """What sets the laser: `matched` asks for the ADC's bits as effective bits; `given` states the received power."""

    rule: Literal["matched", "given"]
    received_dbm: Annotated[float, Field(ge=-60, le=20)]
    """Full-scale signal power at one receiver; read only under `given`."""
    local_oscillator_mw: Annotated[float, Field(gt=0, le=20)]
    """Reference light at one receiver."""


class MeshSettings(Shape):
    """A photonic machine of coherent interferometer meshes."""

    mesh: Mesh
    dynamic_products: Literal["host", "program"] = "host"
    """Where products of two activations run. program: on the meshes, one operand decomposed and written for every
    sample, in time and energy; host: elsewhere."""
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
