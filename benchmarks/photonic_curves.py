"""Known curves of accuracy on meshes and ring banks, one imperfection at a time, beside what is found here.

    python benchmarks/photonic_curves.py        prints the tables of docs/photonic_claims.md

The known curves are of an earlier, separate programme and of one network: 64-64-10 on `digits`, PyTorch's own initial
weights, Adam with one cycle, batch 128, 60 epochs, no label smoothing, 1437 samples to train and 360 to test. That
network and its split are not at hand, so networks trained alike on random splits stand for it: a point is reproduced
where means differ by at most two standard errors, which hold the spread over networks and over devices.

`found` follows that programme's conventions: each layer on meshes of its own size with exact attenuators, errors on the
phases 2 theta and phi but not on the output phases; weights scaled row by row over banks of 16 channels, one receiver
for all wavelengths of a row. `machine` is the same by `joulescape.numerics` as a back end runs it: every tile fills
meshes of 64 modes, attenuators err too; every bank's row has a scale and a receiver of its own, and calibration leaves
out what crowded rings cannot reach.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from statistics import fmean, stdev
from typing import Any

import numpy as np
import torch
import torch.nn.functional as nnf
from torch import Tensor

from joulescape.accuracy.datasets import Part, load_task
from joulescape.accuracy.randomness import generator
from joulescape.network.error_spec import ErrorSpec
from joulescape.numerics import mzi_mesh, ring_bank
from joulescape.numerics.mzi_mesh.decomposition import decompose
from joulescape.numerics.mzi_mesh.device import MeshErrors, WrittenPhases, unitary
from joulescape.numerics.mzi_mesh.layout import layout
from joulescape.numerics.ring_bank.spectrum import alone, calibrated, weights_of

TRAINED_ON, BATCH, EPOCHS, PEAK_RATE = 1437, 128, 60, 0.01
CHANNELS = 16
MESH: Mapping[str, float] = {
    "mesh_size": 64, "is_reck": 0, "is_push_pull": 1, "phase_sigma_rad": 0.0, "splitter_sigma_rad": 0.0,
    "mzi_loss_db": 0.0, "noise_fraction": 0.0, "crosstalk_fraction": 0.0,
}  # fmt: skip
BANK: Mapping[str, float] = {
    "channels": CHANNELS, "rows": 16, "spacing_fwhm": 20.0, "is_calibrated": 0, "sigma_fwhm": 0.0, "drift_fwhm": 0.0,
    "store_sigma_fraction": 0.0, "dark_fraction": 0.0, "shot_fraction": 0.0, "intensity_fraction": 0.0,
}  # fmt: skip

Product = Callable[[Tensor, Tensor, torch.Generator], Tensor]
"""(weight, inputs, chance) -> inputs @ weight.T as a machine makes it."""


@dataclass(frozen=True)
class Trained:
    """A network of the known curves' kind: weights and biases of both layers, its inputs' ranges, and its test part."""

    weights: tuple[Tensor, Tensor]
    biases: tuple[Tensor, Tensor]
    seen: tuple[Tensor, Tensor]
    """Inputs of both layers on training samples."""
    test: Part

    def accuracy(self, products: tuple[Product, Product], draw: int) -> float:
        """Percent of the test samples that one device gets right."""
        chance = generator(0, "device", draw)
        hidden = nnf.relu(products[0](self.weights[0], self.test.images, chance) + self.biases[0])
        logits = products[1](self.weights[1], hidden, chance) + self.biases[1]
        return 100 * float((logits.argmax(1) == self.test.labels).float().mean())


@cache
def trained(seed: int) -> Trained:
    """One network on one random split of all digits."""
    torch.set_num_threads(1)
    data = load_task("digits").shaped((64,))
    parts = (data.train, data.validation, data.test)
    images, labels = torch.cat([p.images for p in parts]), torch.cat([p.labels for p in parts])
    order = torch.randperm(len(labels), generator=generator(seed, "split"))
    train, test = (Part(images[o], labels[o]) for o in (order[:TRAINED_ON], order[TRAINED_ON:]))
    first, second = _fitted(train, seed)
    with torch.no_grad():
        seen = (train.images, nnf.relu(first(train.images)))
    weights, biases = (first.weight.detach(), second.weight.detach()), (first.bias.detach(), second.bias.detach())
    return Trained(weights, biases, seen, test)


def _fitted(train: Part, seed: int) -> tuple[torch.nn.Linear, torch.nn.Linear]:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        first, second = torch.nn.Linear(64, 64), torch.nn.Linear(64, 10)
        parameters = [*first.parameters(), *second.parameters()]
        optimizer = torch.optim.Adam(parameters, PEAK_RATE, fused=True)
        steps = EPOCHS * math.ceil(len(train.labels) / BATCH)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, total_steps=steps)
        for _ in range(EPOCHS):
            for chosen in torch.split(torch.randperm(len(train.labels)), BATCH):
                logits = second(nnf.relu(first(train.images[chosen])))
                optimizer.zero_grad()
                nnf.cross_entropy(logits, train.labels[chosen]).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                cycle.step()
    return first, second


def by_mesh(errors: MeshErrors, weight: Tensor, x: Tensor, chance: torch.Generator) -> Tensor:
    """U S V of a layer on meshes of its own size; one gain for the layer takes back what light was lost."""
    made = [
        unitary(mesh, phases, errors, chance)[0] for mesh, phases in _unitaries(weight.numpy().tobytes(), *weight.shape)
    ]
    values = torch.linalg.svdvals(weight)
    matrix = ((made[0][:, : len(values)] * values) @ made[1][: len(values)]).real
    product: Tensor = x @ (matrix * ((matrix * weight).sum() / (matrix**2).sum())).T
    return product


@cache
def _unitaries(content: bytes, outputs: int, inputs: int) -> list[tuple[Any, WrittenPhases]]:
    left, _, right = np.linalg.svd(np.frombuffer(content, dtype=np.float32).reshape(outputs, inputs).astype(np.float64))
    found = []
    for one in (left, right):
        mesh = layout(len(one), False)
        phases = decompose(one[None].astype(np.complex128), mesh)
        tensors = (torch.as_tensor(p, dtype=torch.float32) for p in (phases.theta, phases.phi, phases.output))
        found.append((mesh, WrittenPhases(*tensors)))
    return found


def by_rings(
    spacing: float, sigma: float, is_calibrated: bool, weight: Tensor, x: Tensor, chance: torch.Generator
) -> Tensor:
    """Rows scaled by their largest weight, over banks of 16 channels `spacing` linewidths apart."""
    scales = weight.abs().amax(1, keepdim=True)
    wanted = (weight / scales).reshape(-1, CHANNELS)
    detunings = calibrated(wanted, spacing) if is_calibrated else alone(wanted, spacing)
    if sigma > 0:
        detunings = detunings + sigma * torch.randn(detunings.shape, generator=chance)
    return x @ (weights_of(detunings, spacing).reshape(weight.shape) * scales).T


def by_receivers(dark: float, shot: float, weight: Tensor, x: Tensor, chance: torch.Generator) -> Tensor:
    """One receiver a row: noise in units of a channel at full light, the largest input at full light."""
    top = x.max()
    deviation = torch.sqrt(dark**2 + shot**2 * (x / top).sum(1, keepdim=True)) * weight.abs().amax(1) * top
    return x @ weight.T + deviation * torch.randn(deviation.shape, generator=chance)


def noise_of_light(dbm: float) -> tuple[float, float]:
    """Thermal and shot noise of 1 kOhm at 5 GHz, 300 K and 1 A/W, in units of one channel's current."""
    current = 10 ** (dbm / 10) * 1e-3
    return math.sqrt(4 * 1.381e-23 * 300 * 5e9 / 1e3) / current, math.sqrt(2 * 1.602e-19 * 5e9 / current)


def _of_light(dbm: float) -> Mapping[str, float]:
    dark, shot = noise_of_light(dbm)
    return {"dark_fraction": dark, "shot_fraction": shot, "spacing_fwhm": 1e4}


@dataclass(frozen=True)
class Known:
    """One point of a known curve, in percent; `sd` over `draws` devices, None where nothing is drawn or noted."""

    value: float
    accuracy: float
    sd: float | None = None
    draws: int = 1


@dataclass(frozen=True)
class Curve:
    """Accuracy against one imperfection."""

    unit: str
    known: Callable[[float], Product]
    """By the known curve's conventions."""
    kind: str
    numbers: Callable[[float], Mapping[str, float]]
    """What differs from MESH or BANK on a machine of this kind."""
    points: tuple[Known, ...]

    def machine(self, value: float, net: Trained) -> tuple[Product, Product]:
        """Both layers by the numerics of `kind`."""
        plugin: Any = {"mzi_mesh": mzi_mesh, "ring_bank": ring_bank}[self.kind].plugin
        spec = ErrorSpec(
            self.kind, "fc", "forward", {**(MESH if self.kind == "mzi_mesh" else BANK), **self.numbers(value)}
        )

        def product(seen: Tensor, weight: Tensor, x: Tensor, chance: torch.Generator) -> Tensor:
            found: Tensor = plugin.program(weight, spec, seen, chance, "full")(x, chance)
            return found

        return partial(product, net.seen[0]), partial(product, net.seen[1])


CURVES: Mapping[str, Curve] = {
    "phase error": Curve(
        "rad", lambda v: partial(by_mesh, MeshErrors(sigma_rad=v, is_push_pull=True)),
        "mzi_mesh", lambda v: {"phase_sigma_rad": v},
        (Known(0.005, 97.94, 0.14, 30), Known(0.01, 97.84, 0.29, 30), Known(0.02, 97.38, 0.52, 30),
         Known(0.03, 96.52, 0.83, 30), Known(0.05, 92.1, 3.1, 30), Known(0.1, 63.0, 12.0, 30)),
    ),
    "phase resolution": Curve(
        "bits", lambda v: partial(by_mesh, MeshErrors(bits=v, is_push_pull=True)),
        "mzi_mesh", lambda v: {"phase_bits": v},
        (Known(4, 74.7), Known(5, 90.6), Known(6, 96.7), Known(7, 97.2), Known(8, 98.06)),
    ),
    "loss of an interferometer": Curve(
        "dB", lambda v: partial(by_mesh, MeshErrors(mzi_loss_db=v, is_push_pull=True)),
        "mzi_mesh", lambda v: {"mzi_loss_db": v},
        (Known(0.05, 98.06), Known(0.1, 98.06), Known(0.2, 97.78), Known(0.5, 96.39)),
    ),
    "channels apart, rings set one by one": Curve(
        "linewidths", lambda v: partial(by_rings, v, 0.0, False), "ring_bank", lambda v: {"spacing_fwhm": v},
        (Known(20, 98.06), Known(10, 98.06), Known(5, 96.94), Known(3, 93.06), Known(2, 33.6), Known(1, 9.2)),
    ),
    "channels apart, rings calibrated": Curve(
        "linewidths", lambda v: partial(by_rings, v, 0.0, True),
        "ring_bank", lambda v: {"spacing_fwhm": v, "is_calibrated": 1},
        (Known(20, 98.06), Known(10, 98.06), Known(5, 97.78), Known(3, 98.61), Known(2, 69.7), Known(1, 11.4)),
    ),
    "detuning": Curve(
        "linewidths", lambda v: partial(by_rings, 20.0, v, False), "ring_bank", lambda v: {"sigma_fwhm": v},
        (Known(0.005, 97.99), Known(0.01, 97.89), Known(0.02, 97.74), Known(0.05, 95.5, 1.2, 20),
         Known(0.1, 84.0, 7.0, 20)),
    ),
    "light of a channel": Curve(
        "dBm", lambda v: partial(by_receivers, *noise_of_light(v)), "ring_bank", _of_light,
        (Known(-10, 98.06), Known(-20, 97.83), Known(-25, 97.57), Known(-30, 94.8, 0.9, 20),
         Known(-35, 51.7, 2.2, 20)),
    ),
}  # fmt: skip

RESOLUTION = 100 / 360
"""One test sample in percent: no spread is known better."""


@dataclass(frozen=True)
class Found:
    """A point as it is found here: the mean over networks, their spread, and that over draws of one network."""

    accuracy: float
    between: float
    within: float
    networks: int

    @property
    def spread(self) -> float:
        """Standard deviation over networks and devices."""
        return math.hypot(self.between, self.within)

    def errors_apart(self, known: Known) -> float:
        """By how many standard errors the means differ; the known one is of one network and its own draws."""
        drawn = (self.within if known.sd is None else known.sd) ** 2 / known.draws
        variance = self.between**2 * (1 + 1 / self.networks) + drawn
        return abs(self.accuracy - known.accuracy) / math.sqrt(max(variance, RESOLUTION**2))


def found(curve: Curve, value: float, networks: int, draws: int, as_machine: bool = False) -> Found:
    """One point of a curve, by `draws` devices of each of `networks` networks."""
    values = []
    for net in map(trained, range(networks)):
        products = curve.machine(value, net) if as_machine else (curve.known(value),) * 2
        values.append([net.accuracy(products, draw) for draw in range(draws)])
    means = [fmean(one) for one in values]
    within = math.sqrt(fmean(stdev(one) ** 2 for one in values)) if draws > 1 else 0.0
    return Found(fmean(means), stdev(means), within, networks)


def table(name: str, networks: int = 12, draws: int = 8) -> str:
    """One known curve as a Markdown table."""
    curve = CURVES[name]
    ours, machine = ([found(curve, k.value, networks, draws, which) for k in curve.points] for which in (False, True))
    rows = [
        (f"{name} ({curve.unit})", [f"{known.value:g}" for known in curve.points]),
        ("known", [f"{k.accuracy:g}" if k.sd is None else f"{k.accuracy:g} ± {k.sd:g}" for k in curve.points]),
        ("found", [f"{point.accuracy:.1f} ± {point.spread:.1f}" for point in ours]),
        ("standard errors apart", [f"{p.errors_apart(k):.1f}" for p, k in zip(ours, curve.points, strict=True)]),
        ("machine", [f"{point.accuracy:.1f} ± {point.spread:.1f}" for point in machine]),
    ]
    lines = [f"| {head} | " + " | ".join(cells) + " |" for head, cells in rows]
    return "\n".join([lines[0], "|---" * (len(curve.points) + 1) + "|", *lines[1:]])


if __name__ == "__main__":
    print("\n\n".join(map(table, CURVES)))
