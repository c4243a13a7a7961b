"""How far cell energies err that know less of the values than there is to know.

    python benchmarks/value_energy.py        prints the table of docs/array_demonstrations.md

Exact: every cell of every array in every read, V^2 G t of its own row's drive and its own conductance, on test samples.
Beside it four models of one layer's energy: `fixed`, the same for any data (operands spread evenly); `one constant`,
the exact mean of all layers of the network, given to each of them; `means`, from mean magnitudes of training samples,
digits taken to be uniform; `histograms`, from measured histograms of training samples and weights, digit by digit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import torch
import yaml
from torch import Tensor

from joulescape.accuracy.activations import calibrate
from joulescape.accuracy.datasets import load_task
from joulescape.accuracy.module import Inputs, Tensors, plain, run, to_rows, weight_rows
from joulescape.accuracy.training import TrainingRun, train_weights
from joulescape.compression.pipeline import describe
from joulescape.network.build import build_graph
from joulescape.network.operators import Graph, Operator
from joulescape.network.work import LayerStatistics, Operand
from joulescape.numerics.crossbar.coding import InputCode, into_slices, quantise_weights
from joulescape.numerics.crossbar.device import CrossbarNumbers
from joulescape.simulators._values import drive_square, pair_level
from joulescape.spec.network import NetworkSpec

ROOT = Path(__file__).parents[1]
OFF = 1 / 40
"""Conductance of an off cell over that of a full one (wan2022)."""
BITS = 8
MODELS = ("fixed", "one constant", "means", "histograms")
ARRAYS: Mapping[str, Mapping[str, int]] = {
    "slices of 2 bits, inputs bit by bit": {"cell_bits": 2, "dac_bits": 1},
    "one pair a weight, inputs as voltages": {"cell_bits": 7, "dac_bits": 8},
}
NETWORKS = ("digits_mlp", "digits_lenet", "mnist_perceptron", "lenet5")


@dataclass(frozen=True)
class Layer:
    """One product: exact energy of its cells per cell and read, in energies of a full cell at full voltage, the number
    of cells times reads behind it, and what each model says."""

    name: str
    exact: float
    reads: float
    said: Mapping[str, float]


def numbers_of(array: str) -> CrossbarNumbers:
    """Differential cells without errors."""
    return CrossbarNumbers(
        rows=1 << 16, columns=128, weight_bits=BITS, input_bits=BITS, cell_copies=1, adc_bits=24, adc_clip_fraction=1.0,
        is_counted=False, is_differential=True, programming_sigma_fraction=0.0, read_sigma_fraction=0.0,
        stuck_off_fraction=0.0, stuck_on_fraction=0.0, g_on_msiemens=0.04, on_off_ratio=1 / OFF, wire_kohm=0.0,
        cell_bits=ARRAYS[array]["cell_bits"], dac_bits=ARRAYS[array]["dac_bits"],
    )  # fmt: skip


def exact_energy(rows: Tensor, weight: Tensor, code: InputCode, numbers: CrossbarNumbers) -> tuple[float, float]:
    """Of inputs (M, K) through weights (N, K): the mean over cells and reads, and their number."""
    top = float(2**numbers.dac_bits - 1)
    digits = code.digits(code.integers(rows))
    power = sum(
        ((digit / top).square().sum(dim=0).double() for digit in digits), start=torch.zeros(rows.shape[1]).double()
    )
    integers, _ = quantise_weights(weight, numbers.weight_bits)
    halves = [into_slices(half.clamp(min=0), numbers) for half in (integers, -integers)]
    levels = torch.cat(halves, dim=1).double() / numbers.top_level
    conductance = (OFF + (1 - OFF) * levels).sum(dim=1)
    reads = len(digits) * rows.shape[0] * levels.numel()
    return float(power @ conductance) / reads, float(reads)


def model_energy(seen: LayerStatistics, is_exact_digits: bool, numbers: CrossbarNumbers) -> float:
    """Mean conductance times mean square of the drive, as the simulators take them."""
    weight = Operand(1, BITS, mean_fraction=seen.weight_mean_fraction, histogram=seen.weight_histogram)
    data = Operand(1, BITS, mean_fraction=seen.input_mean_fraction, histogram=seen.input_histogram, is_signed=False)
    if not is_exact_digits:
        weight, data = (Operand(1, BITS, mean_fraction=one.mean_fraction) for one in (weight, data))
    level = float(pair_level(weight, BITS, numbers.cell_bits))
    return (OFF + (1 - OFF) * level) * float(drive_square(data, BITS, numbers.dac_bits))


def trained(name: str, epochs: int | None = None) -> tuple[Graph, Tensors, Tensor, Tensor]:
    """A network of models/ after its recipe, with training and test images."""
    spec = NetworkSpec.model_validate(yaml.safe_load((ROOT / "models" / f"{name}.yaml").read_text(encoding="utf-8")))
    graph = build_graph(name, spec)
    data = load_task(spec.task).shaped(graph.input_shape)
    recipe = {} if spec.training is None else spec.training.model_dump(exclude_none=True)
    how = TrainingRun.of({**recipe, **({} if epochs is None else {"epochs": epochs})})
    return graph, train_weights(graph, how, data.train, 0), data.train.images, data.test.images


def layers(graph: Graph, tensors: Tensors, train: Tensor, test: Tensor, array: str) -> list[Layer]:
    """Every product of a network."""
    numbers, seen = numbers_of(array), calibrate(describe(graph, ()), tensors, train)
    found: list[tuple[str, float, float, LayerStatistics]] = []

    def rule(operator: Operator, inputs: Inputs, tensors: Tensors) -> Tensor:
        rows = to_rows(operator, inputs[0])[0]
        code = InputCode.calibrated(seen.rows[operator.name][0], numbers)
        exact = exact_energy(rows, weight_rows(operator, tensors)[0], code, numbers)
        found.append((operator.name, *exact, seen.statistics[operator.name]))
        return plain(operator, inputs, tensors)

    with torch.no_grad():
        run(graph, tensors, test, rule)
    constant = sum(exact * reads for _, exact, reads, _ in found) / sum(reads for _, _, reads, _ in found)
    return [
        Layer(name, exact, reads, {
            "fixed": model_energy(LayerStatistics(), False, numbers),
            "one constant": constant,
            "means": model_energy(one, False, numbers),
            "histograms": model_energy(one, True, numbers),
        })
        for name, exact, reads, one in found
    ]  # fmt: skip


def error(found: list[Layer], model: str) -> tuple[float, float]:
    """Mean and largest |model / exact - 1| over layers."""
    each = [abs(layer.said[model] / layer.exact - 1) for layer in found]
    return fmean(each), max(each)


def table(networks: tuple[str, ...] = NETWORKS, samples: int = 500) -> str:
    """Markdown: mean (largest) error over the layers of each network, percent."""
    rows = [f"| network | array | {' | '.join(MODELS)} |", "|---|---|" + "---|" * len(MODELS)]
    for name in networks:
        graph, tensors, train, test = trained(name)
        for array in ARRAYS:
            found = layers(graph, tensors, train, test[:samples], array)
            said = [f"{100 * mean:.0f} ({100 * most:.0f})" for mean, most in (error(found, model) for model in MODELS)]
            rows.append(f"| {name} | {array} | {' | '.join(said)} |")
    return "\n".join(rows)


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(table())
