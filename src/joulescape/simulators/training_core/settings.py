"""What the `parameters` of a training processor say: hierarchy, dataflow of each phase, traffic, arithmetic, zeros."""

from __future__ import annotations

from math import prod
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from joulescape.simulators._mapping.declared import HierarchyDeclaration, OperandName
from joulescape.simulators._mapping.objectives import Objective
from joulescape.simulators.base import Quantity
from joulescape.simulators.spatial.settings import LogicSettings, VectorSettings
from joulescape.spec.base import Shape
from joulescape.spec.sourced import LowerIsBetter

Positive = Annotated[int, Field(ge=1)]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Loop = Literal["B", "G", "K", "C", "OY", "OX", "FY", "FX"]
SLOWEST_GHZ = 1e-6
"""Difference of clocks below which two states count as equally fast."""

Unrolled = dict[str, tuple[Loop, ...]]
"""By array dimension the loops that run along it: each whole, the next one in the room that is left."""


class DataflowSettings(Shape):
    """Which loops of a phase run side by side; loops are those of the phase's own product (`network.lower`)."""

    forward: Unrolled
    input_gradient: Unrolled
    weight_gradient: Unrolled
    """Here B counts input channels, C the batch, OY and OX taps, FY and FX output positions."""


class ArithmeticSettings(Shape):
    """Number format of products and stored tensors; floats are E5M10 at 16 bits, at 8 E4M3 forward, E5M2 back."""

    form: Literal["float", "dynamic_fixed"]
    """dynamic_fixed: whole numbers with one power of two as scale for each tensor, found anew for each."""
    bits: Annotated[int, Field(ge=2, le=16)]
    """Weights, activations, errors, gradients."""
    edge_bits: Annotated[int, Field(ge=2, le=16)] | None = None
    """First and last layer, where layers differ in precision; absent: as all others."""
    master_bits: Annotated[int, Field(ge=8, le=32)]
    """The weights that updates are added to."""
    sum_bits: Annotated[int, Field(ge=16, le=48)] = 32
    is_scaled: bool = True
    """Whether each tensor of small floats has a power of two of its own, as whole numbers always have."""
    mac_bits: Annotated[int, Field(ge=2, le=16)]
    """The width that `array.mac_pj` was found at."""
    narrow: Literal["packed", "serial", "fixed"]
    """A narrower operand: several multiply in one unit, energy in proportion to the width; inputs pass bit by bit and
    weights fill columns, cycles and energy in proportion to the product of both widths; or it saves nothing."""
    rounding_pj: LowerIsBetter
    """One random number for one stochastically rounded gradient or weight."""

    @model_validator(mode="after")
    def _exists(self) -> Self:
        widths = [bits for bits in (self.bits, self.edge_bits) if bits is not None]
        if max(widths) > self.mac_bits:
            raise ValueError(f"operands of {max(widths)} bits do not fit units of {self.mac_bits} (mac_bits)")
        if self.form == "float" and not (set(widths) <= {8, 16} and self.master_bits in {8, 16, 32}):
            raise ValueError(f"floats have 8 or 16 bits, stored ones also 32; got {widths} and {self.master_bits}")
        return self


class ZeroSettings(Shape):
    """Products that are left out because an operand is zero, or because nobody asks for the result."""

    is_on: bool
    forward: tuple[OperandName, ...]
    """Whose zeros are looked for; `output`: results that a rectifier drops, foretold (see `foretelling`)."""
    input_gradient: tuple[OperandName, ...]
    """`input` is the error, `output` what the rectifier before the layer masks: known, not foretold."""
    weight_gradient: tuple[OperandName, ...]
    """`weight` is the error, `input` the activation."""
    lanes: Positive
    """Lanes that wait for the slowest of them."""
    window: Positive
    """Values that a lane works through before it waits."""
    is_balanced: bool
    """Whether work is moved between lanes, so that none waits."""
    is_coded: bool
    """Whether memories hold a bit a value and the values that are not zero."""
    foretelling: LowerIsBetter
    """Energy of foretelling a result's sign from exponents, over that of computing it."""


class TransposeSettings(Shape):
    """The input gradient reads weights the other way round."""

    is_transposable: bool
    """A memory with both ways to read; else a layer's weights are read and written once more, in the other order."""
    read_factor: LowerIsBetter
    """Energy of reading a weight from the transposable memory over a plain one's, in every phase."""


class StashSettings(Shape):
    """Activations that wait for the backward pass; those that do not fit the chip wait off it."""

    segment: Positive = 1
    """Of so many layers in a row the input of the first waits and the others are computed again; 1: all wait."""
    is_coded: bool
    """A bit a value and the values that are not zero."""


class FeedbackSettings(Shape):
    """What direct feedback alignment meets on this chip, where a training asks for it."""

    matrices: Literal["generated", "stored"]
    """Random matrices come from shift registers, or from off-chip memory at every step."""
    is_beside: bool
    """Whether errors of all layers are formed on a core of their own, beside weight gradients."""


class FastestSettings(Shape):
    """The clock that a supply allows: a straight line through two printed states, none below the first."""

    low_supply: Annotated[float, Field(gt=0)]
    low_ghz: Annotated[float, Field(gt=0)]
    high_supply: Annotated[float, Field(gt=0)]
    high_ghz: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.high_supply <= self.low_supply or self.high_ghz < self.low_ghz:
            raise ValueError("fastest: the second state has a higher supply and no slower clock")
        return self

    def __str__(self) -> str:
        return (
            f"{self.low_ghz:g} GHz run at supply_factor {self.low_supply:g}, "
            f"{self.high_ghz:g} GHz at {self.high_supply:g}"
        )

    def least_supply(self, clock_ghz: Quantity) -> Quantity:
        """Lowest supply factor at which a clock runs."""
        slope = (self.high_supply - self.low_supply) / max(self.high_ghz - self.low_ghz, SLOWEST_GHZ)
        return np.maximum(self.low_supply + slope * (np.asarray(clock_ghz) - self.low_ghz), self.low_supply)


class RatedSettings(Shape):
    """The state in which efficiency is quoted: one convolution that all units work on and whose tensors stay on the
    chip; operations of zeros are counted as done."""

    input_density: Fraction = 1.0
    weight_density: Fraction = 1.0
    output_share: Fraction = 1.0
    """Results that a rectifier leaves."""
    channels: Positive = 64
    filters: Positive = 64
    side: Positive = 16


class TrainingCoreSettings(HierarchyDeclaration):
    """An array below a declared hierarchy, for all four roles."""

    clock_ghz: Annotated[float, Field(gt=0)]
    dataflow: DataflowSettings
    arithmetic: ArithmeticSettings
    zeros: ZeroSettings
    transpose: TransposeSettings
    stash: StashSettings
    feedback: FeedbackSettings
    external_gbps: Annotated[float, Field(gt=0)]
    """What the chip's pins, or its share of them, carry; never more than the off-chip memory gives."""
    weights_stay: bool
    """Whether weights and their updates stay on chip where all fit half of `store`; else each product fetches them."""
    store: str
    """The memory in which tensors stay between products."""
    supply_factor: Annotated[float, Field(gt=0)] = 1.0
    """Supply voltage over that of the constants: energies of the chip go with its square, leakage with it."""
    fastest: FastestSettings
    logic: LogicSettings
    vector: VectorSettings
    rated: RatedSettings = RatedSettings()
    objective: Objective = "energy"

    @model_validator(mode="after")
    def _knows_its_parts(self) -> Self:
        if self.store not in self.memories or set(self.memories[self.store].holds) != {"weight", "input", "output"}:
            raise ValueError(f"store: '{self.store}' must be a memory that holds weight, input and output")
        sizes = set(self.array.dimensions)
        for role in ("forward", "input_gradient", "weight_gradient"):
            named = set(getattr(self.dataflow, role))
            if named != sizes:
                raise ValueError(f"dataflow.{role} says what runs along {sorted(named)}, the array has {sorted(sizes)}")
        return self


def instances(settings: TrainingCoreSettings, name: str) -> int:
    """Copies of a memory: one for all units along the dimensions that it serves."""
    served = settings.memories[name].serves
    return prod(size for dimension, size in settings.array.dimensions.items() if dimension not in served)
