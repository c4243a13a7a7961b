"""BPLight-CNN's printed ratios beside what the model computes against our own ISAAC and PipeLayer.

    python benchmarks/photonic_claims.py        prints the tables of docs/photonic_claims.md

One precision, batch 64, every part inside the system boundary, CMOS parts at 32 nm, one area. A rival has the tiles of
its printed chip, or the fewest that hold the network and a training step, and in each phase as many copies of its
layers as spend the least energy times time; ring banks fill the same area. The scalar host is the same for all: it
stands outside the ratios of the machines themselves and inside those of the systems.

Three readings of "16 bits": `as printed`, converters of 16 bits on the light, a link that cannot close; `light at its
own bits`, operands of 16 bits in memory, rings of 8, receivers of 5, against the rivals' full 16; `both at 8 bits`.
"""

from __future__ import annotations

import math
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
from joulescape.network.work import OperandFormat, PhaseWork
from joulescape.pricing.metrics import at_node, price
from joulescape.resolve.back_end import BackEnd, load_back_end
from joulescape.resolve.machine import Machine
from joulescape.resolve.schedule import Stage, schedule
from joulescape.simulators._node import area_factor
from joulescape.simulators.base import LayerCost
from joulescape.spec.network import NetworkSpec
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
        if self.rival == "PipeLayer":
            sizes["spikes.counter_bits"] = self.bits
        return _machine(RIVALS[self.rival], sizes, corner)


@cache
def ratios(setting: Setting) -> dict[tuple[str, str], Ratio]:
    """(phase, what) -> ratio; `what` is speed, energy or efficiency of the machines, or system speed or energy."""
    found: dict[tuple[str, str], dict[tuple[Corner, Corner], float]] = {}
    for ours in CORNERS:
        for theirs in CORNERS:
            for key, value in _ratios(setting, ours, theirs):
                found.setdefault(key, {})[ours, theirs] = value
    return {key: Ratio(v["typical", "typical"], min(v.values()), max(v.values())) for key, v in found.items()}


def summary() -> str:
    """Every claim against both rivals at one precision."""
    return _table(EQUAL, list(CLAIMS))


def table(reading: str) -> str:
    """Every claim against both rivals under one reading."""
    return _table(reading, list(CLAIMS))


def systems() -> str:
    """Host included, at one precision."""
    return _table(EQUAL, [(phase, f"system {what}") for phase in PHASES for what in ("speed", "energy")])


def _table(reading: str, keys: list[tuple[str, str]]) -> str:
    pairs = [(network, rival) for network in NETWORKS for rival in RIVALS]
    head = ["", "claimed", *(f"{network}, {rival}" for network, rival in pairs)]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    for key in keys:
        claim = CLAIMS.get(key)
        cells = [_cell(claim, ratios(Setting(network, reading, rival))[key]) for network, rival in pairs]
        lines.append("| " + " | ".join([" ".join(key), "" if claim is None else f"{claim:g}", *cells]) + " |")
    return "\n".join(lines)


def _cell(claim: float | None, ratio: Ratio) -> str:
    said = f"{_short(ratio.typical)} ({_short(ratio.low)} to {_short(ratio.high)})"
    return said if claim is None else f"{follows(claim, ratio)}: {said}"


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
    """The machine's own work: parts of its own in the layers that it runs, and the time that these take."""
    priced = at_node(price(made, setting.described(), {phase: _work(setting, phase)}, None), made.node_nm, NODE_NM)
    cost = priced.phases[phase]
    own = [run for run in cost.layers if run.station == made.own.name]
    parts = [e for run in own for e in run.energies if not e.component.name.startswith("host_")]
    energy = float(np.asarray(cost.energy_pj()).max())
    own_pj = sum(float(np.asarray(e.energy_pj).max()) for e in parts)
    return Bill(_own_ns(made, [run.cost for run in own], phase), own_pj, float(cost.makespan_ns[0]), energy)


def _own_ns(made: Machine, own: list[LayerCost], phase: Phase) -> float:
    """Without the host: in a pipeline the slowest layer sets the pace of inferences; a step ends with its update."""
    times = [(_time(c.latency_ns), _time(c.latency_ns if c.occupancy_ns is None else c.occupancy_ns)) for c in own]
    overlaps = made.own.simulator.overlaps(phase, made.own.settings)
    if overlaps and phase == "inference":
        return max(busy for _, busy in times)
    rows = zip(times, own, strict=True)
    stages = [Stage(np.array([latency]), np.array([busy]), None, c.is_beside) for (latency, busy), c in rows]
    return float(schedule(stages, BATCH if overlaps else 1)[1][-1][0])


def _time(quantity: Any) -> float:
    return float(np.asarray(quantity).max())


def _machine(name: str, sizes: dict[str, Any], corner: Corner) -> Machine:
    return _back_end(name, tuple(sorted(sizes.items()))).machine("system", corner=corner)


@cache
def _back_end(name: str, sizes: tuple[tuple[str, Any], ...]) -> BackEnd:
    return load_back_end(ROOT, name, dict(sizes))


def _own_area(made: Machine) -> float:
    factor = area_factor(made.node_nm, NODE_NM)
    parts = made.own.simulator.area(made.own.settings)
    return sum(float(part.area_mm2) * (factor if part.component.scales else 1.0) for part in parts)


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
    parts = ["### At one precision", sizes(EQUAL), summary(), systems()]
    for reading in READINGS:
        if reading != EQUAL:
            parts += [f"### {reading.capitalize()}", sizes(reading), table(reading)]
    return "\n\n".join(parts)


if __name__ == "__main__":
    print(page())
