"""Where optical computing ends: bits against light and array size, energy per MAC, and what it is made of.

    python benchmarks/photonic_wall.py          prints the tables of docs/photonic_wall.md

One dense layer of 256 x 256, everything inside the system boundary, no host, links matched to the receivers' bits.
`bits`: what a received power buys. `light`: optical power of one laser line that so many bits ask for. `energy`: pJ per
MAC and its largest part at batch 1,024. `reuse`: pJ per MAC by kind of part over the batch, which is how often a loaded
weight is used, with what sets the time and the share of the peak rate that is in use.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from joulescape.network.operators import Loops
from joulescape.network.work import MatrixWork, Operand
from joulescape.resolve.back_end import BackEnd, load_back_end
from joulescape.simulators.base import Context, LayerCost, Limit
from joulescape.units import dbm_to_mw

ROOT = Path(__file__).parents[1]
SIZES, BITS, WIDTH, BATCH = (4, 8, 16, 32), (3, 4, 5, 6, 7), 256, 1024
BATCHES = (1, 16, 256, 4096)
RECEIVED_DBM = (-35, -30, -25, -20, -15, -10, -5, 0)
PLACES = {"photonic/mzi_mesh": ("mesh.size",), "photonic/broadcast_weight": ("bank.channels", "bank.rows")}
"""Which settings a size is, by back end."""
REUSED: Mapping[str, Mapping[str, Any]] = {
    "photonic/mzi_mesh": {"adc.bits": 4, "dac.bits": 4, "mesh.size": 16},
    "photonic/broadcast_weight": {"adc.bits": 4, "dac.bits": 4},
    "photonic/deap_cnn": {},
    "photonic/bplight_cnn": {},
    "photonic/lightning_transformer": {},
    "photonic/tempo": {},
    "photonic/albireo": {},
    "photonic/netcast": {},
}
"""Machines of the reuse table: as shipped, but the first two at 4 bits, where their links close."""
KINDS = {
    "light": ("laser", "optical_amplifier"),
    "holding": ("phase_shifters", "ring_tuning", "routers", "memristor_hold"),
    "modulation": ("modulator", "modulator_lock", "modulator_bias", "weight_modulator", "input_modulator"),
    "detection": ("photodetector", "amplifier", "transimpedance"),
    "conversion": ("input_dac", "adc", "weight_dac", "phase_dac", "phase_writing", "weight_writing", "memristor_read"),
    "memory": ("sram", "sram_leakage", "off_chip_memory"),
    "digital": ("accumulator",),
}


def bits() -> str:
    """Effective bits of one channel, or of one product: machines down, received power across."""
    head = ["machine", *(f"{power} dBm" for power in RECEIVED_DBM), "most"]
    return _table(head, [[f"`{name}`", *_bits(name)] for name in REUSED])


def light(name: str) -> str:
    """Optical mW of one line: sizes down, bits across."""
    return _markdown(["size", *(f"{bits} bits" for bits in BITS)], SIZES, lambda size: _lines(name, size))


def energy(name: str) -> str:
    """pJ per MAC with its largest part: sizes down, bits across."""
    head = ["size", *(f"{bits} bits" for bits in BITS)]
    return _markdown(head, SIZES, lambda size: [cell(name, size, bits) for bits in BITS])


def reuse(name: str) -> str:
    """pJ per MAC by kind of part: batches down."""
    return _markdown(["batch", *KINDS, "all", "largest", "bound by"], BATCHES, lambda batch: _kinds(name, batch))


def cell(name: str, size: int, bits: int) -> str:
    """Energy per MAC and its largest part; or what the link can give."""
    back_end = _sized(name, size, bits)
    broken = broken_limit(back_end)
    if broken is not None:
        return _most(broken)
    parts = energy_parts(back_end, BATCH)
    largest = max(parts, key=lambda part: parts[part])
    return f"{sum(parts.values()):.2g} {largest.replace('_', ' ')} {parts[largest] / sum(parts.values()):.0%}"


def broken_limit(back_end: BackEnd) -> Limit | None:
    """The first limit that the machine breaks."""
    found = back_end.simulator.limits([], back_end.settings, _context(back_end, BATCH))
    return next((limit for limit in found if float(limit.overshoot) > 0), None)


def layer(back_end: BackEnd, batch: int) -> LayerCost:
    """The layer's cost."""
    work = MatrixWork(
        "fc", "forward", Loops(B=batch, K=WIDTH, C=WIDTH), Operand(WIDTH**2, 8),
        Operand(WIDTH * batch, 8, is_signed=False), Operand(WIDTH * batch, 8),
    )  # fmt: skip
    found: LayerCost = back_end.simulator.cost([work], back_end.settings, _context(back_end, batch))[0]
    return found


def energy_parts(back_end: BackEnd, batch: int) -> dict[str, float]:
    """pJ per MAC by component, static power charged for the layer's time."""
    cost = layer(back_end, batch)
    found = {part.component.name: float(np.max(part.energy_pj)) / cost.macs for part in cost.energies}
    for power in back_end.simulator.static_power(back_end.settings):
        found[power.component.name] = float(np.max(power.power_mw) * np.max(cost.latency_ns)) / cost.macs
    return found


def by_kind(parts: Mapping[str, float]) -> dict[str, float]:
    """The same by kind; KeyError where a part is of none."""
    kind_of = {part: kind for kind, names in KINDS.items() for part in names}
    found = dict.fromkeys(KINDS, 0.0)
    for part, value in parts.items():
        found[kind_of[part]] += value
    return found


def _link(back_end: BackEnd) -> Any:
    return importlib.import_module(f"joulescape.simulators.{back_end.spec.simulator}.link")


def _bits(name: str) -> list[str]:
    back_end = load_back_end(ROOT, name, {})
    channel = _link(back_end).channel(back_end.settings)
    found = [channel.bits(dbm_to_mw(dbm)) for dbm in RECEIVED_DBM]
    return [f"{value:.1f}" if value > 0 else "none" for value in [*found, channel.ceiling_bits]]


def _sized(name: str, size: int, bits: int) -> BackEnd:
    return load_back_end(ROOT, name, dict.fromkeys(PLACES[name], size) | {"adc.bits": bits, "dac.bits": bits})


def _lines(name: str, size: int) -> list[str]:
    made = [_sized(name, size, bits) for bits in BITS]
    broken = [broken_limit(back_end) for back_end in made]
    return [
        f"{_link(m).budget(m.settings).line_mw:.2g} mW" if b is None else _most(b)
        for m, b in zip(made, broken, strict=True)
    ]


def _most(limit: Limit) -> str:
    found = re.search(r"close with (\d+) bits", limit.reason)
    return "no bits" if found is None else f"only {found[1]} bits"


def _kinds(name: str, batch: int) -> list[str]:
    back_end = load_back_end(ROOT, name, REUSED[name])
    found, cost = by_kind(energy_parts(back_end, batch)), layer(back_end, batch)
    bound = f"{str(cost.bound_by).replace('_', ' ')}, {float(np.max(cost.utilisation_fraction)):.1%} in use"
    total, largest = sum(found.values()), max(found, key=lambda kind: found[kind])
    return [
        *(f"{value:.2g}" for value in found.values()),
        f"{total:.3g}",
        f"{largest} {found[largest] / total:.0%}",
        bound,
    ]


def _context(back_end: BackEnd, batch: int) -> Context:
    edge = frozenset({"fc"})
    return Context(batch, back_end.off_chip.at("typical"), True, first=edge, last=edge, resident_bytes=float(WIDTH**2))


def _markdown(head: Sequence[str], keys: Sequence[int], row: Callable[[int], list[str]]) -> str:
    return _table(head, [[str(key), *row(key)] for key in keys])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def tables() -> Iterator[tuple[str, str]]:
    """Every table of the page with its heading."""
    yield "Effective bits of one channel by the light that reaches its receiver at 5 GHz", bits()
    for name in PLACES:
        yield f"`{name}`, optical power of one line", light(name)
        yield f"`{name}`, pJ per MAC and its largest part", energy(name)
    for name in REUSED:
        yield f"`{name}`, pJ per MAC by kind of part", reuse(name)


if __name__ == "__main__":
    print("\n\n".join(f"{heading}:\n\n{table}" for heading, table in tables()))
