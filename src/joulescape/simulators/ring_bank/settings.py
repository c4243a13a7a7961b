"""What a back end of microring weight banks is made of."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from joulescape.simulators._photonics import (
    Amplifier,
    Buffer,
    Cell,
    Comparator,
    Converter,
    Detector,
    Digital,
    Laser,
    LinkRule,
    Modulator,
    Ring,
)
from joulescape.simulators.base import Quantity, ceil_div
from joulescape.spec.base import Shape
from joulescape.spec.sourced import LowerIsBetter

Backward = Literal["banks", "host"]


class Bank(Shape):
    """Banks: `channels` wavelengths, each modulated by one input, reach `rows` weight banks of as many rings."""

    channels: Annotated[int, Field(ge=2, le=256)]
    """Inputs of one bank: its wavelengths share the free spectral range evenly."""
    rows: Annotated[int, Field(ge=1, le=256)]
    """Outputs: the light is split into so many weight banks, each with a balanced receiver."""
    count: Annotated[int, Field(ge=1)]
    """How many work side by side, each with its own lasers and converters."""
    is_calibrated: bool
    """Whether rings are set with their neighbours' tails in mind, as a control loop does, or one by one."""
    added: Annotated[int, Field(ge=1)] = 1
    """Banks along the reduction whose amplified voltages are added before one conversion (bangari2020)."""
    shares_positions: bool = True
    """Whether banks without a tile of their own hold copies of the layer's tiles and take a share of its positions."""

    @property
    def teams(self) -> Quantity:
        """Groups of banks that share converters of outputs."""
        return np.asarray(self.count) // self.added

    @model_validator(mode="after")
    def _has_enough_banks(self) -> Self:
        if self.added > self.count:
            raise ValueError(f"{self.added} banks cannot be added where there are {self.count}")
        return self


class Weights(Shape):
    """Where weights wait and what sets the rings."""

    bits: Annotated[int, Field(ge=2, le=16)]
    """Steps of a ring's weight over [-1, 1]."""
    store: Literal["sram", "memristor"]
    """sram: converters set the rings from the buffer; memristor: cells hold the weights and set them directly."""
    dac_count: Annotated[int, Field(ge=1)]
    """Converters of one bank that set its rings one after another, with sample and hold."""
    dac: Converter
    cell: Cell | None = None
    capacity: Annotated[int, Field(ge=0)] = 0
    """Weights that the cells of the chip hold."""

    @model_validator(mode="after")
    def _has_cells(self) -> Self:
        if self.store == "memristor" and (self.cell is None or self.capacity < 1):
            raise ValueError("weights in memristors need a cell and a capacity")
        return self

    @property
    def held_in(self) -> Cell | None:
        """The cell that holds weights; None where SRAM does."""
        return self.cell if self.store == "memristor" else None

    @property
    def cells_per_weight(self) -> int:
        """Cells that one weight takes."""
        return 0 if self.held_in is None else int(ceil_div(self.bits, self.held_in.bits))


class Losses(Shape):
    """What the path loses beside modulator and rings."""

    multiplexer_db: LowerIsBetter
    splitter_db: LowerIsBetter
    """Excess of one 1x2 splitter of the tree that feeds the rows."""
    waveguide_db: LowerIsBetter


class TrainingHow(Shape):
    """Which backward products run on the banks."""

    input_gradient: Backward
    """banks: the transposed weights are set and errors sent through."""
    weight_gradient: Backward
    """banks: errors are set as weights and activations sent through, tile after tile."""
    comparator: Comparator | None = None
    """Decides the derivative of a rectifier; without it the host does."""


class RingBankSettings(Shape):
    """A photonic machine of microring weight banks."""

    bank: Bank
    dynamic_products: Literal["host", "program"] = "host"
    """Where products of two activations run. program: on the banks, whose rings converters set to one operand for every
    sample (memristors are not written); host: elsewhere."""
    clock_ghz: Annotated[float, Field(gt=0, le=14)]
    """Vectors per ns that stream through each bank: the rate of every converter."""
    ring: Ring
    weights: Weights
    modulator: Modulator
    laser: Laser
    losses: Losses
    amplifier: Amplifier | None = None
    """On the bus before the split; None leaves the loss to the laser."""
    detector: Detector
    link: LinkRule
    dac: Converter
    """Of the inputs."""
    adc: Converter
    training: TrainingHow
    buffer: Buffer
    digital: Digital
