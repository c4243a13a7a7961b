"""BPLight-CNN's printed ratios beside what the model computes against our own ISAAC and PipeLayer.

    python benchmarks/photonic_claims.py        prints the tables of docs/photonic_claims.md

One precision, batch 64, CMOS parts at 32 nm, one area. A rival has the tiles of its printed chip, or the fewest that
hold the network and a training step, and in each phase as many copies of its layers as spend the least energy times
time; ring banks fill the same area and copy tiles where that is faster.

Two boundaries. The plain ratios are of layers with weights alone, on both sides: products, gradients and updates, with
all that the machines burn meanwhile, and neither the light's scalar host nor the rivals' own units for rectifiers and
pooling; on-chip, neither side waits for off-chip memory. The ratios of the systems have all layers: the light then
waits for its host, the rivals at inference for their own units.

Three readings of "16 bits": `as printed`, converters of 16 bits on the light, a link that cannot close; `light at its
own bits`, operands of 16 bits in memory, rings of 8, receivers of 5, against the rivals' full 16; `both at 8 bits`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from claim_networks import NETWORKS

from joulescape.compression.base import Described
from joulescape.network.lower import lower
from joulescape.network.operators import Phase
from joulescape.network.work import PhaseWork
from joulescape.resolve.back_end import BackEnd, load_back_end
from joulescape.resolve.machine import Machine, PhaseCost
from joulescape.simulators._node import area_factor, energy_factor
from joulescape.spec.sourced import CORNERS, Corner

ROOT = Path(__file__).parents[1]
BATCH, NODE_NM = 64, 32
LIGHT = "photonic/bplight_cnn"
RIVALS = {"ISAAC": "memristive/isaac", "PipeLayer": "memristive/pipelayer"}
SHARES = tuple(4**power for power in range(8))
"""Output positions of a sample that one copy of a layer's arrays may have to itself."""
EQUAL = "both at 8 bits"
"""The reading in which all machines have one precision."""
READINGS = {"as printed": 16, "light at its own bits": 16, EQUAL: 8}
"""Operand bits of each reading."""
PRINTED = {"dac.bits": 16, "adc.bits": 16, "weights.bits": 16, "weights.dac.bits": 16}
PHASES: tuple[Phase, ...] = ("inference", "training")
CLAIMS: Mapping[tuple[str, str], float] = {
    ("training", "speed"): 34.0, ("training", "efficiency"): 34.0, ("training", "energy"): 38.5,
    ("inference", "speed"): 29.0, ("inference", "efficiency"): 31.0, ("inference", "energy"): 38.7,
}  # fmt: skip
"""Of the abstract (dang2021); efficiency is GOPS/mm2, against designs that it does not name."""
ROWS = tuple(
    (phase, what)
    for phase in ("training", "inference")
    for what in ("speed", "efficiency", "energy", "on-chip speed", "system speed", "system energy")
)
"""Rows of every table: of layers with weights, of these without off-chip memory, then of whole systems."""


@dataclass(frozen=True)
class Bill:
    """One phase of one machine: layers with weights (`chip_ns` without off-chip memory), and the whole system."""

    own_ns: float
    own_pj: float
    chip_ns: float
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
    """One network under one reading, and who is compared with."""

    network: str
    reading: str
    rival: str

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

    def memristors(self, tiles: int, share: int, corner: Corner) -> Machine:
        """The rival; its counters, where it has any, are as wide as its operands."""
        sizes: dict[str, Any] = {"tiles": tiles, "hypertransport.links": 0, "positions_per_copy": share}
        sizes["layout.duplication"] = "fixed"
        if self.rival == "PipeLayer":
            sizes["spikes.counter_bits"] = self.bits
        return _machine(RIVALS[self.rival], sizes, corner)


@cache
def ratios(setting: Setting) -> dict[tuple[str, str], Ratio]:
    """(phase, what) -> ratio; `what` is speed, energy or efficiency of layers with weights, or of the systems."""
    found: dict[tuple[str, str], dict[tuple[Corner, Corner], float]] = {}
    for ours in CORNERS:
        for theirs in CORNERS:
            for key, value in _ratios(setting, ours, theirs):
                found.setdefault(key, {})[ours, theirs] = value
    return {key: Ratio(v["typical", "typical"], min(v.values()), max(v.values())) for key, v in found.items()}


def table(reading: str) -> str:
    """Every claim against both rivals under one reading."""
    pairs = [(network, rival) for network in NETWORKS for rival in RIVALS]
    head = ["", "claimed", *(f"{network}, {rival}" for network, rival in pairs)]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for phase, what in ROWS:
        claim = CLAIMS[phase, what.split()[-1]]
        cells = [_cell(claim, ratios(Setting(network, reading, rival))[phase, what]) for network, rival in pairs]
        lines.append("| " + " | ".join([f"{phase} {what}", f"{claim:g}", *cells]) + " |")
    return "\n".join(lines)


def _cell(claim: float, ratio: Ratio) -> str:
    said = f"{_short(ratio.typical)} ({_short(ratio.low)} to {_short(ratio.high)})"
    return f"{follows(claim, ratio)}: {said}"


def _short(value: float) -> str:
    return f"{float(f'{value:.2g}'):g}"


def follows(claim: float, ratio: Ratio) -> str:
    """Whether a claimed ratio follows: at every corner, at typical values (yes), at the best corners, or not."""
    if ratio.low >= claim:
        return "always"
    if ratio.typical >= claim:
        return "yes"
    return "best corners" if ratio.high >= claim else "no"


def _ratios(setting: Setting, ours: Corner, theirs: Corner) -> Iterator[tuple[tuple[str, str], float]]:
    areas = area(setting, "light", ours) / area(setting, "rival", theirs)
    for phase in PHASES:
        a, b = bill(setting, "light", ours, phase), bill(setting, "rival", theirs, phase)
        yield (phase, "speed"), b.own_ns / a.own_ns
        yield (phase, "efficiency"), b.own_ns / a.own_ns / areas
        yield (phase, "energy"), b.own_pj / a.own_pj
        yield (phase, "on-chip speed"), b.chip_ns / a.chip_ns
        yield (phase, "system speed"), b.system_ns / a.system_ns
        yield (phase, "system energy"), b.system_pj / a.system_pj


@cache
def machine(setting: Setting, which: str, corner: Corner, phase: Phase = "inference") -> Machine:
    """The ring banks or the rival of a setting, of equal area; a rival has other copies in another phase."""
    tiles = rival_tiles(setting)
    if which == "rival":
        return setting.memristors(tiles, rival_share(setting, phase), corner)
    one, two = (_own_area(setting.light(count, "typical")) for count in (1, 2))
    wanted = _own_area(setting.memristors(tiles, 1, "typical"))
    return setting.light(max(1, round((wanted - one) / (two - one)) + 1), corner)


@cache
def bill(setting: Setting, which: str, corner: Corner, phase: Phase) -> Bill:
    """What a batch of inference or a step of training takes."""
    return _bill(setting, machine(setting, which, corner, phase), phase)


def area(setting: Setting, which: str, corner: Corner) -> float:
    """Area of a machine without its host, CMOS at the common node."""
    return _own_area(machine(setting, which, corner))


@cache
def rival_tiles(setting: Setting) -> int:
    """Tiles of the rival's chip as printed, or the fewest that hold the network and a training step."""
    printed = int(_back_end(RIVALS[setting.rival], ()).settings.tiles)  # type: ignore[attr-defined]
    return max(printed, *(_tiles_needed(setting, SHARES[-1], phase) for phase in PHASES))


@cache
def rival_share(setting: Setting, phase: Phase) -> int:
    """Positions that a copy of a layer's arrays has to itself where energy times time is least."""
    tiles = rival_tiles(setting)

    def product(share: int) -> float:
        found = _bill(setting, setting.memristors(tiles, share, "typical"), phase)
        return found.own_ns * found.own_pj

    fitting = [share for share in SHARES if _tiles_needed(setting, share, phase) <= tiles]
    return min(fitting, key=product)


@cache
def _tiles_needed(setting: Setting, share: int, phase: Phase) -> int:
    """The chip's limits are shares of what one tile has."""
    described = setting.described()
    limits = setting.memristors(1, share, "typical").limits(described, _work(setting, phase))
    return max(1, *(math.ceil(float(np.max(limit.overshoot)) + 1 - 1e-9) for limit in limits))


def _work(setting: Setting, phase: Phase) -> PhaseWork:
    described = setting.described()
    return lower(described.graph, described.formats, phase, BATCH, {})


def _bill(setting: Setting, made: Machine, phase: Phase) -> Bill:
    described, work = setting.described(), _work(setting, phase)
    weighted = replace(work, works=tuple(w for w in work.works if described.graph.operator(w.layer).is_matrix))
    (own_ns, own_parts), (chip_ns, _), (system_ns, parts) = (
        _spent(which.cost(described, works), which.node_nm)
        for which, works in ((made, weighted), (replace(made, boundary="chip"), weighted), (made, work))
    )
    hosts = sum(energy for name, energy in own_parts.items() if name.startswith("host_"))
    return Bill(own_ns, sum(own_parts.values()) - hosts, chip_ns, system_ns, sum(parts.values()))


def _spent(cost: PhaseCost, node_nm: int) -> tuple[float, dict[str, float]]:
    """Time and parts; of inferences a batch in the steady state, where the slowest of a pipeline sets the pace."""
    factor = energy_factor(node_nm, NODE_NM)
    found: dict[str, float] = {}
    for run in cost.layers:
        for energy in run.energies:
            name, scaled = energy.component.name, factor if energy.component.scales else 1.0
            found[name] = found.get(name, 0.0) + scaled * float(np.max(energy.energy_pj))
    return float((cost.interval_ns if cost.phase == "inference" else cost.makespan_ns)[0]), found


def _machine(name: str, sizes: dict[str, Any], corner: Corner) -> Machine:
    return _back_end(name, tuple(sorted(sizes.items()))).machine("system", corner=corner)


@cache
def _back_end(name: str, sizes: tuple[tuple[str, Any], ...]) -> BackEnd:
    return load_back_end(ROOT, name, dict(sizes))


def _own_area(made: Machine) -> float:
    factor = area_factor(made.node_nm, NODE_NM)
    parts = made.own.simulator.area(made.own.settings)
    return sum(float(part.area_mm2) * (factor if part.component.scales else 1.0) for part in parts)


def sizes(reading: str) -> str:
    """What is compared, in words."""
    said = []
    for network in NETWORKS:
        for rival in RIVALS:
            setting = Setting(network, reading, rival)
            banks = machine(setting, "light", "typical").own.settings.bank.count  # type: ignore[attr-defined]
            areas = " and ".join(f"{area(setting, which, 'typical'):.3g}" for which in ("rival", "light"))
            tiles, s = rival_tiles(setting), "" if banks == 1 else "s"
            shares = " and ".join(str(rival_share(setting, phase)) for phase in PHASES)
            rivals = f"{tiles} tiles of {rival} ({shares} positions a copy)"
            said.append(f"{network}: {rivals} against {banks} ring bank{s}, {areas} mm2.")
    return " ".join(said)


def page() -> str:
    """All tables, as docs/photonic_claims.md holds them."""
    readings = [EQUAL, *(reading for reading in READINGS if reading != EQUAL)]
    return "\n\n".join(f"### {name.capitalize()}\n\n{sizes(name)}\n\n{table(name)}" for name in readings)


if __name__ == "__main__":
    print(page())
