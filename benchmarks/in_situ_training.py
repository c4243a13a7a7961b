"""Training in crossbars by pulses: what cells, rules and schemes make of networks that are really trained.

    python benchmarks/in_situ_training.py               every table of docs/in_situ_training.md (about 20 CPU minutes)
    python benchmarks/in_situ_training.py patterns      one of: rules devices demonstrations patterns schemes

MNIST is read from $JOULESCAPE_DATA. Rates of the hidden array were chosen on validation samples with seed 0; tables are
of the test part, mean and standard deviation over seeds (other cells, other initial weights, other batches).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch
import yaml

from joulescape.accuracy.datasets import Data, Part, load_task
from joulescape.accuracy.on_machine import train_on_machine
from joulescape.accuracy.reference import single_thread
from joulescape.compression.pipeline import describe
from joulescape.network.build import build_graph
from joulescape.network.error_spec import Errors
from joulescape.network.fidelity import Fidelity, Recipe
from joulescape.network.operators import Graph
from joulescape.network.work import OperandFormat
from joulescape.pricing import cost
from joulescape.resolve.back_end import load_back_end
from joulescape.simulators.crossbar import plugin
from joulescape.simulators.crossbar.settings import CrossbarSettings
from joulescape.spec.network import NetworkSpec

ROOT = Path(__file__).resolve().parents[1]
SEEDS = 3
SHORT = 15_000
"""Training images of MNIST; --samples takes others."""
BUFFERED: Mapping[str, Any] = {
    "update_rule": "tiki_taka_buffered", "fast_rate": 4.0, "transfer_rate": 0.1, "transfer_columns": 28,
}  # fmt: skip
HIDDEN: Mapping[str, Any] = {**BUFFERED, "update_rule": "tiki_taka"}
RULES: Mapping[str, Mapping[str, Any]] = {
    "descent, outer products": {},
    "descent, summed gradient": {"update_scheme": "pulses"},
    "Tiki-Taka, buffered": BUFFERED,
}
OTHERS: Mapping[str, Mapping[str, Any]] = {
    "Tiki-Taka": HIDDEN,
    "Manhattan, summed gradient": {"update_scheme": "pulses", "update_rule": "manhattan"},
}
"""Tried on one kind of cells alone."""
SMALL: Mapping[str, Any] = {"transfer_rate": 0.15, "transfer_columns": 8}
"""Of hidden arrays for digits, whose layers have 64 columns."""
CELLS: Mapping[str, tuple[float, float]] = {
    "1,200 states, asymmetry 0.2": (1200, 0.2),
    "200 states, asymmetry 1": (200, 1.0),
    "40 states, asymmetry 1": (40, 1.0),
}
COARSE = "200 states, asymmetry 1"
DEVICES = ("gokmen2016", "gong2018", "ecram", "optimized", "hfo2", "pcm")


def main() -> None:
    """Print the tables that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="*", default=list(TABLES), choices=[*TABLES, []])
    parser.add_argument("--seeds", type=int, default=SEEDS)
    options = parser.parse_args()
    single_thread()
    for name in options.tables:
        for line in TABLES[name](options.seeds):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


def machine(law: Mapping[str, Any] | None = None, **training: Any) -> CrossbarSettings:
    """The resistive processing units of the shelf with another law of pulses or rule."""
    settings = load_back_end(ROOT, "memristive/rpu").settings
    raw = CrossbarSettings.model_validate(settings.model_dump()).model_dump()
    raw["training"] = {**raw["training"], **PLAIN, **(law or {}), **training}
    return CrossbarSettings.model_validate(raw)


def bare(states: float, asymmetry: float, cycle_noise: float = 0.3) -> dict[str, Any]:
    """A law whose cells are all alike."""
    known = {"states": states, "asymmetry": asymmetry, "cycle_noise": cycle_noise}
    return {name: {"value": value, **SAID} for name, value in known.items()}


def shelved(name: str) -> dict[str, Any]:
    """A law of the shelf."""
    path = ROOT / "hwlib" / "components" / "memristive" / f"pulses_{name}.yaml"
    found: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["parameters"]
    return found


SAID = {"basis": "assumed", "low": 0.0, "high": 1e9, "source": "joulescape", "where": "a case of this benchmark"}
PLAIN: dict[str, Any] = {
    **dict.fromkeys(("asymmetry_down", "imbalance", "imbalance_spread", "step_spread", "bound_spread",
                     "write_noise_fraction", "corrupt_fraction")),
    "high": 1.0, "low": 1.0, "refresh_every": 0, "weight_bound": 1.0,
}  # fmt: skip


def perceptron(inputs: Sequence[int], hidden: Sequence[int], outputs: int = 10) -> Graph:
    """Dense layers with rectifiers between."""
    rows: list[dict[str, Any]] = [{"name": "flat", "kind": "flatten"}]
    for index, width in enumerate(hidden, start=1):
        rows += [{"name": f"fc{index}", "kind": "dense", "out_features": width}]
        rows += [{"name": f"relu{index}", "kind": "relu"}]
    rows += [{"name": f"fc{len(hidden) + 1}", "kind": "dense", "out_features": outputs}]
    content = {"about": "layers", "task": "mnist", "input": inputs, "operators": rows, "training": {"epochs": 1}}
    return build_graph("perceptron", NetworkSpec.model_validate(content))


def errors_of(graph: Graph, settings: CrossbarSettings | None) -> Errors:
    """What the machine does wrong; None: float32."""
    if settings is None:
        return {}
    return plugin.errors(graph, {o.name: OperandFormat() for o in graph.matrix_operators}, settings)


def some_mnist() -> Data:
    """MNIST with fewer training images."""
    whole = load_task("mnist")
    return Data(whole.train.first(SHORT), whole.validation, whole.test)


def trained(
    graph: Graph, settings: CrossbarSettings | None, data: Data, seeds: int, split: Any = "test", **how: Any
) -> tuple[list[float], float]:
    """Percent for each seed, and CPU seconds of one."""
    recipe = Recipe("mnist", {}, {}, {"epochs": 3, "batch": 64, "learning_rate": 0.4, **how}, "approximate")
    fidelity = Fidelity(trains_on_machine=True, trainings=1, split=split)
    began, found = time.process_time(), []
    for seed in range(seeds):
        run = train_on_machine(describe(graph, ()), errors_of(graph, settings), recipe, fidelity, seed, data)
        found.append(100 * run.accuracy_fraction[0])
    return found, (time.process_time() - began) / seeds


def shown(name: str, found: Sequence[float], *rest: str) -> str:
    """One row of a table."""
    spread = f" ± {stdev(found):.1f}" if len(found) > 1 else ""
    return f"| {name} | {fmean(found):.1f}{spread} | " + " | ".join(rest) + " |"


def rules(seeds: int) -> Iterator[str]:
    """784-100-10 on MNIST: cells that are all alike, every rule."""
    graph, data = perceptron((1, 28, 28), (100,)), some_mnist()
    base, seconds = trained(graph, None, data, seeds)
    yield "| cells | rule | accuracy, % | CPU s | of float32 |"
    yield "|---|---|---|---|---|"
    yield shown("float32 | descent", base, f"{seconds:.1f}", "1")
    for cells, law in CELLS.items():
        for rule, values in RULES.items():
            found, own = trained(graph, machine(bare(*law), **values), data, seeds)
            yield shown(f"{cells} | {rule}", found, f"{own:.1f}", f"{own / seconds:.1f}")
    for rule, values in OTHERS.items():
        found, own = trained(graph, machine(bare(*CELLS[COARSE]), **values), data, seeds)
        yield shown(f"{COARSE} | {rule}", found, f"{own:.1f}", f"{own / seconds:.1f}")


def devices(seeds: int) -> Iterator[str]:
    """64-64-10 on digits, on the devices of the shelf: spreads, noise and stuck cells included."""
    graph, data = perceptron((64,), (64,)), load_task("digits").shaped((64,))
    how = {"epochs": 8, "batch": 32, "learning_rate": 0.2}
    yield "| device | rule | accuracy, % | CPU s |"
    yield "|---|---|---|---|"
    for name in DEVICES:
        for rule, given in RULES.items():
            if name == "pcm" and "update_rule" in given:
                continue
            values = {**given, **SMALL} if "update_rule" in given else given
            found, seconds = trained(graph, machine(shelved(name), **values), data, seeds, **how)
            yield shown(f"{name} | {rule}", found, f"{seconds:.1f}")


def demonstrations(seeds: int) -> Iterator[str]:
    """500 x 661 phase-change cells (burr2015): 22 x 24 pixels, 250 and 125 hidden units, 5,000 training images."""
    whole = load_task("mnist")
    cropped = Data(*(Part(p.images[:, :, 2:26, 3:25], p.labels) for p in (whole.train, whole.validation, whole.test)))
    data = Data(cropped.train.first(5000), cropped.validation, cropped.test)
    graph, how = perceptron((1, 24, 22), (250, 125)), {"epochs": 10, "batch": 25, "learning_rate": 0.2}
    yield "| network | device | accuracy, % | claim, % | CPU s |"
    yield "|---|---|---|---|---|"
    cases = {"pairs of the shelf": shelved("pcm"), "pairs of 40 states": {**shelved("pcm"), **bare(40, 1.0, 0.6)}}
    for name, law in {"float32": None, **cases}.items():
        settings = None if law is None else machine(law, update_scheme="pulses")
        found, seconds = trained(graph, settings, data, seeds, **how)
        yield shown(f"528-250-125-10 | {name}", found, "82.2", f"{seconds:.0f}")


PATTERNS = ("110010011", "101101010", "111101101")
"""Three classes of nine pixels (z, v and n of prezioso2015)."""


def pattern_data() -> Data:
    """Thirty images, all of which are trained and judged: each class as drawn and with any one pixel flipped."""
    drawn = torch.tensor([[float(pixel) for pixel in name] for name in PATTERNS])
    flips = torch.cat([torch.zeros(1, 9), torch.eye(9)])
    images = (drawn[:, None] - flips).abs().reshape(-1, 1, 3, 3)
    part = Part(images, torch.arange(3).repeat_interleave(10))
    return Data(part, part, part)


def patterns(seeds: int) -> Iterator[str]:
    """12 x 12 crossbar, 10 x 3 pairs, Manhattan rule, all patterns of an epoch in one step (prezioso2015)."""
    graph, data = perceptron((1, 3, 3), (), 3), pattern_data()
    yield "| states | runs that classify all | epochs until then, mean (most) |"
    yield "|---|---|---|"
    fidelity, training = Fidelity(trains_on_machine=True), {"batch": 30, "learning_rate": 0.1, "epochs": 200}
    recipe = Recipe("mnist", {}, {}, {**training, "target": {"accuracy_fraction": 1.0}}, "approximate")
    for states in (40, 100, 400):
        settings = machine(bare(states, 1.0), update_scheme="pulses", update_rule="manhattan")
        errors, network = errors_of(graph, settings), describe(graph, ())
        runs = [train_on_machine(network, errors, recipe, fidelity, seed, data) for seed in range(max(seeds, 10))]
        there = [run.steps for run in runs if run.reached_target]
        yield f"| {states} | {len(there)} of {len(runs)} | {fmean(there):.0f} ({max(there)}) |"


def schemes(_seeds: int) -> Iterator[str]:
    """What a training of digits_mlp takes by each scheme and rule, at nominal statistics."""
    yield "| machine | scheme | batch | energy, mJ | time, ms |"
    yield "|---|---|---|---|---|"
    cases: list[tuple[str, dict[str, Any]]] = [
        ("memristive/isaac", {"hardware.training.update_scheme": scheme}) for scheme in ("serial", "outer_product")
    ]
    cases += [("memristive/pipelayer", {})]
    cases += [("memristive/rpu", {}), ("memristive/rpu", {"hardware.training.update_rule": "tiki_taka_buffered"})]
    for name, sets in cases:
        for batch in (1, 32):
            found = cost("digits_mlp", name, {**sets, "training.batch": batch}, phases=("training",), root=ROOT).totals
            said = ", ".join(f"{key.rpartition('.')[2]} {value}" for key, value in sets.items()) or "as it is"
            energy, time_ns = found["training_energy_pj"] or 0.0, found["training_time_ns"] or 0.0
            yield f"| {name} | {said} | {batch} | {energy / 1e9:.3g} | {time_ns / 1e6:.3g} |"


TABLES = {
    "rules": rules, "devices": devices, "demonstrations": demonstrations, "patterns": patterns, "schemes": schemes,
}  # fmt: skip

if __name__ == "__main__":
    main()
