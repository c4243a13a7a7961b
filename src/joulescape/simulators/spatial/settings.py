"""What the `parameters` of a spatial array say: units, memories, dataflow, and what the chip does about zeros."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from joulescape.simulators._electronics import Noc
from joulescape.simulators._mapping.declared import HierarchyDeclaration
from joulescape.simulators._mapping.objectives import Objective
from joulescape.simulators._mapping.unrolling_search import Dataflow
from joulescape.simulators.spatial.precision import PrecisionSettings
from joulescape.spec.base import Shape
from joulescape.spec.sourced import HigherIsBetter, LowerIsBetter

Positive = Annotated[int, Field(ge=1)]
Bits = Annotated[int, Field(ge=1, le=32)]


class WidthSettings(Shape):
    """Bits that a value takes in every memory of the chip; narrower ones are padded, wider ones are rounded."""

    weight: Bits
    input: Bits
    sum: Annotated[int, Field(ge=8, le=48)]
    """A partial sum while it grows; it saturates."""
    output: Bits


class GatingSettings(Shape):
    """A unit whose input is zero neither multiplies nor reads: no cycle is saved, and no byte."""

    is_on: bool
    memories: tuple[str, ...]
    """Whose accesses by the units stay away."""
    weights: bool = False
    """Whether a zero weight keeps its unit still as well."""

    def share(self, input_density: float, weight_density: float) -> float:
        """Multiplies that are left, zeros standing anywhere."""
        return input_density * (weight_density if self.weights else 1.0) if self.is_on else 1.0


class SlidingSettings(Shape):
    """Memories that keep the columns which two neighbouring windows share while a unit walks along a row."""

    is_on: bool
    memories: tuple[str, ...]


class SkippingSettings(Shape):
    """Units that step from one non-zero value to the next: zeros of these operands take neither time nor energy."""

    is_on: bool
    inputs: bool
    weights: bool
    count_bits: Bits
    """Beside each value that is kept, the zeros before it."""
    lanes: Positive
    """Units that wait for the slowest of them."""
    window: Positive
    """Products, zeros included, that a unit works through before it waits."""


class RunLengthSettings(Shape):
    """Activations in off-chip memory as words of (zeros before, value) pairs; data that enter the network are plain."""

    is_on: bool
    run_bits: Bits
    pairs: Positive
    word_bits: Positive

    def factor(self, density: float, value_bits: int) -> float:
        """Coded bits over plain bits, zeros standing anywhere: density / (1 - (1 - density)^(2^run)) pairs a value.

        A run longer than the counter holds takes a pair of its own; all zeros is the limit of that.
        """
        longest = 1 << self.run_bits
        pairs = density / (1.0 - (1.0 - density) ** longest) if density > 0 else 1.0 / longest
        return pairs * self.word_bits / self.pairs / value_bits


class SensorSettings(Shape):
    """The array stands beside a camera: the data of the network come from it and never see off-chip memory, where they
    fit the memory of the hand-over."""

    is_on: bool
    link_pj_per_bit: LowerIsBetter
    """From the image pipeline into the chip's memory."""


class VaultSettings(Shape):
    """Array and memories once under each vault of a stacked memory, on a mesh; off-chip memory is one vault's."""

    mesh: Annotated[tuple[Positive, ...], Field(min_length=2, max_length=2)]
    """Vaults along both sides."""
    partition: Literal["searched", "batch", "filters", "rows"] = "searched"
    """How a layer is divided: the best of all divisions, or along one loop only."""
    most_partitions: Positive = 4
    """Divisions that are mapped, the most promising first."""
    copies_weights: bool = True
    """Whether each vault has its own copy of the weights that it needs."""
    sums_in_memory: bool
    """Whether the memory adds partial sums where they lie, so that they are not read back over the vault's channel."""
    update_share: LowerIsBetter
    """Energy that reading a sum inside the memory takes over that of reading it into the logic."""
    noc: Noc

    @property
    def count(self) -> int:
        """Vaults."""
        return math.prod(self.mesh)

    @property
    def mean_hops(self) -> float:
        """Between two different vaults: (r^2 - 1) / 3r + (c^2 - 1) / 3c over the pairs that differ."""
        apart = sum((side * side - 1) / (3 * side) for side in self.mesh)
        return apart * self.count / (self.count - 1) if self.count > 1 else 0.0

    @property
    def links(self) -> int:
        """Links between neighbours, one for each direction."""
        rows, columns = self.mesh
        return max(2 * (rows * (columns - 1) + columns * (rows - 1)), 1)


class LogicSettings(Shape):
    """The units beside their memories, and what steers them."""

    unit_mm2: LowerIsBetter
    """Multiplier, adder and control of one unit."""
    leakage_mw_per_mm2: LowerIsBetter
    clock_mw_per_unit: LowerIsBetter
    """Clock tree at 1 GHz; in proportion to the clock."""
    control_fraction: LowerIsBetter
    """Energy of sequencer and networks' control over that of units and memories."""


class VectorSettings(Shape):
    """Lanes for all that is no matrix product, updates included."""

    lanes: Positive
    op_pj: LowerIsBetter
    lane_mm2: LowerIsBetter


class SearchSettings(Shape):
    """What the mapper looks for, and the counts that end it early (an answer is then marked truncated)."""

    objective: Objective = "energy"
    most_unrollings: Positive = 8
    most_mappings: Annotated[int, Field(ge=0)] = 0
    """Mappings walked to prove a product or a latency; 0 leaves a stated gap."""


class SpatialSettings(HierarchyDeclaration):
    """An array of units below a declared hierarchy of memories."""

    clock_ghz: Annotated[float, Field(gt=0)]
    max_clock_ghz: HigherIsBetter | None = None
    """A faster one is infeasible: nothing here says what it would take. Absent: `precision.supply` says it, or nobody
    knows."""
    dataflow: Dataflow
    widths: WidthSettings
    gating: GatingSettings | None = None
    sliding: SlidingSettings | None = None
    skipping: SkippingSettings | None = None
    unit_registers: bool = True
    """Whether a unit keeps an input beside its pads while it is used again; without, every multiply reads its pads."""
    run_length: RunLengthSettings | None = None
    hand_over: str | None = None
    """The memory in which a tensor stays between two layers where it fits half of it; absent: all goes off chip."""
    weights_in: str | None = None
    """The memory in which all weights of a network stay where they fit it; absent: they come anew with every batch."""
    sensor: SensorSettings | None = None
    bypass: tuple[str, ...] = ()
    """Memories that data go past, to see what they save; they stay on the chip."""
    precision: PrecisionSettings | None = None
    """Absent: every layer runs at the full width."""
    vaults: VaultSettings | None = None
    """Absent: one array on one memory."""
    logic: LogicSettings
    vector: VectorSettings | None = None
    """Absent: the host does what is no matrix product."""
    search: SearchSettings = SearchSettings()

    @model_validator(mode="after")
    def _named_memories(self) -> Self:
        wanted = {name for name in (self.hand_over, self.weights_in) if name} | set(self.bypass)
        wanted |= set(self.gating.memories if self.gating else ())
        wanted |= set(self.sliding.memories if self.sliding else ())
        wanted |= set(self.precision.quiet if self.precision else ())
        unknown = sorted(wanted - set(self.memories))
        if unknown:
            raise ValueError(f"memories {unknown} are not among {sorted(self.memories)}")
        if self.hand_over and not {"input", "output"} <= set(self.memories[self.hand_over].holds):
            raise ValueError(f"hand_over: '{self.hand_over}' must hold both input and output")
        if self.weights_in and "weight" not in self.memories[self.weights_in].holds:
            raise ValueError(f"weights_in: '{self.weights_in}' must hold weights")
        if self.sensor and not self.hand_over:
            raise ValueError("a sensor needs a hand_over: the memory that its data come into")
        return self

    @model_validator(mode="after")
    def _lanes_divide(self) -> Self:
        precision = self.precision
        if precision is None:
            return self
        if precision.along not in self.array.dimensions:
            raise ValueError(f"precision.along: '{precision.along}' is not among {sorted(self.array.dimensions)}")
        if self.widths.weight != self.widths.input or any(self.widths.input % width for width in precision.widths):
            raise ValueError("precision: widths of lanes must divide the unit's, which weights and inputs share")
        return self
