"""Where optical computing ends: energy per MAC, and what it is made of, over array size and bits.

    python benchmarks/photonic_wall.py          prints the tables of docs/photonic_claims.md

One dense layer of 256 x 256 at batch 1024, everything inside the system boundary, the link matched to the receivers'
bits. A cell says pJ per MAC and its largest part, or why the link does not close.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, Operand
from joulescape.resolve.back_end import BackEnd, load_back_end
from joulescape.simulators.base import Context, LayerCost

ROOT = Path(__file__).parents[1]
SIZES, BITS, WIDTH, BATCH = (4, 8, 16, 32), (3, 4, 5, 6, 7), 256, 1024
PLACES = {"photonic/mzi_mesh": ("mesh.size",), "photonic/broadcast_weight": ("bank.channels", "bank.rows")}
"""Which settings a size is, by back end."""


def table(name: str) -> str:
    """One Markdown table: sizes down, bits across."""
    head = "| size | " + " | ".join(f"{bits} bits" for bits in BITS) + " |"
    rows = [f"| {size} | " + " | ".join(cell(name, size, bits) for bits in BITS) + " |" for size in SIZES]
    return "\n".join([head, "|---" * (len(BITS) + 1) + "|", *rows])


def cell(name: str, size: int, bits: int) -> str:
    """Energy per MAC and its largest part; or what the link can give."""
    back_end = load_back_end(ROOT, name, dict.fromkeys(PLACES[name], size) | {"adc.bits": bits, "dac.bits": bits})
    settings, simulator = back_end.settings, back_end.simulator
    broken = [limit for limit in simulator.limits([], settings, _context(back_end)) if float(limit.overshoot) > 0]
    if broken:
        closing = broken[0].reason.partition("; it would ")[2].partition(",")[0]
        return closing.replace("close with", "only") or "no room"
    parts = dict(energy_parts(back_end))
    largest = max(parts, key=lambda part: parts[part])
    return f"{sum(parts.values()):.2g} {largest.replace('_', ' ')} {parts[largest] / sum(parts.values()):.0%}"


def energy_parts(back_end: BackEnd) -> Iterator[tuple[str, float]]:
    """pJ per MAC by component, static power charged for the layer's time."""
    work = MatrixWork(
        "fc", "forward", Loops(B=BATCH, K=WIDTH, C=WIDTH), Operand(WIDTH**2, 8),
        Operand(WIDTH * BATCH, 8, is_signed=False), Operand(WIDTH * BATCH, 8),
    )  # fmt: skip
    cost: LayerCost = back_end.simulator.cost([work], back_end.settings, _context(back_end))[0]
    for energy in cost.energies:
        yield energy.component.name, float(np.max(energy.energy_pj)) / work.macs
    for power in back_end.simulator.static_power(back_end.settings):
        yield power.component.name, float(np.max(power.power_mw) * np.max(cost.latency_ns)) / work.macs


def _context(back_end: BackEnd) -> Context:
    edge = frozenset({"fc"})
    return Context(BATCH, back_end.off_chip.at("typical"), True, first=edge, last=edge, resident_bytes=float(WIDTH**2))


def page() -> str:
    """Both tables."""
    return "\n\n".join(f"`{name}`:\n\n{table(name)}" for name in PLACES)


if __name__ == "__main__":
    print(page())
