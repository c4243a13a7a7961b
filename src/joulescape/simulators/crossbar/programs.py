"""What a program takes: instructions fetched and decoded, registers, vector lanes, marks and buffers of shared memory.

PUMA (ankit2019) runs networks that no state machine was drawn for. Every input vector takes a few instructions in each
core that holds part of the layer; inputs and results pass the registers, partial sums and results the vector lanes.
"""

from __future__ import annotations

from joulescape.simulators.base import Energy, Quantity, ceil_div
from joulescape.simulators.crossbar.mapping import Mapping
from joulescape.simulators.crossbar.roll_up import Fitted, Parts
from joulescape.simulators.crossbar.settings import CrossbarSettings

PACKET_VALUES = 16
"""Values that a tile's memory and its receive buffer take at once: 256 bits (pumasim2019, edram_buswidth)."""


def program_energies(mapping: Mapping, found: Parts, settings: CrossbarSettings) -> tuple[Energy, ...]:
    """What one product takes of its program; nothing without one. Each access takes a clock; in every tile a vector is
    received once and its results are sent once."""
    program = settings.program
    if program is None:
        return ()
    loops, clock_ns = mapping.loops, 1 / settings.clock_ghz.value
    cores = ceil_div(mapping.arrays, settings.crossbars_per_ima)
    fetches = program.instructions_per_vector * loops.positions * cores
    messages = 2 * loops.positions * ceil_div(cores, settings.imas_per_tile)
    partial = mapping.row_tiles * loops.positions * loops.G * loops.K
    inputs, results = loops.positions * loops.G * loops.reduction, loops.positions * loops.G * loops.K
    packets = (inputs + results) / PACKET_VALUES
    accesses = {
        "control": fetches, "instructions": fetches, "registers": (inputs + partial) / program.vector.count,
        "vector": partial, "tile_control": packets, "tile_instructions": messages,
        "attributes": packets, "receive_buffer": results / PACKET_VALUES,
    }  # fmt: skip
    return tuple(_access(found[name], count * clock_ns) for name, count in accesses.items())


def _access(part: Fitted, busy_ns: Quantity) -> Energy:
    return Energy(part.component(part.unit_power_mw), part.unit_power_mw.value * busy_ns)
