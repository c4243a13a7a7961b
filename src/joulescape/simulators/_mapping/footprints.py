"""Room that tensors take where they stay between layers: as the mapper stores them, padding included."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork
from joulescape.simulators._mapping.declared import OPERAND, MemoryDeclaration
from joulescape.simulators._mapping.layer import RELEVANT, Layer
from joulescape.simulators._mapping.unrolling import Unrolling


def footprints(products: Iterable[tuple[MatrixWork, Loops]]) -> Mapping[int, int]:
    """By number of elements, the most places that a tensor of so many takes in any of these products.

    The layer that writes a tensor and the one that reads it, padded, both know the number, so both find the same room.
    """
    found: dict[int, int] = {}
    for work, loops in products:
        layer = Layer(loops)
        for name, operand in OPERAND.items():
            elements = getattr(work, name).elements
            found[elements] = max(found.get(elements, elements), layer.elements(operand))
    return found


def least_weights_bits(unrolling: Unrolling, bits: int, memory: MemoryDeclaration) -> int:
    """Room for the weights that the units of an unrolling need at once, and for those to come where it is kept."""
    each = prod(units for _, loops in unrolling for loop, units in loops if loop in RELEVANT["W"])
    return each * bits * (2 if memory.buffering == "always" else 1)
