"""What a machine is made of that computes by the evolution of one physical system."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from joulescape.errors import nearest
from joulescape.network.operators import PHYSICAL_KINDS
from joulescape.spec.base import Shape
from joulescape.spec.sourced import Better, LowerIsBetter, Sourced

Interface = Literal["bench", "integrated"]

Where = Annotated[Sourced | None, Better("low")]
"""A number that some machines have no use for: absent it is 0."""


class Way(Shape):
    """One way to drive the system and to read it: source, controls, readout."""

    source_mw: LowerIsBetter
    """Wall-plug power of what feeds the system: a laser, an amplifier, the units' own supply."""
    control_mw: LowerIsBetter
    """Power of what sets data and trained values, beside `control_pj` and `converter_pj`."""
    readout_mw: LowerIsBetter
    apparatus_mw: LowerIsBetter
    """Controllers, cooling, stabilisation."""
    settle_ns: LowerIsBetter
    """Time to load and settle one frame, or to come to rest before a series."""
    sample_ns: Where = None
    """series: time of one sample of the drive; it is recorded while it is driven."""
    evolution_ns: LowerIsBetter
    """Time from the drive to what is read."""
    unit_ns: Where = None
    """Time that one unit of the network's own `duration` stands for."""
    exposure_ns: LowerIsBetter
    """Time to expose and read one record."""
    control_pj: LowerIsBetter
    """Setting one control once."""
    converter_pj: LowerIsBetter
    """Digital-to-analogue conversion of one control at 8 bits, other widths by rule dac_no_fom."""
    conversion_pj: LowerIsBetter
    """Analogue-to-digital conversion of one recorded value, beside `readout_mw`."""
    link_pj_per_bit: LowerIsBetter
    """Moving controls and records between host and machine."""
    footprint_mm2: LowerIsBetter


class Instruments(Shape):
    """How the parts of the machine are called in every table."""

    feed: str
    """What `source_mw` feeds the system through."""
    control: str
    readout: str
    apparatus: str = "apparatus"
    body: str


class Twin(Shape):
    """How the twin is fitted to the device, beside what `training.algorithm` asks for (`pat_fitted`)."""

    measurements: Annotated[int, Field(ge=0)] = 0
    """Passes of every layer that are measured before training starts; 0: what the algorithm asks for, often none."""
    refresh_samples: Annotated[int, Field(ge=0)] = 0
    """Passes of every layer that are measured again, each `refresh_steps` steps of training."""
    refresh_steps: Annotated[int, Field(ge=1)] = 100
    fit_passes: Annotated[int, Field(ge=1)]
    """Passes of the twin for each measurement while it is fitted."""


class Sample(Shape):
    """The layer that figures without a network speak of."""

    inputs: Annotated[int, Field(ge=1)]
    sizes: dict[str, int | float]
    """As in `models/*.yaml`."""
    grows: str
    """Which of the sizes is enlarged to find where simulating costs as much as evolving."""


class EvolutionSettings(Shape):
    """One system with its instruments; the layers of a network pass it one after another."""

    system: str
    """Kind of operator whose evolution this is."""
    interface: Interface
    """bench: laboratory instruments; integrated: a projection onto a chip."""
    evolves: bool = True
    """False: a digital engine simulates the twin instead, of which only the arithmetic is paid: no device, no error."""
    drive: Literal["frame", "series"]
    """frame: all controls are set at once and held; series: one after another in time, recorded at the same rate."""
    keeps_frame: bool = False
    """Whether a frame stays while its exposures repeat; else it is set anew for each."""
    trained: Literal["each_pass", "once"] = "each_pass"
    """When trained controls are set: with the data, or once for a layer's whole batch."""
    control_bits: Annotated[int, Field(ge=1, le=16)]
    """Levels of one control, 2^bits."""
    averages: Annotated[int, Field(ge=1, le=256)]
    """Exposures averaged for one result: noise falls with the square root, time and energy grow."""
    controls: Annotated[int, Field(ge=1)]
    """The most controls of one pass."""
    held_controls: Annotated[int, Field(ge=1)] | None = None
    """trained once: the most of these."""
    records: Annotated[int, Field(ge=1)]
    """The most values of one record."""
    record_bits: Annotated[int, Field(ge=8, le=32)]
    """Width of one recorded value on the link."""
    mismatch: Annotated[float, Field(ge=0, le=10)] = 1.0
    """Factor on every departure that is fixed while the device is used; a question about it, for nothing is paid."""
    noise: Annotated[float, Field(ge=0, le=10)] = 1.0
    """Factor on every departure that is drawn anew for each exposure; a question about it, for nothing is paid."""
    departure: Annotated[dict[str, Sourced], Better("low")]
    """How a device differs from its twin, by the system's own names."""
    instruments: Instruments
    bench: Way
    integrated: Way
    code_op_pj: LowerIsBetter
    """One digital operation that scales a control, or sums a recorded value."""
    twin: Twin
    twin_op_pj: LowerIsBetter
    """Digital operation of the twin: what fitting it and `evolves: false` pay."""
    twin_op_ns: LowerIsBetter
    twin_mm2: LowerIsBetter
    """Area of the engine that simulates where nothing evolves."""
    sample: Sample

    @field_validator("system")
    @classmethod
    def _is_known(cls, system: str) -> str:
        if system not in PHYSICAL_KINDS:
            close = nearest(system, PHYSICAL_KINDS)
            hint = f"; did you mean '{close}'?" if close else ""
            raise ValueError(f"no physical system '{system}', known are {', '.join(sorted(PHYSICAL_KINDS))}{hint}")
        return system

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        ways = {"bench": self.bench, "integrated": self.integrated}
        silent = [name for name, way in ways.items() if way.sample_ns is None]
        if self.drive == "series" and silent:
            raise ValueError(f"a drive in series needs sample_ns in {' and '.join(silent)}")
        if self.trained == "once" and self.held_controls is None:
            raise ValueError("trained once: held_controls must say how many can be held")
        if self.sample.grows not in self.sample.sizes:
            raise ValueError(f"sample.grows: '{self.sample.grows}' is none of its sizes {', '.join(self.sample.sizes)}")
        return self
