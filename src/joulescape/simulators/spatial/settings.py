"""What the `parameters` of a spatial array say: units, memories, dataflow, and what the chip does about zeros."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from joulescape.simulators._mapping.declared import HierarchyDeclaration
from joulescape.simulators._mapping.objectives import Objective
from joulescape.simulators._mapping.unrolling_search import Dataflow
from joulescape.spec.base import Shape
from joulescape.spec.sourced import LowerIsBetter

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
    """Lanes for all that is no matrix product."""

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
    dataflow: Dataflow
    widths: WidthSettings
    gating: GatingSettings | None = None
    run_length: RunLengthSettings | None = None
    hand_over: str | None = None
    """The memory in which a tensor stays between two layers where it fits half of it; absent: all goes off chip."""
    logic: LogicSettings
    vector: VectorSettings | None = None
    """Absent: the host does what is no matrix product."""
    search: SearchSettings = SearchSettings()

    @model_validator(mode="after")
    def _named_memories(self) -> Self:
        wanted = set(self.gating.memories if self.gating else ()) | ({self.hand_over} if self.hand_over else set())
        unknown = sorted(wanted - set(self.memories))
        if unknown:
            raise ValueError(f"memories {unknown} are not among {sorted(self.memories)}")
        if self.hand_over and not {"input", "output"} <= set(self.memories[self.hand_over].holds):
            raise ValueError(f"hand_over: '{self.hand_over}' must hold both input and output")
        return self
