"""What networks of the demonstrated sizes reach on the demonstrated arrays, and a cosine transform on one of them.

    python benchmarks/array_demonstrations.py [accuracy] [transform]      prints tables of docs/array_demonstrations.md

Accuracy: each network of models/ is trained in float32, its weights written into five drawn chips of the entry, whose
errors the whole test split meets; `tuned`: a few epochs more, in which every mini-batch meets a fresh chip, or in which
weights and inputs are binary where the machine's are (straight-through gradients). In-place training, as several of
the demonstrations did it, is not this. Transform: 8 x 8 cosine transform of small photographs
(CIFAR-10, grey) and digits; peak signal-to-noise ratio of what the exact inverse makes of what the chip gives.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import torch
import yaml
from torch import Tensor

from joulescape.accuracy.activations import calibrate
from joulescape.accuracy.datasets import Data, load_task
from joulescape.accuracy.fine_tuning import compressed, untuned
from joulescape.accuracy.machine_layers import numerics, program
from joulescape.accuracy.module import run
from joulescape.accuracy.randomness import generator
from joulescape.accuracy.training import TrainingRun, correct, fraction, train_weights
from joulescape.compression.base import Described, Step
from joulescape.compression.pipeline import describe
from joulescape.network.build import build_graph
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.operators import Graph
from joulescape.resolve.back_end import load_back_end
from joulescape.spec.network import NetworkSpec

ROOT = Path(__file__).parents[1]
CHIPS = 5
SIDE = 8
"""Pixels along an edge of a block that is transformed."""


@dataclass(frozen=True)
class Demonstration:
    """An entry, the network that fits it, tuning epochs, and what the source claims."""

    entry: str
    network: str
    epochs: int
    claim: str
    is_binary: bool = False


DEMONSTRATIONS = (
    Demonstration("neurram", "lenet5", 1, "99.0 % (MNIST, another network)"),
    Demonstration("pcm_500x661", "mnist_pcm", 1, "82.9 % (trained in place on 5,000 images)"),
    Demonstration("rram_128x8", "digits_perceptron", 30, "91.7 % (three faces)"),
    Demonstration("memristor_12x12", "letters", 30, "100 % (trained in place, on the letters tested)"),
    Demonstration("rram_16mb", "mnist_perceptron", 6, "96.5 % (a larger binary network)", is_binary=True),
    Demonstration("nor_flash_mnist", "mnist_perceptron", 1, "94.65 % (96.2 % simulated)"),
    Demonstration(
        "mram_64x64", "mnist_perceptron", 6, "93.23 % (95.24 % in software, another network)", is_binary=True
    ),
)


class Case:
    """One network after its recipe, with its data."""

    def __init__(self, name: str) -> None:
        raw = yaml.safe_load((ROOT / "models" / f"{name}.yaml").read_text(encoding="utf-8"))
        spec = NetworkSpec.model_validate(raw)
        self.graph: Graph = build_graph(name, spec)
        self.data: Data = load_task(spec.task).shaped(self.graph.input_shape)
        recipe = {} if spec.training is None else spec.training.model_dump(exclude_none=True)
        self.how = TrainingRun.of(recipe)
        self.tensors: Mapping[str, Tensor] = train_weights(self.graph, self.how, self.data.train, 0)

    def network(self, is_binary: bool) -> Described:
        """As it is, or with weights of +-1 and inputs of two values."""
        steps = [Step("binary", {"activations": "binary"}, {})] if is_binary else []
        return describe(self.graph, steps)

    def errors(self, entry: str, changes: Mapping[str, object] | None = None) -> Errors:
        """Of one back end of the shelf."""
        machine = load_back_end(ROOT, f"memristive/{entry}", dict(changes or {}))
        return machine.simulator.errors(self.graph, {}, machine.settings)

    def tuned(self, errors: Errors, one: Demonstration) -> Mapping[str, Tensor]:
        """Weights after some epochs on fresh chips, or on binary operands."""
        rate = self.how.learning_rate / (1 if one.is_binary else 4)
        how = {"epochs": one.epochs, "batch": self.how.batch, "learning_rate": rate, "noise_aware": not one.is_binary}
        return compressed(self.network(one.is_binary), self.tensors, how, self.data.train, errors, 0)

    def ideal(self) -> float:
        """Percent of the test split in float32."""
        with torch.no_grad():
            return 100 * fraction(correct(run(self.graph, self.tensors, self.data.test.images), self.data.test.labels))

    def chips(self, errors: Errors, tensors: Mapping[str, Tensor], is_binary: bool = False) -> list[float]:
        """Percent of the test split, one a drawn chip."""
        held = calibrate(self.network(is_binary), tensors, self.data.train.images)
        found = []
        for draw in range(CHIPS):
            device, reading = (generator(0, purpose, draw) for purpose in ("device", "read"))
            machine = program(self.graph, tensors, errors, held, device, reading, "merged")
            with torch.no_grad():
                logits = run(self.graph, tensors, self.data.test.images, machine.rule)
            found.append(100 * fraction(correct(logits, self.data.test.labels)))
        return found


@cache
def case(name: str) -> Case:
    """Trained once a run."""
    return Case(name)


def shown(values: list[float]) -> str:
    """Mean and standard deviation over chips."""
    return f"{fmean(values):.1f} ± {stdev(values):.1f}"


def row(one: Demonstration) -> str:
    """One line of the table of accuracies."""
    net = case(one.network)
    errors, start = net.errors(one.entry), untuned(net.network(one.is_binary), net.tensors, net.data.train)
    plain = net.chips(errors, start, one.is_binary)
    tuned = net.chips(errors, net.tuned(errors, one), one.is_binary)
    return f"| {one.entry} | {one.network} | {net.ideal():.1f} | {shown(plain)} | {shown(tuned)} | {one.claim} |"


def accuracy() -> str:
    """Markdown: percent of each task's test split."""
    head = "| entry | network | float32 | as trained | tuned | the source's own |\n|---|---|---|---|---|---|"
    return "\n".join([head, *(row(one) for one in DEMONSTRATIONS)])


# --- transform --------------------------------------------------------------------------------------------------------


def cosine_matrix(side: int = SIDE) -> Tensor:
    """The orthonormal two-dimensional cosine transform of flattened blocks, (side^2, side^2)."""
    places, waves = np.arange(side), np.arange(side)[:, None]
    one = np.cos((2 * places + 1) * waves * np.pi / (2 * side)) * np.sqrt(2 / side)
    one[0] /= np.sqrt(2)
    return torch.from_numpy(np.kron(one, one)).float()


def blocks_of(images: Tensor, side: int = SIDE) -> Tensor:
    """Grey blocks (count, side^2) of images (count, channels, height, width) in [0, 1]."""
    grey = images.mean(dim=1)
    count, height, width = grey.shape
    cut = grey.reshape(count, height // side, side, width // side, side)
    return cut.transpose(2, 3).reshape(-1, side * side)


def transform_spec(changes: Mapping[str, object] | None = None) -> ErrorSpec:
    """How the crossbar computes the layer of models/dct_blocks.yaml."""
    machine = load_back_end(ROOT, "memristive/memristor_dct", dict(changes or {}))
    spec = NetworkSpec.model_validate(yaml.safe_load((ROOT / "models" / "dct_blocks.yaml").read_text(encoding="utf-8")))
    return machine.simulator.errors(build_graph("dct_blocks", spec), {}, machine.settings)["dct", "forward"]


def psnr_db(blocks: Tensor, spec: ErrorSpec, draw: int = 0, kept: int = SIDE * SIDE) -> float:
    """Of the image that comes back when the chip transforms it and the inverse is exact; `kept` of lowest frequency."""
    matrix = cosine_matrix()
    device, reading = (generator(0, purpose, draw) for purpose in ("device", "read"))
    held = numerics(spec.kind).program(matrix, spec, blocks, device, "merged")
    return _psnr_db(blocks, held(blocks, reading), kept)


def ideal_psnr_db(blocks: Tensor, kept: int) -> float:
    """The same of an exact transform: what leaving frequencies out costs."""
    return _psnr_db(blocks, blocks @ cosine_matrix().T, kept)


def _psnr_db(blocks: Tensor, waves: Tensor, kept: int) -> float:
    order = sorted(range(SIDE * SIDE), key=lambda place: (place // SIDE + place % SIDE, place))
    mask = torch.zeros(SIDE * SIDE)
    mask[order[:kept]] = 1
    back = (waves * mask) @ cosine_matrix()
    return float(-10 * torch.log10((back - blocks).square().mean()))


NOTHING: Mapping[str, object] = {"value": 0.0, "basis": "derived", "source": "joulescape", "where": "left out"}
CELLS = tuple(f"{kind}_fraction" for kind in ("programming_sigma", "read_sigma", "stuck_off", "stuck_on"))
PRECISIONS: Mapping[str, Mapping[str, object]] = {
    "as the entry": {},
    "without wires": {"cell.wire_kohm": NOTHING},
    "exact cells without wires": {f"cell.{name}": NOTHING for name in (*CELLS, "wire_kohm")},
    "the same, 5 bits out": {"readout.bits": 5, **{f"cell.{name}": NOTHING for name in (*CELLS, "wire_kohm")}},
    "the same, 10 bits out": {"readout.bits": 10, **{f"cell.{name}": NOTHING for name in (*CELLS, "wire_kohm")}},
}


def transform() -> str:
    """Markdown: decibels, mean over chips, two kinds of pictures, all and 20 of 64 coefficients."""
    pictures = {
        "photographs": blocks_of(load_task("cifar10_subset").test.images[:200]),
        "digits": blocks_of(load_task("digits").test.images),
    }
    lines = ["| crossbar | " + " | ".join(f"{name}, {kept} of 64" for name in pictures for kept in (64, 20)) + " |"]
    lines.append("|---" * 5 + "|")
    for label, changes in PRECISIONS.items():
        spec = transform_spec(changes)
        cells = [
            f"{fmean(psnr_db(blocks, spec, draw, kept) for draw in range(CHIPS)):.1f}"
            for blocks in pictures.values() for kept in (64, 20)
        ]  # fmt: skip
        lines.append(f"| {label} | {' | '.join(cells)} |")
    exact = [f"{ideal_psnr_db(blocks, kept):.1f}" for blocks in pictures.values() for kept in (64, 20)]
    return "\n".join([*lines, f"| exact transform | {' | '.join(exact)} |"])


SECTIONS: Mapping[str, Callable[[], str]] = {"accuracy": accuracy, "transform": transform}

if __name__ == "__main__":
    torch.set_num_threads(1)
    for name in sys.argv[1:] or SECTIONS:
        print(f"{name}\n\n{SECTIONS[name]()}\n")
