"""Parts that electronic machines are made of, as settings: what `hwlib/components/electronic` holds.

Each states in which node its numbers hold and scales them by one named rule only: arithmetic over its bits, memories
over their capacity, embedded DRAM's refresh over its retention, a network over hops and wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from joulescape.simulators._sram import ByCapacity, SramTable, interpolated
from joulescape.simulators.base import Quantity
from joulescape.spec.base import Shape
from joulescape.spec.sourced import Better, HigherIsBetter, LowerIsBetter, Sourced
from joulescape.units import BITS_PER_BYTE

NodeNm = Annotated[int, Field(ge=7, le=180)]

ByBits = Annotated[dict[int, Sourced], Better("low"), Field(min_length=2)]
"""One sourced value a width in bits; between and beyond them the logarithm is a straight line over log(bits)."""

BYTES_PER_MIB = 1 << 20
NS_PER_US = 1e3


class Mac(Shape):
    """Multipliers and adders of one process, by width: an integer product costs about the square of its bits."""

    node_nm: NodeNm
    numbers: Literal["integer", "float"]
    multiply_pj: ByBits
    add_pj: ByBits
    multiply_mm2: ByBits
    add_mm2: ByBits

    @model_validator(mode="after")
    def _positive(self) -> Self:
        for table in (self.multiply_pj, self.add_pj, self.multiply_mm2, self.add_mm2):
            if any(bits <= 0 or constant.value <= 0 for bits, constant in table.items()):
                raise ValueError("bits and values of an arithmetic table must be positive")
        return self

    def mac_pj(self, bits: Quantity, sum_bits: Quantity | None = None) -> Quantity:
        """Energy of one multiply and one add into a sum of `sum_bits` (twice the width where none is given)."""
        wide = 2 * bits if sum_bits is None else sum_bits
        return interpolated(self.multiply_pj, bits) + interpolated(self.add_pj, wide)

    def mac_mm2(self, bits: Quantity, sum_bits: Quantity | None = None) -> Quantity:
        """Area of one multiplier and one adder."""
        wide = 2 * bits if sum_bits is None else sum_bits
        return interpolated(self.multiply_mm2, bits) + interpolated(self.add_mm2, wide)


class RegisterFile(Shape):
    """Registers or small SRAM inside a unit: energy of one word by capacity, leakage and area by the bit."""

    node_nm: NodeNm
    word_bits: Annotated[int, Field(ge=1)]
    read_pj: ByCapacity
    write_pj: ByCapacity
    area_mm2_per_bit: LowerIsBetter
    leakage_mw_per_bit: LowerIsBetter

    def word_pj(self, capacity_bytes: Quantity) -> tuple[Quantity, Quantity]:
        """Energies of reading and of writing one word."""
        return interpolated(self.read_pj, capacity_bytes), interpolated(self.write_pj, capacity_bytes)

    def area(self, capacity_bytes: Quantity) -> Quantity:
        """Area in mm2."""
        return BITS_PER_BYTE * capacity_bytes * self.area_mm2_per_bit.value

    def leakage(self, capacity_bytes: Quantity) -> Quantity:
        """Leakage power in mW."""
        return BITS_PER_BYTE * capacity_bytes * self.leakage_mw_per_bit.value


class Edram(Shape):
    """Embedded DRAM: denser than SRAM, and every bit is restored once in its retention time."""

    node_nm: NodeNm
    read_pj_per_bit: LowerIsBetter
    write_pj_per_bit: LowerIsBetter
    refresh_pj_per_bit: LowerIsBetter
    """Restoring a bit where it lies: its row is opened and closed, nothing goes over the bus."""
    retention_us: HigherIsBetter
    area_mm2_per_mib: LowerIsBetter

    @model_validator(mode="after")
    def _retains(self) -> Self:
        if self.retention_us.value <= 0:
            raise ValueError("retention_us must be positive: what forgets at once needs no refresh")
        return self

    def refresh_mw(self, capacity_bytes: Quantity) -> Quantity:
        """Power of refresh, used or not: bits * energy / retention."""
        bits = BITS_PER_BYTE * capacity_bytes
        return bits * self.refresh_pj_per_bit.value / (self.retention_us.value * NS_PER_US)

    def area(self, capacity_bytes: Quantity) -> Quantity:
        """Area in mm2."""
        return capacity_bytes / BYTES_PER_MIB * self.area_mm2_per_mib.value


class Noc(Shape):
    """A packet network between the engines of a chip: what a bit costs by the hop and by the millimetre."""

    node_nm: NodeNm
    hop_pj_per_bit: LowerIsBetter
    """A router and the link behind it."""
    wire_pj_per_bit_per_mm: LowerIsBetter
    """Wire alone, where no router lies in between."""
    link_bits: Annotated[int, Field(ge=1)]
    """Bits that one link carries in one cycle."""
    hop_cycles: Annotated[int, Field(ge=1)]
    """Of the head of a packet, through one router and its link."""

    def moved_pj(self, bits: Quantity, hops: Quantity) -> Quantity:
        """Energy of carrying bits over so many hops."""
        return bits * hops * self.hop_pj_per_bit.value

    def wired_pj(self, bits: Quantity, length_mm: Quantity) -> Quantity:
        """Energy of carrying bits over so much wire."""
        return bits * length_mm * self.wire_pj_per_bit_per_mm.value


KINDS: Mapping[str, type[Shape]] = {
    "mac": Mac,
    "register_file": RegisterFile,
    "sram": SramTable,
    "edram": Edram,
    "noc": Noc,
}
"""Shape of an electronic part's parameters by its kind."""
