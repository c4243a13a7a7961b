"""What one work moves between a buffer and the light, and across the chip's edge."""

from __future__ import annotations

from dataclasses import dataclass

from joulescape.simulators._photonics import Buffer
from joulescape.simulators.base import Component, Context, Energy, Quantity, Traffic


@dataclass(frozen=True)
class MovedBytes:
    """Bytes of one work, for the whole batch; `off_...` cross the chip's edge."""

    input_read: Quantity
    output_read: Quantity
    output_write: Quantity
    weight_read: Quantity
    off_input: Quantity
    off_weight: Quantity
    off_output: Quantity
    off_sums: Quantity = 0.0
    """Partial sums that leave, and as many that come back."""
    input_write: Quantity = 0.0
    """Inputs written into the buffer on their way in."""

    @property
    def off_chip(self) -> Quantity:
        """All bytes across the chip's edge."""
        return self.off_input + self.off_weight + self.off_output + 2 * self.off_sums

    def traffic(self) -> tuple[Traffic, ...]:
        """The same, by memory and operand."""
        return (
            Traffic("sram", "input", self.input_read, self.input_write),
            Traffic("sram", "output", self.output_read, self.output_write),
            Traffic("sram", "weight", self.weight_read, 0.0),
            Traffic("off_chip_memory", "input", self.off_input, 0.0),
            Traffic("off_chip_memory", "weight", self.off_weight, 0.0),
            Traffic("off_chip_memory", "output", self.off_sums, self.off_output + self.off_sums),
        )

    def energies(self, buffer: Buffer, context: Context) -> tuple[Energy, ...]:
        """Of the buffer and of off-chip memory."""
        read = self.input_read + self.output_read + self.weight_read
        sram = Energy(buffer_component(buffer), buffer.transfer_pj(read, self.output_write + self.input_write))
        if not context.includes_off_chip:
            return (sram,)
        fetched = self.off_input + self.off_weight + self.off_sums
        return (sram, context.off_chip.transfer(fetched, self.off_output + self.off_sums))


def buffer_component(buffer: Buffer) -> Component:
    """Buffer of activations, partial sums and weights, under the name that every table uses."""
    return Component.resting_on("sram", "chip", buffer.read_pj_per_bit, buffer.write_pj_per_bit, scales=True)
