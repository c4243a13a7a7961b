"""What a photonic accuracy costs, how a closed form ranks designs, and what fine-tuning on the machine gains.

    python benchmarks/photonic_accuracy.py [speed] [ranking] [tuning]     without names all of them

CPU time of one thread. The peers are in the same run: a mesh followed one interferometer at a time, and the plain
forward pass of the same network in float32. MNIST is looked for where JOULESCAPE_DATA says.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import fmean, stdev
from tempfile import TemporaryDirectory

import numpy as np
import photonic_curves as known
import torch
import yaml
from scipy.stats import spearmanr
from torch import Tensor

from joulescape.accuracy.activations import calibrate
from joulescape.accuracy.datasets import Data, Part, TaskError, load_task
from joulescape.accuracy.machine_layers import program
from joulescape.accuracy.measure import measure
from joulescape.accuracy.module import initial, plain, run
from joulescape.accuracy.randomness import generator
from joulescape.compression.pipeline import describe
from joulescape.network.build import build_graph
from joulescape.network.error_spec import Errors, ErrorSpec
from joulescape.network.fidelity import Fidelity, Recipe
from joulescape.network.operators import Graph
from joulescape.numerics._tiles import Grid
from joulescape.numerics.mzi_mesh.decomposition import decompose
from joulescape.numerics.mzi_mesh.device import MeshErrors, TileShape, realise, settled, write
from joulescape.numerics.mzi_mesh.layout import layout
from joulescape.resolve.back_end import load_back_end
from joulescape.spec.network import NetworkSpec

ROOT = Path(__file__).parents[1]
SIZE, DRAWS = 64, 30


def cpu_ms(work: Callable[[], object], repeats: int = 5) -> float:
    """Least CPU time of several runs, after one that fills the caches."""
    work()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(1e3 * (time.process_time() - start))
    return min(times)


# --- speed ------------------------------------------------------------------------------------------------------------


def speed() -> str:
    """CPU milliseconds and ratios."""
    rows = [*_layer_rows(), *_mlp_rows(), *_lenet_rows()]
    head = "| what | CPU ms | peer in the same run | CPU ms | ratio |\n|---|---|---|---|---|\n"
    return head + "\n".join(f"| {what} | {ours:.1f} | {peer} | {theirs:.1f} | {_ratio(ours, theirs)} |"
                            for what, ours, peer, theirs in rows)  # fmt: skip


Timed = tuple[str, float, str, float]


def _ratio(ours: float, theirs: float) -> str:
    return f"{theirs / ours:.0f} x faster" if theirs > ours else f"{ours / theirs:.1f} x slower"


def _layer_rows() -> list[Timed]:
    """A layer is U S V: two unitaries of 64 modes, 2016 interferometers each, and 64 attenuators."""
    weights = torch.randn(1, SIZE, SIZE, generator=generator(0, "weights"))
    rows = []
    for scheme in ("clements", "reck"):
        content = weights.numpy().tobytes()
        written = write(content, TileShape(1, SIZE, scheme == "reck"))
        for name, errors in (("phase errors", MeshErrors(sigma_rad=0.01, bits=8)),
                             ("phase and splitter errors", MeshErrors(0.01, 8, splitter_sigma_rad=0.01))):  # fmt: skip
            chance = generator(0, "device")
            ours = cpu_ms(lambda w=written, e=errors, c=chance: [realise(w, e, c) for _ in range(DRAWS)])  # type: ignore[misc]
            alone = DRAWS * cpu_ms(lambda: _one_by_one(weights[0].numpy()), 3)
            what = f"{DRAWS} draws of a {SIZE} x {SIZE} layer, {scheme}, {name}"
            rows.append((what, ours, "one interferometer at a time", alone))
    return rows


def _one_by_one(weight: np.ndarray) -> np.ndarray:
    """The peer: the same layer, each interferometer a 2 x 2 product of its two modes."""
    left, values, right = np.linalg.svd(weight)
    made = []
    mesh = layout(SIZE, False)
    for phases in _phases(np.stack([left, right]).astype(np.complex64).tobytes()):
        theta, phi, output = phases
        cos, sin, turn = np.cos(theta), np.sin(theta), np.exp(1j * phi)
        state = np.eye(SIZE, dtype=np.complex64)
        for modes, numbers in mesh.columns:
            for mode, n in zip(modes, numbers, strict=True):
                block = np.array([[turn[n] * cos[n], -sin[n]], [turn[n] * sin[n], cos[n]]], dtype=np.complex64)
                state[mode : mode + 2] = block @ state[mode : mode + 2]
        made.append(np.exp(1j * output)[:, None] * state)
    return np.asarray(((made[0] * values) @ made[1]).real)


@cache
def _phases(content: bytes) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    both = np.frombuffer(content, dtype=np.complex64).reshape(2, SIZE, SIZE).astype(np.complex128)
    found = decompose(both, layout(SIZE, False))
    return [(found.theta[one], found.phi[one], found.output[one]) for one in range(2)]


def _mlp_rows() -> list[Timed]:
    graph, data = network("digits_mlp")
    back_ends = {"photonic/mzi_mesh": {"mesh.size": SIZE}, "photonic/broadcast_weight": {}}
    return [
        _evaluation(graph, data.train, data.validation, name, changes, DRAWS) for name, changes in back_ends.items()
    ]


def _lenet_rows() -> list[Timed]:
    try:
        graph, data = network("lenet5")
    except TaskError:
        return []
    part = data.validation.first(1000)
    asked: tuple[tuple[str, dict[str, int]], ...] = (
        ("photonic/mzi_mesh", {}), ("photonic/mzi_mesh", {"mesh.size": SIZE}), ("photonic/broadcast_weight", {}),
    )  # fmt: skip
    return [_evaluation(graph, data.train, part, name, changes, 4) for name, changes in asked]


def _evaluation(graph: Graph, train: Part, part: Part, name: str, changes: Mapping[str, int], draws: int) -> Timed:
    """Program and run `draws` devices in full, on weights as good as any: time does not depend on them."""
    tensors = initial(graph, generator(0, "initial weights"))
    network_, errors = describe(graph, ()), errors_of(graph, name, changes)
    calibration = calibrate(network_, tensors, train.images)

    def measured() -> None:
        for draw in range(draws):
            device, reading = (generator(0, purpose, draw) for purpose in ("device", "read"))
            machine = program(graph, tensors, errors, calibration, device, reading, "full")
            with torch.no_grad():
                run(graph, tensors, part.images, machine.rule)

    def ideal() -> None:
        with torch.no_grad():
            for _ in range(draws):
                run(graph, tensors, part.images, plain)

    size = "".join(f", {path} {value}" for path, value in changes.items())
    what = f"{graph.name}, {len(part.labels)} samples, {draws} draws, {name}{size}"
    return what, cpu_ms(measured, 3), "plain forward passes", cpu_ms(ideal, 3)


def network(name: str) -> tuple[Graph, Data]:
    """A network of models/ and its data."""
    spec = NetworkSpec.model_validate(yaml.safe_load((ROOT / "models" / f"{name}.yaml").read_text(encoding="utf-8")))
    graph = build_graph(name, spec)
    return graph, load_task(spec.task).shaped(graph.input_shape)


def errors_of(graph: Graph, name: str, changes: Mapping[str, int] | None = None) -> Errors:
    """What a back end makes of the network's products."""
    back_end = load_back_end(ROOT, name, changes or {})
    found: Errors = back_end.simulator.errors(graph, describe(graph, ()).formats, back_end.settings)
    return found


# --- ranking ----------------------------------------------------------------------------------------------------------

Design = tuple[float, int, float, float]
"""Phase error (rad), bits of a phase, loss of an interferometer (dB), receiver noise (share of full scale)."""


def designs(count: int) -> list[Design]:
    """Random meshes: to 0.05 rad, 4 to 8 bits, to 0.5 dB and to 5 %."""
    stream = np.random.default_rng(0)
    low, high = np.array([0.0, 4, 0.0, 0.0]), np.array([0.05, 9, 0.5, 0.05])
    drawn = low + (high - low) * stream.random((count, 4))
    return [(float(s), int(b), float(loss), float(n)) for s, b, loss, n in drawn]


def phase_error(design: Design) -> float:
    """The closed form of phases alone: sqrt(sigma^2 + (2 pi / 2^b)^2 / 12)."""
    return MeshErrors(sigma_rad=design[0], bits=design[1]).effective_sigma_rad


def output_error(design: Design, weight: Tensor, seen: Tensor) -> float:
    """Relative squared error of a layer's outputs, without any draw: both unitaries, attenuators, loss, receivers.

    What phases do is known in closed form (a unitary's error in the read quadrature, and the square of the other's),
    what loss does from one mesh without chance, and receivers add a share of full scale.
    """
    sigma, bits, loss, noise = design
    errors = MeshErrors(sigma_rad=sigma, bits=bits, is_push_pull=True)
    read, other = errors.unitary_error(SIZE)
    values = torch.linalg.svdvals(weight)
    gains = values / values[0]
    moved = errors.effective_sigma_rad**2 * ((1 - gains**2) / 4).mean() / (gains**2).mean()
    full_scale = values[0] * seen.abs().max() / (seen @ weight.T).pow(2).mean().sqrt()
    return 2 * (read + other**2) + float(moved) + _lost(weight, loss) + float(noise * full_scale) ** 2


def _lost(weight: Tensor, loss: float) -> float:
    tiles = Grid(weight.shape[0], weight.shape[1], SIZE, SIZE).tiles(weight)
    made = settled(tiles.numpy().tobytes(), TileShape(len(tiles), SIZE, False), loss, 0.0)
    return float(((made - tiles) ** 2).sum() / (tiles**2).sum())


def ranked(count: int = 40, draws: int = 10) -> tuple[float, float, float]:
    """Spearman's rank correlation with accuracy of: phases alone, outputs' error, phases alone in designs without
    loss and receiver noise."""
    net, chosen = known.trained(0), designs(count)
    full = [_accuracy(net, design, draws) for design in chosen]
    phases = [-phase_error(design) for design in chosen]
    outputs = [
        -sum(output_error(design, *layer) for layer in zip(net.weights, net.seen, strict=True)) for design in chosen
    ]
    silent = [_accuracy(net, (sigma, bits, 0.0, 0.0), draws) for sigma, bits, _, _ in chosen]
    return _spearman(phases, full), _spearman(outputs, full), _spearman(phases, silent)


def _accuracy(net: known.Trained, design: Design, draws: int) -> float:
    names = ("phase_sigma_rad", "phase_bits", "mzi_loss_db", "noise_fraction")
    curve = known.Curve("", lambda _: net_product, "mzi_mesh", lambda _: dict(zip(names, design, strict=True)), ())
    return fmean(net.accuracy(curve.machine(0.0, net), draw) for draw in range(draws))


def net_product(weight: Tensor, x: Tensor, chance: torch.Generator) -> Tensor:  # noqa: ARG001
    """An exact product."""
    return x @ weight.T


def _spearman(one: Sequence[float], other: Sequence[float]) -> float:
    return float(spearmanr(one, other).statistic)


def ranking() -> str:
    """Rank correlations over 40 random meshes."""
    names = ("phases alone", "error of the outputs", "phases alone, designs without loss and receiver noise")
    return "\n".join(f"{name}: {value:.3f}" for name, value in zip(names, ranked(), strict=True))


# --- fine-tuning that meets the machine's errors ----------------------------------------------------------------------

LEVELS: Mapping[str, tuple[str, tuple[float, ...]]] = {
    "mzi_mesh": ("phase_sigma_rad", (0.05, 0.1, 0.15)),
    "ring_bank": ("store_sigma_fraction", (0.05, 0.1, 0.15)),
}
TUNED: Mapping[str, float] = {"epochs": 10, "learning_rate": 0.005, "batch": 64}


def tuned(
    kind: str, level: float, epochs: int = 10, seeds: Sequence[int] = (0, 1, 2)
) -> dict[bool, tuple[float, float]]:
    """By whether fine-tuning meets the errors: percent on the test split, mean over devices and seeds, and spread."""
    graph, _ = network("digits_mlp")
    base = known.MESH if kind == "mzi_mesh" else known.BANK
    numbers = {**base, LEVELS[kind][0]: level, **({"mesh_size": 16.0} if kind == "mzi_mesh" else {})}
    errors = {(o.name, "forward"): ErrorSpec(kind, o.name, "forward", numbers) for o in graph.matrix_operators}
    spec = yaml.safe_load((ROOT / "models" / "digits_mlp.yaml").read_text(encoding="utf-8"))
    found = {}
    with TemporaryDirectory() as kept:
        for is_aware in (False, True):
            how = {**TUNED, "epochs": epochs, "noise_aware": is_aware}
            recipe = Recipe("digits", spec["training"], how, {}, "approximate")
            fidelity = Fidelity(rung="full", split="test", draws=10)
            values = [
                100 * value
                for seed in seeds
                for value in measure(describe(graph, ()), errors, recipe, fidelity, seed, Path(kept)).accuracy_fraction  # type: ignore[arg-type]
            ]
            found[is_aware] = (fmean(values), stdev(values))
    return found


def tuning() -> str:
    """Accuracy without and with fine-tuning on drawn devices."""
    lines = ["| machine | error | level | as trained | fine-tuned on drawn devices |", "|---|---|---|---|---|"]
    for kind, (name, levels) in LEVELS.items():
        for level in levels:
            (plain_mean, plain_sd), (mean, sd) = tuned(kind, level).values()
            lines.append(f"| {kind} | {name} | {level:g} | {plain_mean:.1f} ± {plain_sd:.1f} | {mean:.1f} ± {sd:.1f} |")
    return "\n".join(lines)


SECTIONS: Mapping[str, Callable[[], str]] = {"speed": speed, "ranking": ranking, "tuning": tuning}

if __name__ == "__main__":
    torch.set_num_threads(1)
    print("\n\n".join(SECTIONS[name]() for name in sys.argv[1:] or SECTIONS))
