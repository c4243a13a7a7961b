"""Settings of what made single machines known: parts that are not converted, speculation, voltages between layers, a
program. Each may be absent; then the machine works as if nobody had thought of it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from joulescape.simulators.crossbar.table import Count, TableRow
from joulescape.spec.base import Shape
from joulescape.spec.sourced import LowerIsBetter


class Speculation(Shape):
    """Several input bits are read at once; only columns that saturate are read again bit by bit (andrulis2023raella).

    Every read takes its time whether or not a column is converted in it: speculation saves conversions, not time.
    """

    is_on: bool = True
    first_bits: Annotated[int, Field(ge=1, le=8)]
    """Bits of the first, most significant read: high bits are seldom set."""
    next_bits: Annotated[int, Field(ge=1, le=8)]
    """Bits of each further read."""
    failed_fraction: LowerIsBetter
    """Share of columns that saturate and are converted again."""
    cell_factor: LowerIsBetter
    """Energy of cells in all reads, over that of reading bit by bit alone: pulses of several bits last."""


class InputConverters(Shape):
    """Converters at the edge of a chain that is analog inside: all values of an input stand at once."""

    bits: Annotated[int, Field(ge=1, le=16)]
    count: Count
    energy_pj: LowerIsBetter
    """One conversion."""
    area_mm2: LowerIsBetter
    """One converter."""


class AnalogActivations(Shape):
    """Sums handed to the next layer as voltages: amplifiers in the place of converters between layers.

    Nothing stores a voltage on the way, so that all layers hold still until the last one has been converted.
    """

    is_on: bool = True
    sigma_fraction: LowerIsBetter
    """Noise that each hand-over adds, as a share of the largest sum met in calibration."""
    functions: tuple[Literal["relu", "sigmoid"], ...]
    """Activation functions that the hand-over circuit has."""
    amplifier: TableRow
    """Of each output: a current is turned into a voltage, bent by the activation, and drives the rows of the next
    layer. It draws its power while its layer is in use."""
    settle_ns: LowerIsBetter
    """Time until a layer's outputs stand."""
    inputs: InputConverters
    outputs: Count
    """Converters of kind `adc` at the end of the chain; they take the network's outputs in turn."""


class Programmable(Shape):
    """What instructions take in the place of state machines (ankit2019): fetched, decoded, run on vectors of registers.

    Rows of a core stand for what an IMA is elsewhere; those of a tile are shared by its cores.
    """

    is_on: bool = True
    control: TableRow
    instructions: TableRow
    registers: TableRow
    vector: TableRow
    """`count` lanes of a core: sums of partial results, and activation functions but the sigmoid."""
    tile_control: TableRow
    tile_instructions: TableRow
    attributes: TableRow
    """Marks of the shared memory that say whether a value is there."""
    receive_buffer: TableRow
    instructions_per_vector: Count
    """Instructions that one input vector takes in every core: load, copy, multiply, store."""

    @property
    def core_rows(self) -> dict[str, TableRow]:
        """Rows of one core."""
        return {
            "control": self.control, "instructions": self.instructions,
            "registers": self.registers, "vector": self.vector,
        }  # fmt: skip

    @property
    def tile_rows(self) -> dict[str, TableRow]:
        """Rows of one tile."""
        return {
            "tile_control": self.tile_control, "tile_instructions": self.tile_instructions,
            "attributes": self.attributes, "receive_buffer": self.receive_buffer,
        }  # fmt: skip
