"""Ports that a declared memory has for one movement alone."""

from __future__ import annotations

import math
from dataclasses import replace

from joulescape.simulators._mapping.hierarchy import Direction, Memory, Port
from joulescape.simulators._mapping.layer import Operand


def own_port(memory: Memory, operand: Operand, direction: Direction, factor: float = 1.0) -> Memory:
    """A memory with a port of its own for one movement, `factor` times as wide: an access then moves so many bits more
    for the same energy."""
    old = memory.port(operand, direction)
    wide = Port(f"{old.name}_{operand}_{direction}", math.ceil(old.bits * factor), old.least_bits)
    bindings = tuple(
        (who, way, len(memory.ports) if (who, way) == (operand, direction) else port)
        for who, way, port in memory.bindings
    )
    return replace(memory, ports=(*memory.ports, wide), bindings=bindings)
