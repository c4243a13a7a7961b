"""Prints what each compression costs in accuracy and saves in bytes on a real network, as rows of a Markdown table.

    python benchmarks/compression_figures.py --network lenet5 --seeds 3 --only deep_compression ternary

The reference and the compressed network see the same images: settings are chosen by the validation split's loss, the
test split's is what is told. Bytes are those of the whole written file.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import torch

from joulescape.accuracy.activations import calibrate
from joulescape.accuracy.datasets import Data, Part, load_task
from joulescape.accuracy.fine_tuning import compressed, untuned
from joulescape.accuracy.measure import measure
from joulescape.accuracy.module import plain, run
from joulescape.accuracy.needs import with_activations
from joulescape.accuracy.reference import reference_tensors, single_thread
from joulescape.accuracy.stored import written
from joulescape.accuracy.training import correct, fraction
from joulescape.compression.base import Described, Step
from joulescape.compression.low_rank.energy import ranks_of_energy
from joulescape.compression.pipeline import describe
from joulescape.network.build import build_graph
from joulescape.network.fidelity import Fidelity, Recipe
from joulescape.network.operators import Graph
from joulescape.spec.document import read_document
from joulescape.spec.network import NetworkSpec

ROOT = Path(__file__).parents[1]

Steps = Sequence[tuple[str, Mapping[str, Any]] | tuple[str, Mapping[str, Any], Mapping[str, Any]]]
"""Method, settings, and settings of single layers."""

GRADUAL = {"scope": "global", "schedule": "gradual"}
CHANNELS = {"granularity": "channel"}
FLOAT = {"activation_bits": 32}
ADMM = {"training": "admm"}
MIXED_BITS = {"conv1": 6, "conv2": 4, "fc1": 2, "fc2": 3, "fc3": 4}
"""Few bits where many weights are."""

DESIGNS: Mapping[str, Steps] = {
    "prune_90": [("prune", {**GRADUAL, "density": 0.1})],
    "prune_90_at_once": [("prune", {"scope": "global", "density": 0.1})],
    "prune_95": [("prune", {**GRADUAL, "density": 0.05})],
    "prune_95_at_once": [("prune", {"scope": "global", "density": 0.05})],
    "variational_95": [("prune", {"scope": "global", "density": 0.05, "criterion": "variational"})],
    "prune_90_admm": [("prune", {"scope": "global", "density": 0.1, "schedule": "admm"})],
    "prune_2_of_4": [("prune", {"granularity": "n_of_m", "density": 0.5, "schedule": "gradual"})],
    "channels_50": [("prune", {**CHANNELS, "density": 0.5})],
    "channels_50_first_order": [("prune", {**CHANNELS, "density": 0.5, "criterion": "first_order"})],
    "channels_50_nisp": [("prune", {**CHANNELS, "density": 0.5, "criterion": "nisp"})],
    "channels_50_reconstruction": [("prune", {**CHANNELS, "density": 0.5, "criterion": "reconstruction"})],
    "channels_50_group_lasso": [("prune", {**CHANNELS, "density": 0.5, "criterion": "group_lasso"})],
    "channels_30": [("prune", {**CHANNELS, "density": 0.3})],
    "channels_30_first_order": [("prune", {**CHANNELS, "density": 0.3, "criterion": "first_order"})],
    "channels_30_nisp": [("prune", {**CHANNELS, "density": 0.3, "criterion": "nisp"})],
    "channels_30_reconstruction": [("prune", {**CHANNELS, "density": 0.3, "criterion": "reconstruction"})],
    "channels_30_group_lasso": [("prune", {**CHANNELS, "density": 0.3, "criterion": "group_lasso"})],
    "w4a4": [("quantize", {"weight_bits": 4, "activation_bits": 4})],
    "mixed_precision": [
        ("quantize", {"activation_bits": 4}, {name: {"weight_bits": bits} for name, bits in MIXED_BITS.items()})
    ],
    "w2a2": [("quantize", {"weight_bits": 2, "activation_bits": 2})],
    "fixed_point_8": [("fixed_point", {"weight_bits": 8, "activation_bits": 8})],
    "fixed_point_4": [("fixed_point", {"weight_bits": 4, "activation_bits": 8})],
    "logarithmic_4": [("logarithmic", {"weight_bits": 4, **FLOAT})],
    "logarithmic_3": [("logarithmic", {"weight_bits": 3, **FLOAT})],
    "incremental_5": [("incremental", {"weight_bits": 5})],
    "ternary_twn": [("ternary", {"scale_per": "channel", **FLOAT})],
    "ternary_admm": [("ternary", {"scale_per": "channel", **ADMM, **FLOAT})],
    "ternary_ttq": [("ternary", {"rule": "ttq", **FLOAT})],
    "binary": [("binary", {**FLOAT})],
    "binary_admm": [("binary", {**ADMM, **FLOAT})],
    "xnor": [("binary", {"activations": "binary", "ends": "keep"})],
    "dorefa_w2a2": [("dorefa", {"weight_bits": 2, "activation_bits": 2})],
    "half_wave_w2a2": [("half_wave", {"activation_bits": 2}), ("binary", {**FLOAT})],
    "share_16_huffman": [("share", {"bits": 4}), ("huffman", {})],
    "soft_share_huffman": [("soft_share", {"bits": 3}), ("huffman", {})],
    "low_rank": [("low_rank", {"rank_fraction": 0.12, "conv": "keep", "ends": "keep"})],
    "low_rank_outputs": [
        ("low_rank", {"rank_fraction": 0.12, "conv": "keep", "ends": "keep", "error": "outputs"}),
    ],
    "deep_thin_16": [("deep_thin", {"rank": 16, "ends": "keep"})],
    "deep_thin_4": [("deep_thin", {"rank": 4, "ends": "keep"})],
    "spatial_50": [("low_rank", {"rank_fraction": 0.5, "conv": "spatial", "ends": "keep"})],
    "tucker_50": [("low_rank", {"rank_fraction": 0.5, "conv": "tucker", "ends": "keep"})],
    "circulant_8": [("circulant", {"block": 8, "ends": "keep"})],
    "circulant_8_dense": [("circulant", {"block": 8, "ends": "keep"}, {"conv2": {"block": 1}})],
    "deep_compression_admm": [
        ("prune", {"scope": "global", "schedule": "admm", "density": 0.1, "index_bits": 6}),
        ("share", {"bits": 3}),
        ("huffman", {}),
    ],
    "deep_compression": [
        ("prune", {**GRADUAL, "density": 0.1, "index_bits": 6}),
        ("share", {"bits": 3}),
        ("huffman", {}),
    ],
}
"""Designs by name, as lists of steps."""


VALIDATION = 1000
"""Samples of the validation subset that speeds are measured on; all of a smaller split."""


@dataclass(frozen=True)
class Score:
    """Right images of each split, as fractions."""

    validation: float
    test: float


@dataclass(frozen=True)
class Row:
    """One design and seed."""

    projected: Score
    tuned: Score
    file_bytes: int
    macs: int
    project_s: float
    tune_s: float


def main() -> None:
    """Print one line a design: means over seeds, each seed's loss in points on validation and on test."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="lenet5")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--learning-rate", type=float, default=0.002)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--density", type=float, help="density of deep_compression")
    parser.add_argument("--networks-dir", type=Path, default=ROOT / "results" / "networks")
    parser.add_argument("--speeds", action="store_true", help="print CPU seconds of evaluations and epochs instead")
    parser.add_argument("--energy", type=float, help="print the ranks that keep this share of it instead")
    parser.add_argument("--only", nargs="+", choices=sorted(DESIGNS), default=list(DESIGNS))
    arguments = parser.parse_args()
    single_thread()
    spec = NetworkSpec.model_validate(read_document(ROOT / "models" / f"{arguments.network}.yaml").content)
    graph = build_graph(arguments.network, spec)
    data = load_task(spec.task).shaped(graph.input_shape)
    reference = reference_tensors(graph, spec.training.model_dump(), spec.task, arguments.networks_dir)
    if arguments.energy is not None:
        print_ranks(graph, reference, data, arguments.energy)
        return
    if arguments.speeds:
        print_speeds(graph, spec, arguments.networks_dir, arguments.only)
        return
    base = score(describe(graph, []), reference, data)
    whole = 4 * graph.parameter_count
    reached = f"{100 * base.validation:.2f} % on validation, {100 * base.test:.2f} % on test"
    print(f"{arguments.network}: {reached}, {whole} bytes, {graph.macs} MACs", flush=True)
    how = {"epochs": arguments.epochs, "learning_rate": arguments.learning_rate, "batch": arguments.batch}
    for name in arguments.only:
        steps = [_step(name, *given, density=arguments.density) for given in DESIGNS[name]]
        rows = [measured(describe(graph, steps), reference, data, how, seed) for seed in range(arguments.seeds)]
        print(line(name, rows, base, whole), flush=True)


def print_ranks(graph: Graph, reference: Mapping[str, Any], data: Data, share: float) -> None:
    """Ranks of each layer that keep `share` of its weights' energy, and of its outputs': for a question's `ranks`."""
    seen = with_activations(graph, reference, data.train)
    for what, tensors in (("weights", reference), ("outputs", seen)):
        print(f"{what}: {dict(ranks_of_energy(graph, tensors, share))}", flush=True)


def print_speeds(graph: Graph, spec: NetworkSpec, networks_dir: Path, names: Sequence[str]) -> None:
    """CPU seconds of one evaluation on the validation split without fine-tuning, and of one epoch of it."""
    print("| design | evaluation s | epoch s |", flush=True)
    for name in names:
        network = describe(graph, [_step(name, *given) for given in DESIGNS[name]])
        how = {"learning_rate": 0.002, "batch": 128, "epochs": 1}
        recipe = Recipe(spec.task, spec.training.model_dump(), how, {}, "exact")
        seconds = []
        for rung in ("merged", "tuned"):
            began = time.process_time()
            measure(network, {}, recipe, Fidelity(rung, samples=VALIDATION), 0, networks_dir)
            seconds.append(time.process_time() - began)
        print(f"| {name} | {seconds[0]:.2f} | {seconds[1] - seconds[0]:.2f} |", flush=True)


def measured(network: Described, reference: Mapping[str, Any], data: Data, how: Mapping[str, Any], seed: int) -> Row:
    """Compress, measure, fine-tune, measure and write."""
    began = time.process_time()
    plainly = score(network, untuned(network, reference, data.train), data)
    projected_at = time.process_time()
    tuned = compressed(network, reference, how, data.train, {}, seed)
    tuned_at = time.process_time()
    size = len(written(network, tuned).data)
    reached = score(network, tuned, data)
    return Row(plainly, reached, size, network.graph.macs, projected_at - began, tuned_at - projected_at)


def score(network: Described, tensors: Mapping[str, Any], data: Data) -> Score:
    """Right images of both splits, activations on their grids."""
    calibration = calibrate(network, tensors, data.train.images, rows=0)

    def right(part: Part) -> float:
        with torch.no_grad():
            scores = run(network.graph, tensors, part.images, calibration.quantised(plain))
        return fraction(correct(scores, part.labels))

    return Score(right(data.validation), right(data.test))


def line(name: str, rows: Sequence[Row], base: Score, whole: int) -> str:
    """One row of the table; before and after on the test split, losses of both."""
    chosen, told = (
        ", ".join(f"{100 * (getattr(base, split) - getattr(row.tuned, split)):+.2f}" for row in rows)
        for split in ("validation", "test")
    )
    before, after = (
        100 * fmean(scores) for scores in zip(*((r.projected.test, r.tuned.test) for r in rows), strict=True)
    )
    size = fmean(row.file_bytes for row in rows)
    seconds = fmean(row.tune_s for row in rows), fmean(row.project_s for row in rows)
    return (
        f"| {name} | {before:.2f} | {after:.2f} | {chosen} | {told} | {size:.0f} | {whole / size:.1f} | {rows[0].macs} "
        f"| {seconds[1]:.2f} | {seconds[0]:.1f} |"
    )


def _step(
    name: str,
    method: str,
    settings: Mapping[str, Any],
    per_layer: Mapping[str, Any] | None = None,
    density: float | None = None,
) -> Step:
    changed = name == "deep_compression" and density is not None and "density" in settings
    return Step(method, {**settings, "density": density} if changed else settings, per_layer or {})


if __name__ == "__main__":
    main()
