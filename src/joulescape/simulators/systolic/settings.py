"""What a systolic back end's `parameters` say."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from joulescape.simulators._sram import SramTable
from joulescape.simulators.systolic.supply import SupplySettings
from joulescape.spec.base import Shape
from joulescape.spec.sourced import HigherIsBetter, LowerIsBetter

Dataflow = Literal["weight_stationary", "output_stationary"]
Positive = Annotated[int, Field(ge=1)]
Capacity = Annotated[int, Field(ge=256)]


class ArraySettings(Shape):
    """Rows and columns of multiply-accumulate cells."""

    rows: Positive
    columns: Positive


class BufferSettings(Shape):
    """Capacities of the three SRAM buffers; half of each holds what is used, half what comes next."""

    weight_bytes: Capacity
    activation_bytes: Capacity
    """Half for inputs, half for the outputs of the layer before."""
    accumulator_bytes: Capacity


class TrainingWidths(Shape):
    """Operand widths of the backward roles; widths above 8 bits take (ceil(a/8) * ceil(b/8)) passes of the array."""

    gradient_bits: Annotated[int, Field(ge=4, le=32)]
    update_bits: Annotated[int, Field(ge=4, le=32)]
    """Width of the stored weights that training updates."""


class CellSettings(Shape):
    """One multiply-accumulate cell and the logic around the array."""

    multiply_pj: LowerIsBetter
    """One 8-bit multiplication."""
    add_pj: LowerIsBetter
    """One 32-bit addition; other accumulator widths scale linearly (rule `linear_bits`)."""
    register_pj_per_bit: LowerIsBetter
    clock_pj: LowerIsBetter
    """Clock tree of one cell in one cycle, flowing whether or not the cell works."""
    multiplier_mm2: LowerIsBetter
    adder_mm2: LowerIsBetter
    register_mm2_per_bit: LowerIsBetter
    wiring_area_factor: LowerIsBetter
    """Area of the placed array over the sum of its cells."""
    leakage_mw_per_mm2: LowerIsBetter
    max_clock_ghz: HigherIsBetter


class VectorSettings(Shape):
    """The vector unit: everything that is not a matrix product."""

    lanes: Positive
    op_pj: LowerIsBetter
    lane_mm2: LowerIsBetter
    is_beside: bool = False
    """Whether it takes results as they leave the array, so that element-wise work runs beside the product before it."""


class ControlSettings(Shape):
    """Sequencer and address generators, as shares of the array, its registers and the vector unit."""

    energy_fraction: LowerIsBetter
    area_fraction: LowerIsBetter


class SystolicSettings(Shape):
    """An int8 systolic array with its buffers and vector unit."""

    array: ArraySettings
    dataflow: Dataflow
    clock_ghz: Annotated[float, Field(gt=0)]
    zero_gating: bool = False
    """Whether a multiplier stays still when an operand is zero: saves its energy, never a cycle."""
    weights_stay: bool = False
    """Whether weights stay in their buffer between batches, as a crossbar's do: all of them, or none when they do not
    fit it together (half of it where activations are stationary too). Else each batch reads them from off-chip memory.
    What stays was loaded once, at power-up, which is charged to no machine. A training step always reads them."""
    winograd: bool = False
    """Whether layers whose format is Winograd's are computed so: the vector unit transforms tiles of inputs and outputs
    and scales each tap, the array multiplies tap by tap, transformed weights come from memory. Inference only: a
    training step, which rewrites weights, computes every layer as it stands."""
    accumulator_bits: Annotated[int, Field(ge=16, le=48)] = 32
    double_buffering: bool = True
    """Whether transfers and the loading of the next array tile hide behind computing; else the array waits for both."""
    supply: SupplySettings | None = None
    """The array's own supply where it is not the nominal one."""
    trains: bool = True
    """Whether it runs the backward roles of a training step; else it infers, and a host trains where there is one."""
    buffers: BufferSettings
    training: TrainingWidths
    cell: CellSettings
    vector: VectorSettings
    control: ControlSettings
    sram: SramTable
