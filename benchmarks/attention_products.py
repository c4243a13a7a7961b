"""Products of two activations: what they are of an attention network's bill, machine by machine; and one claim.

    python benchmarks/attention_products.py               prints the tables of docs/attention.md
    python benchmarks/attention_products.py --accuracy    also trains digits_attention and measures it (a CPU minute)

Operands of 8 bits in the shares, of 4 bits against the claim; batch 1 (where not said otherwise), inference, every part
inside the system boundary, machines as the shelf has them. Light, tuning and leakage of a machine are charged to its
layers by their time.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from joulescape.compression.base import Described
from joulescape.network.build import build_graph
from joulescape.network.lower import lower
from joulescape.network.work import OperandFormat
from joulescape.resolve.back_end import load_back_end
from joulescape.resolve.machine import LayerRun, Machine, PhaseCost
from joulescape.spec.network import NetworkSpec
from joulescape.spec.sourced import CORNERS, Corner

ROOT = Path(__file__).parents[1]
LIGHT, BANKS, MESH = "photonic/lightning_transformer", "photonic/broadcast_weight", "photonic/mzi_mesh"
WAYS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "lightning_transformer, on light": (LIGHT, {}),
    "lightning_transformer, on the host": (LIGHT, {"dynamic_products": False}),
    "broadcast_weight, on the host": (BANKS, {}),
    "broadcast_weight, written": (BANKS, {"dynamic_products": "program"}),
    "mzi_mesh, on the host": (MESH, {}),
    "mzi_mesh, written": (MESH, {"dynamic_products": "program"}),
    "isaac, on the host": ("memristive/isaac", {}),
    "systolic_int8": ("electronic/systolic_int8", {}),
}
"""Each machine, and where it runs the products of two activations."""
NETWORKS = ("digits_attention", "bert_base")
LARGE = 64
"""Samples that share a batch's weights."""

CLAIM_ENERGY, CLAIM_LATENCY = 2.6, 12.0
"""Of the abstract (zhu2024): at least so many times less energy and time than earlier photonic accelerators."""
FOUR_BITS: Mapping[str, dict[str, Any]] = {
    LIGHT: {},
    BANKS: {"dynamic_products": "program", "weights.bits": 4, "dac.bits": 4, "adc.bits": 4},
    MESH: {"dynamic_products": "program", "dac.bits": 4, "adc.bits": 4},
}
COUNTS = {BANKS: "bank.count", MESH: "mesh.count"}


@dataclass(frozen=True)
class Bill:
    """Of one part of a network: multiply-accumulates, energy and time."""

    macs: int
    energy_pj: float
    latency_ns: float

    @classmethod
    def of(cls, runs: list[LayerRun]) -> Bill:
        """The sum over layers."""
        energy = sum(float(np.max(e.energy_pj)) for run in runs for e in run.energies)
        return cls(sum(r.cost.macs for r in runs), energy, sum(float(np.max(r.cost.latency_ns)) for r in runs))


@dataclass(frozen=True)
class Share:
    """What products of two activations are of the whole, as fractions; and the energy of a MAC with and without."""

    macs: float
    energy: float
    latency: float
    pj_per_mac: float
    stored_pj_per_mac: float
    """Of layers with weights."""


@cache
def network(name: str, bits: int) -> Described:
    """A network of the shelf, or DeiT-T's encoder stack (Touvron et al. 2021): 197 tokens, 12 layers, 3 heads of 64."""
    if name == "deit_tiny":
        content = yaml.safe_load((ROOT / "models" / "bert_base.yaml").read_text(encoding="utf-8"))
        narrow = {768: 192, 3072: 768}
        layer = [
            {**o, **({"out_features": narrow[o["out_features"]]} if "out_features" in o else {}),
             **({"heads": 3} if "heads" in o else {})}
            for o in content["blocks"]["layer"]
        ]  # fmt: skip
        content |= {"input": [197, 192], "blocks": {"layer": layer}}
    else:
        content = yaml.safe_load((ROOT / "models" / f"{name}.yaml").read_text(encoding="utf-8"))
    graph = build_graph(name, NetworkSpec.model_validate(content))
    form = OperandFormat(weight_bits=float(bits), activation_bits=float(bits))
    formats = {
        o.name: form.with_(weight_bytes=bits / 8 * float(np.prod(o.weight_shape or (0,))))
        for o in graph.matrix_operators
    }
    return Described(graph, graph, formats, ())


def cost(machine: Machine, described: Described, batch: int = 1) -> PhaseCost:
    """Inference of a batch."""
    return machine.cost(described, lower(described.graph, described.formats, "inference", batch, {}))


@cache
def share(name: str, way: str, batch: int = 1) -> Share:
    """What the products of two activations take of a network on a machine."""
    described = network(name, 8)
    back_end, overrides = WAYS[way]
    runs = list(cost(_machine(back_end, overrides), described, batch).layers)
    kinds = {o.name: o.kind for o in described.graph.operators}
    whole, products = Bill.of(runs), Bill.of([r for r in runs if kinds[r.cost.layer] == "matmul"])
    stored = Bill.of([r for r in runs if kinds[r.cost.layer] == "dense"])
    return Share(
        products.macs / whole.macs,
        products.energy_pj / whole.energy_pj,
        products.latency_ns / whole.latency_ns,
        products.energy_pj / products.macs,
        stored.energy_pj / stored.macs,
    )


def table(name: str) -> str:
    """One Markdown table of docs/attention.md."""
    columns = ("energy", "time", "pJ/MAC", "with weights", f"pJ/MAC, batch {LARGE}", f"with weights, batch {LARGE}")
    lines = [f"| products of two activations ({100 * share(name, 'systolic_int8').macs:.1f} % of the MACs) | "
             f"{' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]  # fmt: skip
    for way in WAYS:
        one, many = share(name, way), share(name, way, LARGE)
        shares = (f"{100 * v:.2g} %" for v in (one.energy, one.latency))
        energies = (f"{v:.2g}" for s in (one, many) for v in (s.pj_per_mac, s.stored_pj_per_mac))
        lines.append(f"| {way} | {' | '.join((*shares, *energies))} |")
    return "\n".join(lines)


def claim_ratios(rival: str) -> dict[str, tuple[float, float, float]]:
    """DeiT-T's products, with weights and without, on a rival of equal area: (typical, low, high) of what it takes.

    The ends are over all pairs of corners. Hosts stand outside: they do the same for both.
    """
    count = _equal_area(rival)
    found: dict[str, dict[tuple[Corner, Corner], float]] = {"energy": {}, "latency": {}}
    for ours in CORNERS:
        for theirs in CORNERS:
            a, b = _own(LIGHT, {}, ours), _own(rival, {COUNTS[rival]: count}, theirs)
            found["energy"][ours, theirs] = b.energy_pj / a.energy_pj
            found["latency"][ours, theirs] = b.latency_ns / a.latency_ns
    return {what: (v["typical", "typical"], min(v.values()), max(v.values())) for what, v in found.items()}


def claim_table() -> str:
    """The claim beside the model."""
    lines = ["| rival | ratio | claimed | typical | low | high |", "|---|---|---|---|---|---|"]
    claims = {"energy": CLAIM_ENERGY, "latency": CLAIM_LATENCY}
    for rival in (BANKS, MESH):
        for what, (typical, low, high) in claim_ratios(rival).items():
            said = f"{rival.partition('/')[2]}, {COUNTS[rival]} {_equal_area(rival)}"
            lines.append(f"| {said} | {what} | > {claims[what]:g} | {typical:.2g} | {low:.2g} | {high:.2g} |")
    return "\n".join(lines)


def _own(back_end: str, overrides: Mapping[str, Any], corner: Corner) -> Bill:
    """Of the machine's own work and parts."""
    machine = _machine(back_end, {**FOUR_BITS[back_end], **overrides}, corner)
    own = [run for run in cost(machine, network("deit_tiny", 4)).layers if run.station == machine.own.name]
    energy = sum(
        float(np.max(e.energy_pj)) for run in own for e in run.energies if not e.component.name.startswith("host_")
    )
    return Bill(sum(r.cost.macs for r in own), energy, sum(float(np.max(r.cost.latency_ns)) for r in own))


@cache
def _equal_area(rival: str) -> int:
    """How many meshes or banks fill the area of the light's machine."""
    path = COUNTS[rival]
    one, two = (_area(rival, {**FOUR_BITS[rival], path: count}) for count in (1, 2))
    return max(1, round((_area(LIGHT, {}) - one) / (two - one)) + 1)


def _area(back_end: str, overrides: Mapping[str, Any]) -> float:
    parts = _machine(back_end, overrides).area()
    return sum(float(np.max(p.area_mm2)) for p in parts if not p.component.name.startswith("host_"))


def _machine(back_end: str, overrides: Mapping[str, Any], corner: Corner = "typical") -> Machine:
    return load_back_end(ROOT, back_end, dict(overrides)).machine("system", corner=corner)


def accuracy_table(seeds: int = 3, draws: int = 3) -> str:
    """Accuracy of digits_attention on the test split, not fine-tuned, mean and deviation over seeds and devices."""
    import torch

    from joulescape.accuracy.datasets import load_task
    from joulescape.accuracy.training import TrainingRun, train_weights

    torch.set_num_threads(1)
    content = yaml.safe_load((ROOT / "models" / "digits_attention.yaml").read_text(encoding="utf-8"))
    described = network("digits_attention", 32)
    data = load_task("digits").shaped(described.graph.input_shape)
    trained = [train_weights(described.graph, TrainingRun.of(content["training"]), data.train, s) for s in range(seeds)]
    lines = ["| machine | accuracy |", "|---|---|"]
    for label, back_end, overrides, detail in MEASURED:
        found = [100 * f for w in trained for f in _on_machine(described, w, data, back_end, overrides, detail, draws)]
        lines.append(f"| {label} | {np.mean(found):.1f} ± {np.std(found):.1f} |")
    return "\n".join(lines)


def _on_machine(
    described: Described, weights: Any, data: Any, back_end: str, overrides: dict[str, Any], detail: Any, draws: int
) -> list[float]:
    import torch

    from joulescape.accuracy.activations import calibrate
    from joulescape.accuracy.machine_layers import program
    from joulescape.accuracy.module import run
    from joulescape.accuracy.randomness import generator
    from joulescape.accuracy.training import correct, fraction

    made, graph = load_back_end(ROOT, back_end, overrides), described.graph
    errors = made.simulator.errors(graph, described.formats, made.settings)
    calibration, found = calibrate(described, weights, data.train.images), []
    for draw in range(draws):
        streams = generator(0, "device", draw), generator(0, "read", draw)
        machine = program(graph, weights, errors, calibration, *streams, detail)
        with torch.no_grad():
            found.append(fraction(correct(run(graph, weights, data.test.images, machine.rule), data.test.labels)))
    return found


def _bits(bits: int) -> dict[str, Any]:
    return {"weight_dac.bits": bits, "dac.bits": bits, "adc.bits": bits}


_BRIGHT = {"light.rule.sensitivity_dbm": -5.0}
MEASURED: tuple[tuple[str, str, dict[str, Any], str], ...] = (
    ("systolic_int8", "electronic/systolic_int8", {}, "full"),
    *((f"lightning_transformer, {b} bits, on light", LIGHT, _bits(b), "full") for b in (4, 6, 8)),
    *((f"... {b} bits, on the host", LIGHT, {**_bits(b), "dynamic_products": False}, "full") for b in (4, 6, 8)),
    ("... 4 bits and 100 times the light, on light", LIGHT, {**_bits(4), **_BRIGHT}, "full"),
    ("... the same, on the host", LIGHT, {**_bits(4), **_BRIGHT, "dynamic_products": False}, "full"),
    ("broadcast_weight, on the host", BANKS, {}, "merged"),
    ("broadcast_weight, written", BANKS, {"dynamic_products": "program"}, "merged"),
    ("mzi_mesh, on the host", MESH, {}, "merged"),
    ("mzi_mesh, written", MESH, {"dynamic_products": "program"}, "merged"),
)


if __name__ == "__main__":
    for title in NETWORKS:
        print(f"### {title}\n\n{table(title)}\n")
    print(claim_table())
    if "--accuracy" in sys.argv:
        print(f"\n{accuracy_table()}")
