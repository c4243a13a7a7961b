"""BPLight-CNN's printed ratios beside what the model computes against our own ISAAC, at one precision, batch and area.

    python benchmarks/photonic_claims.py        prints the tables of docs/photonic_claims.md

Batch 64, every part inside the system boundary, CMOS parts at 32 nm. ISAAC has the tiles that hold the network (and
at least one bank's area), its layers replicated as often as fits; the ring banks fill the same area. The scalar host is
the same for both: it stands outside the ratios of the machines themselves and inside those of the systems.

Three readings of "16 bits": `as printed`, converters of 16 bits on the light, a link that cannot close; `light at its
own bits`, operands of 16 bits in memory, rings of 8, receivers of 5, against ISAAC's full 16; `both at 8 bits`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from joulescape.compression.base import Described
from joulescape.network.build import build_graph
from joulescape.network.lower import lower
from joulescape.network.operators import Phase
from joulescape.network.work import OperandFormat
from joulescape.pricing.metrics import at_node, price
from joulescape.resolve.back_end import load_back_end
from joulescape.resolve.machine import Machine, PhaseCost
from joulescape.simulators._node import area_factor
from joulescape.spec.network import NetworkSpec
from joulescape.spec.sourced import CORNERS, Corner

ROOT = Path(__file__).parents[1]
BATCH, NODE_NM = 64, 32
LIGHT, RIVAL = "photonic/bplight_cnn", "memristive/isaac"
READINGS = {"as printed": 16, "light at its own bits": 16, "both at 8 bits": 8}
"""Operand bits of each reading."""
PRINTED = {"dac.bits": 16, "adc.bits": 16, "weights.bits": 16, "weights.dac.bits": 16}
PHASES: tuple[Phase, ...] = ("inference", "training")
CLAIMS: Mapping[tuple[str, str], float] = {
    ("training", "speed"): 34.0, ("training", "efficiency"): 34.0, ("training", "energy"): 38.5,
    ("inference", "speed"): 29.0, ("inference", "efficiency"): 31.0, ("inference", "energy"): 38.7,
}  # fmt: skip
"""Of the abstract (dang2021); efficiency is GOPS/mm2, against designs that it does not name."""


def lenet(bits: int) -> Described:
    """LeNet-5 on 28 x 28."""
    rows = [_conv("conv1", 6, 5, 2), _relu(1), _pool(1), _conv("conv2", 16, 5, 0), _relu(2), _pool(2),
            {"name": "flat", "kind": "flatten"}, _dense("fc1", 120), _relu(3), _dense("fc2", 84), _relu(4),
            _dense("fc3", 10)]  # fmt: skip
    return _described("lenet", (1, 28, 28), rows, bits)


def vgg(bits: int) -> Described:
    """VGG-16 on 32 x 32: thirteen convolutions, one dense layer of 512 and the classifier."""
    rows: list[dict[str, Any]] = []
    number = 0
    for stage, (channels, repeats) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), start=1):
        for _ in range(repeats):
            number += 1
            rows += [_conv(f"conv{number}", channels, 3, 1), _relu(number)]
        rows.append(_pool(stage))
    rows += [{"name": "flat", "kind": "flatten"}, _dense("fc1", 512), _relu(14), _dense("fc2", 10)]
    return _described("vgg", (3, 32, 32), rows, bits)


NETWORKS = {"LeNet-5": lenet, "VGG-16": vgg}


@dataclass(frozen=True)
class Bill:
    """One phase of one machine: of the machine itself, and of the system with host."""

    own_ns: float
    own_pj: float
    system_ns: float
    system_pj: float


@dataclass(frozen=True)
class Ratio:
    """How much better the ring banks are: typical over typical, and the ends over all pairs of corners."""

    typical: float
    low: float
    high: float


@dataclass(frozen=True)
class Setting:
    """One network under one reading."""

    network: str
    reading: str

    @property
    def bits(self) -> int:
        """Operand bits."""
        return READINGS[self.reading]

    def described(self) -> Described:
        """The network in its formats."""
        return NETWORKS[self.network](self.bits)

    def light(self, banks: int, corner: Corner) -> Machine:
        """Ring banks."""
        return _machine(LIGHT, {"bank.count": banks, **(PRINTED if self.reading == "as printed" else {})}, corner)

    def rival(self, tiles: int, copies: int, corner: Corner) -> Machine:
        """ISAAC."""
        sizes = {"tiles": tiles, "hypertransport.links": 0, "replication": copies}
        return _machine(RIVAL, sizes, corner)


def ratios(setting: Setting) -> dict[tuple[str, str], Ratio]:
    """(phase, what) -> ratio; `what` is speed, energy or efficiency of the machines, or system speed or energy."""
    found: dict[tuple[str, str], dict[tuple[Corner, Corner], float]] = {}
    for ours in CORNERS:
        for theirs in CORNERS:
            for key, value in _ratios(setting, ours, theirs):
                found.setdefault(key, {})[ours, theirs] = value
    return {key: Ratio(v["typical", "typical"], min(v.values()), max(v.values())) for key, v in found.items()}


def table(reading: str) -> str:
    """One Markdown table of docs/photonic_claims.md."""
    lines = [
        "| network | phase | ratio | claimed | typical | low | high | follows |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for network in NETWORKS:
        for (phase, what), ratio in ratios(Setting(network, reading)).items():
            claim = CLAIMS.get((phase, what))
            said = ("", "") if claim is None else (f"{claim:g}", _follows(claim, ratio))
            cells = (
                network,
                phase,
                what,
                said[0],
                *(f"{v:.2g}" for v in (ratio.typical, ratio.low, ratio.high)),
                said[1],
            )
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _follows(claim: float, ratio: Ratio) -> str:
    if ratio.low >= claim:
        return "at every corner"
    if ratio.typical >= claim:
        return "typically"
    return "at the best corners only" if ratio.high >= claim else "no"


def _ratios(setting: Setting, ours: Corner, theirs: Corner) -> Iterator[tuple[tuple[str, str], float]]:
    light, rival = bills(setting, "light", ours), bills(setting, "rival", theirs)
    areas = area(setting, "light", ours) / area(setting, "rival", theirs)
    for phase in PHASES:
        a, b = light[phase], rival[phase]
        yield (phase, "speed"), b.own_ns / a.own_ns
        yield (phase, "efficiency"), b.own_ns / a.own_ns / areas
        yield (phase, "energy"), b.own_pj / a.own_pj
        yield (phase, "system speed"), b.system_ns / a.system_ns
        yield (phase, "system energy"), b.system_pj / a.system_pj


@cache
def machine(setting: Setting, which: str, corner: Corner) -> Machine:
    """The ring banks or the rival of a setting, of equal area."""
    tiles, copies = _rival_size(setting)
    if which == "rival":
        return setting.rival(tiles, copies, corner)
    one, two = (_own_area(setting.light(count, "typical")) for count in (1, 2))
    wanted = _own_area(setting.rival(tiles, copies, "typical"))
    return setting.light(max(1, round((wanted - one) / (two - one)) + 1), corner)


@cache
def bills(setting: Setting, which: str, corner: Corner) -> dict[Phase, Bill]:
    """What a batch of inference and a step of training take."""
    described, made = setting.described(), machine(setting, which, corner)
    works = {phase: lower(described.graph, described.formats, phase, BATCH, {}) for phase in PHASES}
    priced = at_node(price(made, described, works, None), made.node_nm, NODE_NM)
    return {phase: _bill(made, cost) for phase, cost in priced.phases.items()}


def area(setting: Setting, which: str, corner: Corner) -> float:
    """Area of a machine without its host, CMOS at the common node."""
    return _own_area(machine(setting, which, corner))


def _bill(machine: Machine, cost: PhaseCost) -> Bill:
    """The machine's own work: parts of its own in the layers that it runs, and the time that these take."""
    own = [run for run in cost.layers if run.station == machine.own.name]
    parts = [e for run in own for e in run.energies if not e.component.name.startswith("host_")]
    busy = sum(float(np.asarray(run.cost.latency_ns).max()) for run in own)
    span = cost.interval_ns if machine.own.simulator.is_pipelined and cost.phase == "inference" else None
    own_ns = busy if span is None else _pipelined(machine, cost)
    energy = float(np.asarray(cost.energy_pj()).max())
    return Bill(own_ns, sum(float(np.asarray(e.energy_pj).max()) for e in parts), float(cost.makespan_ns[0]), energy)


def _pipelined(machine: Machine, cost: PhaseCost) -> float:
    """Samples follow each other through ISAAC: the slowest layer of its own sets the pace."""
    own = [run.cost for run in cost.layers if run.station == machine.own.name]
    times = [c.latency_ns if c.occupancy_ns is None else c.occupancy_ns for c in own]
    return max(float(np.asarray(time).max()) for time in times)


def _machine(name: str, sizes: dict[str, Any], corner: Corner) -> Machine:
    return load_back_end(ROOT, name, sizes).machine("system", corner=corner)


def _own_area(made: Machine) -> float:
    factor = area_factor(made.node_nm, NODE_NM)
    parts = made.own.simulator.area(made.own.settings)
    return sum(float(part.area_mm2) * (factor if part.component.scales else 1.0) for part in parts)


@cache
def _rival_size(setting: Setting) -> tuple[int, int]:
    """(tiles, copies): fewest tiles that hold the network and are no smaller than one ring bank, then most copies."""
    bank, tile = _own_area(setting.light(1, "typical")), _own_area(setting.rival(1, 1, "typical"))
    least = max(1, round(bank / tile))
    tiles = next(tiles for tiles in range(least, 400) if _fits(setting, tiles, 1))
    return tiles, max(copies for copies in (1, 2, 4, 8, 16, 32, 64) if _fits(setting, tiles, copies))


def _fits(setting: Setting, tiles: int, copies: int) -> bool:
    described = setting.described()
    work = lower(described.graph, described.formats, "inference", BATCH, {})
    limits = setting.rival(tiles, copies, "typical").limits(described, work)
    return all(float(np.max(limit.overshoot)) <= 0 for limit in limits)


def _described(name: str, shape: tuple[int, ...], rows: list[dict[str, Any]], bits: int) -> Described:
    content = {"about": name, "task": "digits", "input": shape, "operators": rows, "training": {"epochs": 1}}
    graph = build_graph(name, NetworkSpec.model_validate(content))
    formats = {
        o.name: OperandFormat(bits, bits, weight_bytes=o.parameter_count * bits / 8)
        for o in graph.operators
        if o.is_matrix
    }
    return Described(graph, graph, formats, ())


def _conv(name: str, channels: int, kernel: int, padding: int) -> dict[str, Any]:
    return {"name": name, "kind": "conv", "out_channels": channels, "kernel": kernel, "padding": padding}


def _dense(name: str, features: int) -> dict[str, Any]:
    return {"name": name, "kind": "dense", "out_features": features}


def _relu(number: int) -> dict[str, Any]:
    return {"name": f"relu{number}", "kind": "relu"}


def _pool(number: int) -> dict[str, Any]:
    return {"name": f"pool{number}", "kind": "max_pool", "kernel": 2}


def sizes(setting: Setting) -> str:
    """What is compared, in words."""
    tiles, copies = _rival_size(setting)
    banks = machine(setting, "light", "typical").own.settings.bank.count  # type: ignore[attr-defined]
    areas = " and ".join(f"{area(setting, which, 'typical'):.3g}" for which in ("rival", "light"))
    rival = f"{tiles} tiles of ISAAC with up to {copies} copies of a layer"
    return f"{setting.network}: {rival} against {banks} ring banks, {areas} mm2."


def page() -> str:
    """All tables, as docs/photonic_claims.md holds them."""
    parts = []
    for reading in READINGS:
        said = " ".join(sizes(Setting(network, reading)) for network in NETWORKS)
        parts += [f"### {reading.capitalize()}", said, table(reading)]
    return "\n\n".join(parts)


if __name__ == "__main__":
    print(page())
