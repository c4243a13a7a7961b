"""What the `parameters` of a roofline say."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from joulescape.spec.base import Shape
from joulescape.spec.sourced import HigherIsBetter, LowerIsBetter

Positive = Annotated[int, Field(ge=1)]

Precision = Literal["float32", "float16", "int8"]
"""Format of every operand: IEEE single or half precision, or 8-bit whole numbers summed in 32 bits."""


class MemorySettings(Shape):
    """The processor's own memory: every weight that the cache does not hold is read from it once a batch."""

    bytes: Positive
    bandwidth_gbps: HigherIsBetter
    """Peak of the interface, gigabit per second."""
    efficiency: HigherIsBetter
    """Share of the peak that a stream of weights reaches."""


class PowerSettings(Shape):
    """Power of what was measured (the board of a graphics card with its memory, a socket with its memory)."""

    idle_mw: LowerIsBetter
    running_mw: LowerIsBetter
    """Beside the idle power, while anything runs."""
    device_fraction: LowerIsBetter
    """Share of both that the processor draws, inside its chip; memory, regulators and board are the system's."""


class TileSettings(Shape):
    """How a product is cut into tiles, of which each multiprocessor runs one at a time."""

    outputs: Positive
    vectors: Positive
    multiprocessors: Positive


class SparseSettings(Shape):
    """Kernels for dense layers with zeros anywhere in their weights: every other weight comes with its column."""

    use: Literal["never", "where_faster", "always"]
    index_bytes: Positive
    bandwidth_efficiency: HigherIsBetter
    """Share of the memory's peak that entries stream at."""
    compute_efficiency: HigherIsBetter
    """Share of the multipliers' peak where entries meet several vectors, whose values are gathered; with one vector the
    entries alone bind."""


class RooflineSettings(Shape):
    """Multipliers that reach a stated share of their peak, a memory that does, and an overhead a kernel."""

    multipliers: Positive
    clock_ghz: Annotated[float, Field(gt=0)]
    precision: Precision
    products_per_cycle: dict[Precision, Positive]
    """Of one multiplier, by precision; a format that is not listed cannot be had."""
    compute_efficiency: HigherIsBetter
    """Share of the peak that the products of a full wave of tiles reach."""
    launch_ns: LowerIsBetter
    """Of every layer: the call of its kernel."""
    cache_bytes: Positive
    """Last-level cache: half holds weights, half holds what layers hand on."""
    memory: MemorySettings
    tile: TileSettings | None = None
    """Absent: a plain roofline, no product too small for the machine."""
    sparse: SparseSettings | None = None
    """Absent: zeros are multiplied like any other weight."""
    power: PowerSettings
    die_mm2: LowerIsBetter

    @model_validator(mode="after")
    def _precision_is_listed(self) -> Self:
        if self.precision not in self.products_per_cycle:
            raise ValueError(f"precision '{self.precision}' is not one of {', '.join(self.products_per_cycle)}")
        return self
