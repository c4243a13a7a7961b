"""Prints the tables of docs/physical_networks.md: python benchmarks/physical_networks.py vowels --seeds 5.

Every accuracy is of the test split; CPU seconds are of one thread. The mismatch is stated here and nowhere tuned.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
import torch.nn.functional as nnf

from joulescape.accuracy.datasets import Data, load_task, talkers_anew
from joulescape.accuracy.own_bench import Algorithm
from joulescape.accuracy.own_controls import ABOUT, controls
from joulescape.accuracy.own_training import OwnRun, train
from joulescape.accuracy.reference import single_thread
from joulescape.accuracy.training import TrainingRun
from joulescape.network.build import build_graph
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.kinds import KINDS
from joulescape.network.operators import Graph
from joulescape.network.request import Request
from joulescape.network.systems.oscillators import plugin as oscillators_rule
from joulescape.numerics.oscillators import plugin as pendula
from joulescape.spec.document import read_document
from joulescape.spec.network import NetworkSpec

MODELS = Path(__file__).parents[1] / "models"
LEVEL = 0.1

MISMATCH: Mapping[str, Mapping[str, float]] = {
    "shg": {
        "amplitude_fraction": LEVEL, "phase_rad": LEVEL, "phase_walk_rad": 2 * LEVEL, "gamma_error": 2 * LEVEL,
        "crosstalk_bins": 0.2 + 4 * LEVEL, "read_noise_fraction": 0.02, "floor_noise_fraction": 0.002,
    },
    "plate": {
        "frequency_fraction": 0.03, "damping_fraction": 0.1, "shape_fraction": 0.1, "stretch_fraction": 0.1,
        "read_noise_fraction": 0.02,
    },
    "circuit": {
        "frequency_fraction": 0.05, "resistance_fraction": 0.1, "gain_fraction": 0.1, "threshold": 0.05,
        "read_noise_fraction": 0.02,
    },
    "oscillators": {
        "frequency_fraction": 0.05, "coupling_fraction": 0.2, "nonlinearity": 0.1, "read_noise_fraction": 0.02,
    },
}  # fmt: skip
"""Second harmonic, m = 0.1: amplitude m, phase m (n + 2 walk), exponent 1 + 2 m, blur 0.2 + 4 m, noise 2 % + 0.2 %."""


def network(name: str) -> tuple[NetworkSpec, Graph]:
    """A network of the shelf."""
    spec = NetworkSpec.model_validate(read_document(MODELS / f"{name}.yaml").content)
    return spec, build_graph(name, spec)


def errors(graph: Graph) -> Errors:
    """The declared mismatch of every physical operator."""
    return {
        (o.name, "forward"): ErrorSpec(o.kind, o.name, "forward", MISMATCH[o.kind]) for o in graph.physical_operators
    }


def table(name: str, task: str, seeds: range, rows: list[str], data_of: Callable[[int], Data] | None = None) -> None:
    """One line a control."""
    spec, graph = network(name)
    print(f"## {name}, task {task}, {graph.parameter_count} parameters, seeds {list(seeds)}", flush=True)
    for row in rows:
        began = time.process_time()
        (found,) = controls(graph, errors(graph), spec.recipe, task, seeds, "test", [row], data_of)
        each = (time.process_time() - began) / len(seeds)
        values = " ".join(f"{100 * one:.1f}" for one in found.accuracy_fraction)
        spread = "" if found.sd_fraction is None else f" +- {100 * found.sd_fraction:.1f}"
        print(f"| {row} | {100 * found.mean_fraction:.1f}{spread} | {values} | {each:.1f} |", flush=True)


def physical_share(graph: Graph) -> float:
    """Operations of the systems, as their twins count them, over all operations of an inference."""
    physical = sum((KINDS[o.kind].twin_ops or (lambda _: 0.0))(o) for o in graph.physical_operators)
    vector = sum(o.ops_per_element * o.out_elements for o in graph.operators)
    return physical / (physical + 2 * graph.macs + vector)


def gaps(name: str, seeds: range) -> None:
    """Physics-aware against in-silico training."""
    rows = ["pat", "in_silico", "in_silico_recalibrated", "in_silico_fitted", "frozen", "identity"]
    table(name, network(name)[0].task, seeds, rows)


def hybrid(name: str, seeds: range) -> None:
    """Digital linear input layers with and without the physics."""
    _, graph = network(name)
    print(f"physical share of the operations: {physical_share(graph):.2f}", flush=True)
    table(name, network(name)[0].task, seeds, ["pat", "identity", "frozen"])


def oscillators(name: str, algorithm: Algorithm) -> None:
    """The nominal pendula, trained with early stopping on a slice of the training split."""
    spec, graph = network(name)
    data = load_task(spec.task).shaped(graph.input_shape)
    began = time.process_time()
    trained = train(graph, {}, OwnRun(TrainingRun.of(spec.recipe), algorithm, 0), data)
    seconds = time.process_time() - began
    found = [100 * trained.accuracy(part, "in_silico") for part in (data.validation, data.test)]
    print(f"{name}: validation {found[0]:.2f}, test {found[1]:.2f}, {seconds:.0f} CPU s", flush=True)


def example(epochs: int, samples: int | None) -> None:
    """Wright et al.'s example of pendula for MNIST: 196, then 206 of them, Runge-Kutta, no gap, Adam at 1e-3."""
    sizes = {"duration": 0.5, "steps": 5, "order": 4}
    layers = [
        oscillators_rule.rule(Request(f"layer{n}", "oscillators", ("input",), ((196,),), {"units": n, **sizes}))
        for n in (196, 206)
    ]
    data, stream = load_task("mnist"), torch.Generator().manual_seed(0)
    trained = [dict(pendula.initial(layer, stream)) for layer in layers]
    scale = torch.ones(()).requires_grad_()
    leaves = [value.requires_grad_() for layer in trained for value in layer.values()]
    optimizer = torch.optim.Adam([*leaves, scale])

    def scores(images: torch.Tensor) -> torch.Tensor:
        values = images[:, 0, ::2, ::2].flatten(1)
        for layer, parameters in zip(layers, trained, strict=True):
            values = pendula.evolve(layer, values, parameters, pendula.nominal(layer))
        return scale * values[:, -10:]

    parts, began = (data.train, data.validation), time.process_time()  # all 60,000, as published: nothing is chosen
    images = torch.cat([part.images for part in parts])[:samples]
    labels = torch.cat([part.labels for part in parts])[:samples]
    for epoch in range(epochs):
        for chosen in torch.randperm(len(labels), generator=stream).split(32):
            loss = nnf.cross_entropy(scores(_moved(images[chosen], stream)), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            right = (scores(data.test.images).argmax(1) == data.test.labels).float().mean()
        seconds = time.process_time() - began
        print(f"epoch {epoch + 1}: test {100 * float(right):.2f}, {seconds:.0f} CPU s", flush=True)


def _moved(images: torch.Tensor, stream: torch.Generator) -> torch.Tensor:
    """Each image turned by up to 15 degrees, moved by up to 5 % down or up, at 0.9 to 1.1 of its size."""
    uniform = 2 * torch.rand(len(images), 3, generator=stream) - 1
    angle, zoom = math.radians(15) * uniform[:, 0], 1 / (1 + 0.1 * uniform[:, 1])
    turned = torch.stack([zoom * angle.cos(), zoom * angle.sin(), 0 * zoom, -zoom * angle.sin(), zoom * angle.cos()], 1)
    matrix = torch.cat([turned, 0.1 * uniform[:, 2:]], 1).reshape(-1, 2, 3)
    return nnf.grid_sample(images, nnf.affine_grid(matrix, list(images.shape), False), align_corners=False)


def main() -> None:
    """One table a call."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", choices=("vowels", "vowels_all", "gaps", "hybrid", "oscillators", "example"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--network")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--samples", type=int)
    parser.add_argument("--rows", nargs="+", choices=tuple(ABOUT), default=None)
    arguments = parser.parse_args()
    single_thread()
    seeds, rows = range(arguments.seeds), arguments.rows or list(ABOUT)
    if arguments.table in ("vowels", "vowels_all"):
        task = arguments.table
        table("physical_vowels", task, seeds, rows, lambda seed: talkers_anew(task, seed))
    elif arguments.table == "gaps":
        gaps(arguments.network or "physical_hybrid_digits", seeds)
    elif arguments.table == "hybrid":
        hybrid(arguments.network or "physical_hybrid_mnist", seeds)
    elif arguments.table == "example":
        example(arguments.epochs, arguments.samples)
    else:
        oscillators(arguments.network or "physical_oscillators_mnist", "in_silico")


if __name__ == "__main__":
    main()
