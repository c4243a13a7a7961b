"""A mapping as a person reads it: loops, the memory that each operand lies in, utilisation, what it waits for."""

from __future__ import annotations

from joulescape.simulators._mapping.layer import DIMS, OPERANDS, Operand
from joulescape.simulators._mapping.mapper import Mapped
from joulescape.simulators._mapping.quantities import Lane


def explain(mapped: Mapped) -> str:
    """The nest, outermost loop first; a line below each says what becomes resident inside it."""
    lines = [_headline(mapped), ""]
    depth = 0
    ends = {operand: mapped.nest.merged(operand) for operand in OPERANDS}
    for index in range(len(mapped.nest.loops), -1, -1):
        lines += [f"{'  ' * depth}[{text}]" for text in _resident(mapped, ends, index)]
        if index:
            dim, size = mapped.nest.loops[index - 1]
            lines.append(f"{'  ' * depth}for {dim.lower()} in {size}:")
            depth += 1
    lines += [f"{'  ' * depth}{text}" for text in _units(mapped)]
    return "\n".join([*lines, "", *_traffic(mapped), "", *_lanes(mapped)])


def _headline(mapped: Mapped) -> str:
    loops = mapped.spatial.layer.loops
    shape = " ".join(f"{dim}{getattr(loops, dim)}" for dim in DIMS if getattr(loops, dim) > 1)
    left = f"at most {100 * mapped.gap_fraction:.2g} % left" if mapped.gap_fraction < 1 else "what is left is not known"
    proof = f"truncated, {left}" if mapped.is_truncated else "optimal"
    return (
        f"{shape} on {mapped.spatial.hierarchy.name}, least {mapped.objective} ({proof})\n"
        f"{mapped.energy_pj:.6g} pJ, {mapped.cycles:.0f} cycles, "
        f"utilisation {100 * mapped.utilisation_fraction:.1f} %, bound by {mapped.bound_by}"
    )


def _resident(mapped: Mapped, ends: dict[Operand, tuple[int, ...]], index: int) -> list[str]:
    """Tiles that are complete inside the loops above this point, outer memories first."""
    moves = mapped.cost.moves
    found = []
    for operand in OPERANDS:
        for level in reversed(range(len(ends[operand]))):
            if ends[operand][level] == index:
                memory = mapped.spatial.hierarchy.memory(operand, level)
                twice = ", and the next" if (operand, level) in mapped.doubled else ""
                found.append(f"{memory.name}: {moves.amounts[operand][level + 1]} {operand}{twice}")
    return found


def _units(mapped: Mapped) -> list[str]:
    """Loops that run side by side, and how many units they keep busy."""
    found = []
    for array, loops in mapped.spatial.granted:
        size = mapped.spatial.hierarchy.array.size[array]
        told = ", ".join(f"{dim.lower()} in {units}" for dim, units in loops) or "nothing"
        found.append(f"side by side along {array} ({size}): {told}")
    used, units = mapped.spatial.used_units, mapped.spatial.hierarchy.array.units
    return [*found, f"multiply ({used:.4g} of {units} units at work on average)"]


def _traffic(mapped: Mapped) -> list[str]:
    """Accesses of a full port width, by memory and operand."""
    lines = ["accesses of a full port width, read and written:"]
    wide = 2 + max(len(memory.name) for memory in mapped.spatial.hierarchy.memories)
    for (index, operand), (read, written) in sorted(mapped.cost.words_by_memory().items()):
        memory = mapped.spatial.hierarchy.memories[index]
        energy = read * memory.read_pj + written * memory.write_pj
        lines.append(f"  {memory.name:<{wide}}{operand}{read:>16.0f}{written:>16.0f}{energy:>14.4g} pJ")
    return lines


def _lanes(mapped: Mapped) -> list[str]:
    """Cycles of every port and path, longest first."""
    lanes = mapped.cost.lanes
    ordered = sorted(lanes, key=lambda lane: (-lanes[lane], str(lane)))
    return ["cycles:", *(f"  {_named(mapped, lane):<28}{lanes[lane]:>14.0f}" for lane in ordered)]


def _named(mapped: Mapped, lane: Lane) -> str:
    if isinstance(lane, tuple):
        memory = mapped.spatial.hierarchy.memories[lane[0]]
        return f"{memory.name} port {memory.ports[lane[1]].name}"
    return f"path of {lane} (ideal {mapped.spatial.cycles})"
