"""What an analog accuracy costs beside plain torch and aihwkit, and what devices, converters and time do to networks.

    AIHWKIT_PYTHON=<python with aihwkit 1.1.0, torch 2.13.0> python benchmarks/analog_accuracy.py [section ...]

Sections: speed converters ranges chain drift faults wires tuning chips; without names all of them. CPU time of one
thread; LeNet-5 and an MLP 784-256-10 on MNIST, looked for where JOULESCAPE_DATA says. Without AIHWKIT_PYTHON `speed`
has no peer but plain torch. The tables of docs/crossbar_accuracy.md are printed here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from statistics import fmean, stdev
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor

from joulescape.accuracy.activations import Calibration, calibrate
from joulescape.accuracy.chips import yield_fraction
from joulescape.accuracy.datasets import Data, Part, load_task
from joulescape.accuracy.fine_tuning import compressed
from joulescape.accuracy.machine_layers import program
from joulescape.accuracy.module import Inputs, Tensors, from_rows, plain, run, to_rows, weight_rows, with_bias
from joulescape.accuracy.randomness import generator
from joulescape.accuracy.training import TrainingRun, correct, fraction, train_weights
from joulescape.compression.pipeline import describe
from joulescape.network.build import build_graph
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph, Operator
from joulescape.numerics.base import Detail
from joulescape.simulators.crossbar.devices import AgedCell, device_numbers
from joulescape.spec.network import NetworkSpec

ROOT = Path(__file__).parents[1]
BATCH, REPEATS, DRAWS, SAMPLES = 256, 7, 5, 2000

SLICED: Mapping[str, float] = {
    "rows": 128, "columns": 128, "weight_bits": 8, "input_bits": 8, "cell_bits": 2, "cell_copies": 1, "dac_bits": 1,
    "adc_bits": 8, "adc_clip_fraction": 1.0, "is_counted": 0, "is_differential": 1, "programming_sigma_fraction": 0.0,
    "read_sigma_fraction": 0.0, "stuck_off_fraction": 0.0, "stuck_on_fraction": 0.0, "g_on_msiemens": 0.025,
    "on_off_ratio": 1e6, "wire_kohm": 0.0,
}  # fmt: skip
"""Eight cells a weight: four slices of 2 bits in differential pairs, bit-serial inputs, 8-bit converters."""
PAIR: Mapping[str, float] = {**SLICED, "cell_bits": 7, "dac_bits": 8, "adc_bits": 24, "least_step_levels": 0.0}
"""One analog pair a weight, inputs as voltages of 8 bits, no converter worth the name."""

MLP = {"operators": [
    {"name": "flat", "kind": "flatten"}, {"name": "fc1", "kind": "dense", "out_features": 256},
    {"name": "relu1", "kind": "relu"}, {"name": "fc2", "kind": "dense", "out_features": 10},
]}  # fmt: skip
NETWORKS = ("mlp", "lenet5")


class Case:
    """One trained network with its data and calibration."""

    def __init__(self, name: str) -> None:
        raw = yaml.safe_load((ROOT / "models" / "lenet5.yaml").read_text(encoding="utf-8"))
        spec = NetworkSpec.model_validate({**raw, **(MLP if name == "mlp" else {})})
        self.graph: Graph = build_graph(name, spec)
        self.data: Data = load_task(spec.task).shaped(self.graph.input_shape)
        self.tensors: dict[str, Tensor] = dict(
            train_weights(self.graph, TrainingRun(3, 128, 0.004), self.data.train, 0)
        )
        self.calibration: Calibration = calibrate(describe(self.graph, ()), self.tensors, self.data.train.images)
        self.part: Part = spread(self.data.test, SAMPLES)

    def errors(self, numbers: Mapping[str, float]) -> Errors:
        """The same numbers for every product."""
        return {(o.name, "forward"): ErrorSpec("crossbar", o.name, "forward", numbers)
                for o in self.graph.matrix_operators}  # fmt: skip

    def machine(
        self, numbers: Mapping[str, float], draw: int = 0, detail: Detail = "merged"
    ) -> Callable[[Tensor], Tensor]:
        """One device."""
        device, reading = (generator(0, purpose, draw) for purpose in ("device", "read"))
        held = program(self.graph, self.tensors, self.errors(numbers), self.calibration, device, reading, detail)
        return lambda x: run(self.graph, self.tensors, x, held.rule)

    def accuracies(self, numbers: Mapping[str, float], detail: Detail = "merged", draws: int = DRAWS) -> list[float]:
        """Percent on the test samples, one a device."""
        with torch.no_grad():
            return [self.percent(self.machine(numbers, draw, detail)) for draw in range(draws)]

    def percent(self, network: Callable[[Tensor], Tensor]) -> float:
        """Of the test samples that a network gets right."""
        logits = torch.cat([network(x) for x in self.part.images.split(BATCH)])
        return 100 * fraction(correct(logits, self.part.labels))


def spread(part: Part, count: int) -> Part:
    """Every so manyth sample: the first thousands of MNIST's test split are the harder ones."""
    step = len(part.labels) // count
    return Part(part.images[::step][:count], part.labels[::step][:count])


@cache
def case(name: str) -> Case:
    """Trained once a run."""
    return Case(name)


def shown(values: list[float]) -> str:
    """Mean and standard deviation over devices."""
    return f"{fmean(values):.2f} ± {stdev(values):.2f}" if len(values) > 1 else f"{values[0]:.2f}"


def table(head: str, rows: Sequence[tuple[str, ...]]) -> str:
    """Markdown."""
    lines = [f"| {head} |", "|" + "---|" * (head.count("|") + 1)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


# --- speed ------------------------------------------------------------------------------------------------------------

READ, PROGRAMMING = 0.05, 0.10
"""Read noise and programming error of a cell, shares of the largest conductance."""


def cpu_ms(*works: Callable[[], object], repeats: int = REPEATS) -> tuple[float, ...]:
    """Least CPU time of each over several rounds, in turns, so that other processes slow all of them alike."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(repeats + 1):
        for work, taken in zip(works, times, strict=True):
            start = time.process_time()
            work()
            taken.append(1e3 * (time.process_time() - start))
    return tuple(min(taken[1:]) for taken in times)


def speed() -> str:
    """CPU milliseconds a batch of 256 as multiples of plain torch in the same process, and accuracies beside."""
    rows: list[tuple[str, ...]] = []
    for name in NETWORKS:
        rows += _speed_rows(name)
    return table("network | what | CPU ms | times plain torch | accuracy, % |".rstrip("| "), rows)


def _speed_rows(name: str) -> list[tuple[str, ...]]:
    net, x = case(name), case(name).part.images[:BATCH]
    both = {**SLICED, "programming_sigma_fraction": 0.05, "read_sigma_fraction": 0.01}
    asked: tuple[tuple[str, Mapping[str, float], Detail], ...] = (
        ("programming error, one pair", {**PAIR, "programming_sigma_fraction": PROGRAMMING}, "merged"),
        ("read noise a product, one pair", {**PAIR, "read_sigma_fraction": READ}, "merged"),
        ("both, bit-sliced, merged", both, "merged"),
        ("exact cells, bit-sliced, full", SLICED, "full"),
        ("programming error, bit-sliced, full", {**SLICED, "programming_sigma_fraction": 0.05}, "full"),
        ("programming error of 1 %, bit-sliced, full", {**SLICED, "programming_sigma_fraction": 0.01}, "full"),
        ("both, bit-sliced, full", both, "full"),
    )  # fmt: skip
    with torch.no_grad():
        exact = net.percent(lambda images: run(net.graph, net.tensors, images, plain))
        machines = [partial(net.machine(numbers, 0, detail), x) for _, numbers, detail in asked]
        ideal, *times = cpu_ms(lambda: run(net.graph, net.tensors, x, plain), *machines)
        rows: list[tuple[str, ...]] = [(name, "plain torch", f"{ideal:.2f}", "1", f"{exact:.2f}")]
        for (what, numbers, detail), taken in zip(asked, times, strict=True):
            found = net.accuracies(numbers, detail, 2 if detail == "full" else DRAWS)
            rows.append((name, what, f"{taken:.2f}", f"{taken / ideal:.2f}", shown(found)))
        rows += [(name, "plain torch, weights redrawn once a device", "", "", shown(_by_hand(net)))]
        rows += [(name, "plain torch, weights redrawn for every product", "", "", shown(_every_product(net)))]
    return rows + _peer_rows(name)


def _by_hand(net: Case) -> list[float]:
    """The programming error without any crossbar: both cells of a pair miss by N(0, sigma), none below zero."""
    found = []
    for draw in range(DRAWS):
        chance, moved = generator(0, "by hand", draw), dict(net.tensors)
        for operator in net.graph.matrix_operators:
            weight = weight_rows(operator, net.tensors)[0]
            peak = weight.abs().amax(dim=1, keepdim=True)
            pair = [(half.clamp(min=0) / peak + PROGRAMMING * torch.randn(weight.shape, generator=chance)).clamp(min=0)
                    for half in (weight, -weight)]  # fmt: skip
            moved[f"{operator.name}.weight"] = ((pair[0] - pair[1]) * peak).reshape(
                net.tensors[f"{operator.name}.weight"].shape
            )
        found.append(net.percent(lambda x, held=moved: run(net.graph, held, x, plain)))  # type: ignore[misc]
    return found


def _every_product(net: Case) -> list[float]:
    """The read noise without any crossbar: for every row of every product a weight matrix of its own is drawn."""
    found = []
    for draw in range(2):
        chance = generator(0, "every product", draw)

        def rule(operator: Operator, inputs: Inputs, tensors: Tensors, chance: torch.Generator = chance) -> Tensor:
            weight, rows = weight_rows(operator, tensors)[0], to_rows(operator, inputs[0])[0]
            spread = 2**0.5 * READ * weight.abs().amax(dim=1)
            parts = [
                (part[:, None] * torch.randn(len(part), *weight.shape, generator=chance)).sum(dim=2)
                for part in rows.split(max(1, 2**20 // weight.numel()))
            ]
            noisy = rows @ weight.T + torch.cat(parts) * spread
            return with_bias(operator, from_rows(operator, noisy[None], len(inputs[0])), tensors)

        found.append(net.percent(lambda x, met=rule: run(net.graph, net.tensors, x, met)))  # type: ignore[misc]
    return found


def _peer_rows(name: str) -> list[tuple[str, ...]]:
    """aihwkit in a process of its own; its multiples are of plain torch there."""
    python = os.environ.get("AIHWKIT_PYTHON")
    if not python:
        return []
    net = case(name)
    layers = [
        {"name": o.name, "kind": o.kind, "padding": o.attributes.get("padding", 0), "out_noise": _rms(net, o.name)}
        for o in net.graph.operators
    ]
    setting = {"layers": layers, "batch": BATCH, "repeats": REPEATS, "draws": DRAWS, "programming_us": 25 * PROGRAMMING}
    with TemporaryDirectory() as folder:
        (Path(folder) / "case.json").write_text(json.dumps(setting), encoding="utf-8")
        arrays = {key: value.numpy() for key, value in net.tensors.items()}
        np.savez(Path(folder) / "tensors.npz", images=net.part.images, labels=net.part.labels, **arrays)
        answer = subprocess.run([python, str(ROOT / "benchmarks" / "analog_peer.py"), folder], check=True,
                                capture_output=True, text=True)  # fmt: skip
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    kinds = (("programming error", "programming"), ("read noise, same rms a layer", "read"))
    return [
        (name, f"aihwkit 1.1.0, torch tile: {what}", f"{found[f'{key}_ms']:.2f}",
         f"{found[f'{key}_ms'] / found['plain_ms']:.2f}", shown([100 * value for value in found[key]]))
        for what, key in kinds
    ]  # fmt: skip


def _rms(net: Case, name: str) -> float:
    """Noise of a layer's outputs that read noise amounts to on its calibration inputs, root mean square."""
    operator = net.graph.operator(name)
    if not operator.is_matrix:
        return 0.0
    weight, rows = weight_rows(operator, net.tensors)[0], net.calibration.rows[name][0]
    power = float((rows * rows).sum(dim=1).mean() * weight.abs().amax(dim=1).square().mean())
    return READ * float(np.sqrt(2 * power))


# --- what converters, time, faults, wires do --------------------------------------------------------------------------


TOGETHER: Mapping[str, float] = {
    **SLICED, "programming_sigma_fraction": 0.05, "read_sigma_fraction": 0.01, "stuck_off_fraction": 0.001,
    "stuck_on_fraction": 0.001, "wire_kohm": 0.001,
}  # fmt: skip
"""Programming error 5 %, read noise 1 %, 0.2 % of cells stuck, 1 ohm a cell pitch at 25 uS."""


def converters() -> str:
    """Merged against full over converter bits, with exact cells and with all that cells and wires do at once."""
    net = case("lenet5")
    tables = []
    for what, base, draws in (("exact cells", SLICED, 1), ("all errors together", TOGETHER, 3)):
        rows = []
        for bits in (8, 6, 5, 4, 3):
            full, merged = (net.accuracies({**base, "adc_bits": bits}, detail, draws) for detail in ("full", "merged"))  # type: ignore[arg-type]
            rows.append((str(bits), shown(full), shown(merged), f"{fmean(merged) - fmean(full):+.2f}"))
        tables.append(table(f"converter bits, {what} | full, % | merged, % | difference", rows))
    tables.append(table("8-bit converter | full, % | merged, % | mean difference", [_same_chips(*one) for one in MET]))
    return "\n\n".join(tables)


MET: tuple[tuple[str, Mapping[str, float], int], ...] = (
    ("programming error 5 %, read noise 1 %", {**SLICED, "programming_sigma_fraction": 0.05,
                                               "read_sigma_fraction": 0.01}, 8),
    ("programming error 10 %", {**SLICED, "programming_sigma_fraction": 0.10}, 16),
    ("all errors together", TOGETHER, 8),
)  # fmt: skip


def _same_chips(what: str, numbers: Mapping[str, float], draws: int) -> tuple[str, ...]:
    """Both details on the same chips, and what the mean of their differences is known to."""
    details: tuple[Detail, Detail] = ("full", "merged")
    full, merged = (case("lenet5").accuracies(numbers, detail, draws) for detail in details)
    differences = [one - other for one, other in zip(merged, full, strict=True)]
    error = stdev(differences) / draws**0.5
    return (
        f"{what}, {draws} chips",
        shown(full),
        shown(merged),
        f"{fmean(differences):+.2f} (standard error {error:.2f})",
    )


def ranges() -> str:
    """Range of the converters as a share of the largest sum of training inputs, full read, exact cells."""
    net, rows = case("lenet5"), []
    for bits in (6, 5, 4, 3):
        numbers = {**SLICED, "adc_bits": bits, "least_step_levels": 0.0}
        found = [net.accuracies({**numbers, "adc_clip_fraction": clip}, "full", 1)[0] for clip in CLIPS]
        rows.append((str(bits), *(f"{value:.2f}" for value in found)))
    return table(f"converter bits | {' | '.join(f'{clip:g}' for clip in CLIPS)}", rows)


CLIPS = (1.0, 0.7, 0.5, 0.35, 0.25)


def chain() -> str:
    """No converter between layers: noise of each hand-over, a share of the largest sum, adds up over the layers."""
    rows = []
    for name in NETWORKS:
        for sigma in (0.0, 0.005, 0.01, 0.02, 0.05):
            numbers = {**PAIR, "is_analog": 1, "activation_sigma_fraction": sigma, "programming_sigma_fraction": 0.02}
            rows.append((name, f"{100 * sigma:g} %", shown(case(name).accuracies(numbers))))
    return table("network | noise of a hand-over | accuracy, %", rows)


def shelf(name: str, **changes: Any) -> Mapping[str, float]:
    """A device of the shelf as one analog pair a weight."""
    text = (ROOT / "hwlib" / "components" / "memristive" / f"{name}.yaml").read_text(encoding="utf-8")
    cell = AgedCell.model_validate({**yaml.safe_load(text)["parameters"], **changes})
    own = {short: getattr(cell, short).value for short in
           ("g_on_msiemens", "on_off_ratio", "programming_sigma_fraction", "read_sigma_fraction")}  # fmt: skip
    return {**PAIR, **own, **device_numbers(cell)}


AGES: Mapping[str, float] = {"1 s": 1.0, "1 h": 3600.0, "1 day": 86_400.0, "1 month": 2.63e6, "1 year": 3.156e7}


def drift() -> str:
    """Accuracy over the age of the chip, by device; phase change with and without compensation."""
    net, rows = case("lenet5"), []
    for name, compensation in (("pcm", "none"), ("pcm", "global"), ("rram_wan2022", "global"), ("sonos", "global"),
                               ("fefet", "global"), ("nor_flash", "global"), ("ecram", "global")):  # fmt: skip
        found = [net.accuracies(shelf(name, age_s=age, compensation=compensation)) for age in AGES.values()]
        label = f"{name}, {'not compensated' if compensation == 'none' else 'compensated'}"
        rows.append((label, *(shown(values) for values in found)))
    return table(f"device | {' | '.join(AGES)}", rows)


def faults() -> str:
    """Stuck cells, half of them off and half on, and what mapping around them gives back."""
    net, rows = case("lenet5"), []
    for rate in (0.005, 0.02):
        for name, base in (("bit-sliced", {**SLICED, "adc_bits": 10}), ("one pair", PAIR)):
            stuck = {**base, "stuck_off_fraction": rate / 2, "stuck_on_fraction": rate / 2}
            ways: tuple[dict[str, float], ...] = (
                {}, {"is_remapped_by_sign": 1}, {"is_remapped_by_rows": 1}, {"is_remapped_by_pairs": 1},
            )  # fmt: skip
            rows.append((f"{100 * rate:g} %", name, *(shown(net.accuracies({**stuck, **way})) for way in ways)))
    return table("stuck cells | weights in | as they come | sign | rows | pairs", rows)


def wires() -> str:
    """Wire resistance of a cell pitch, at the conductance of phase-change cells and at four times that."""
    net, rows = case("lenet5"), []
    for microsiemens, ohms in ((25, (1.0, 10.0)), (100, (1.0, 5.0))):
        for ohm in ohms:
            numbers = {**PAIR, "g_on_msiemens": microsiemens / 1e3, "wire_kohm": ohm / 1e3}
            start = time.process_time()
            closed = net.accuracies(numbers, draws=1)
            between = time.process_time()
            nodal = net.accuracies({**numbers, "has_nodal_wires": 1}, draws=1)
            seconds = f"{between - start:.1f} / {time.process_time() - between:.1f}"
            rows.append((f"{microsiemens} uS", f"{ohm:g} ohm", shown(closed), shown(nodal), seconds))
    return table("largest conductance | wire | as searched, % | every node, % | CPU s", rows)


def tuning() -> str:
    """Fine-tuning that meets the machine's errors: one epoch, programming error of one pair a weight."""
    rows = []
    for name in NETWORKS:
        net = case(name)
        reference = net.tensors
        for sigma in (0.2, 0.3):
            numbers = {**PAIR, "programming_sigma_fraction": sigma}
            before = net.accuracies(numbers, draws=8)
            how = {"epochs": 1, "batch": 128, "learning_rate": 0.002, "noise_aware": True}
            start = time.process_time()
            net.tensors = dict(
                compressed(describe(net.graph, ()), reference, how, net.data.train, net.errors(numbers), 0)
            )
            taken = time.process_time() - start
            after = net.accuracies(numbers, draws=8)
            net.tensors = reference
            gain = f"{fmean(after) - fmean(before):+.1f}"
            rows.append((name, f"{100 * sigma:g} %", shown(before), shown(after), gain, f"{taken:.0f}"))
    return table("network | programming error | as trained, % | fine-tuned on drawn devices, % | gain | CPU s", rows)


def chips() -> str:
    """Share of chips above an accuracy, over 30 chips."""
    net, rows = case("lenet5"), []
    for sigma in (0.05, 0.10, 0.15):
        found = net.accuracies({**PAIR, "programming_sigma_fraction": sigma}, draws=30)
        shares = [yield_fraction(tuple(value / 100 for value in found), limit) for limit in (0.95, 0.98)]
        cells = [f"{share.value:.2f} ({share.low:.2f} to {share.high:.2f})" for share in shares]
        rows.append((f"{100 * sigma:g} %", shown(found), f"{min(found):.2f}", *cells))
    return table("programming error | accuracy, % | worst chip | chips above 95 % | chips above 98 %", rows)


SECTIONS: Mapping[str, Callable[[], str]] = {
    "speed": speed, "converters": converters, "ranges": ranges, "chain": chain, "drift": drift, "faults": faults,
    "wires": wires, "tuning": tuning, "chips": chips,
}  # fmt: skip

if __name__ == "__main__":
    torch.set_num_threads(1)
    for section in sys.argv[1:] or SECTIONS:
        print(f"## {section}\n\n{SECTIONS[section]()}\n", flush=True)
