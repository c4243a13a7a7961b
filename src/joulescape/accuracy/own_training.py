"""Trains one own network on one device: mini-batch Adam, the calibration running along."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as nnf

from joulescape.accuracy.datasets import Data, Part
from joulescape.accuracy.own_bench import Algorithm, Bench, Draw
from joulescape.accuracy.own_network import OwnNetwork
from joulescape.accuracy.randomness import generator
from joulescape.accuracy.training import TrainingRun, batches, correct, fraction, relative_rate
from joulescape.errors import SimulatorError
from joulescape.network.error_spec import Errors
from joulescape.network.evolved import MEASUREMENTS
from joulescape.network.operators import Graph

WARM_STEPS = 20
BETAS = (0.9, 0.99)
PENALTY = 1.0
"""Weight of the mean square by which drives leave the device's range."""

HELD_SHARE, MOST_HELD = 10, 2000
"""Early stopping holds out a tenth of the training samples, at most so many."""

FIRST_CALIBRATION = 512
"""Training samples of the first calibration."""


@dataclass(frozen=True)
class OwnRun:
    """One training: how it goes, on which device draw; `is_frozen` leaves the physical parameters at random,
    `is_replaced` puts the identity in the place of every physical layer; `measurements` of the device are what a
    fitted twin knows."""

    how: TrainingRun
    algorithm: Algorithm
    seed: int
    draw: int = 0
    target_fraction: float | None = None
    is_frozen: bool = False
    is_replaced: bool = False
    measurements: int = MEASUREMENTS


@dataclass(frozen=True)
class Trained:
    """A trained network, the steps it took, and whether it reached the target (False also where there is none)."""

    network: OwnNetwork
    steps: int
    reached_target: bool

    def right(self, part: Part, algorithm: Algorithm = "pat") -> bytes:
        """One byte a sample, 1 where the class is right: on the device, or with in_silico on the twin."""
        with torch.no_grad():
            return correct(self.network.scores(part.images, algorithm)[0], part.labels)

    def accuracy(self, part: Part, algorithm: Algorithm = "pat") -> float:
        """Fraction of `part` that is right."""
        return fraction(self.right(part, algorithm))


def train(graph: Graph, errors: Errors, run: OwnRun, data: Data) -> Trained:
    """Train from fresh parameters; with a target until the first epoch whose accuracy on training data reaches it.

    With early stopping a slice of the training split is held out, and the epoch that does best on it is kept, judged by
    what runs forward: the device, or in silico the twin. The same for the same (seed, draw). Raises Infeasible where
    the system runs away, SimulatorError when the loss is not a number.
    """
    network = fresh(graph, errors, run)
    with torch.no_grad():
        network.scores(data.train.images[:FIRST_CALIBRATION], run.algorithm)
    held = held_count(data.train) if run.how.early_stopping else 0
    loop, best = _Loop(network, run, data.train.first(len(data.train.labels) - held)), _Best(data.train.last(held))
    for _ in range(run.how.epochs):
        loop.epoch()
        now = Trained(network, loop.step, True)
        if run.target_fraction is not None and now.accuracy(data.monitor) >= run.target_fraction:
            return now
        if held:
            best.offer(now, "in_silico" if is_in_silico(run.algorithm) else "pat")
    if held:
        network.restore(best.state)
    return Trained(network, loop.step, False)


class _Best:
    """The network as it was after the epoch that did best on held samples."""

    def __init__(self, held: Part) -> None:
        self._held = held
        self._reached: float | None = None
        self.state: Any = None

    def offer(self, now: Trained, algorithm: Algorithm) -> None:
        reached = now.accuracy(self._held, algorithm)
        if self._reached is None or reached > self._reached:
            self._reached, self.state = reached, now.network.state()


def held_count(part: Part) -> int:
    """Training samples that early stopping is judged on."""
    return min(len(part.labels) // HELD_SHARE, MOST_HELD)


def is_in_silico(algorithm: Algorithm) -> bool:
    """Whether the device takes no part in training."""
    return algorithm.startswith("in_silico")


def fresh(graph: Graph, errors: Errors, run: OwnRun) -> OwnNetwork:
    """An untrained network on the drawn device."""
    streams = {purpose: generator(run.seed, purpose, run.draw) for purpose in ("device", "read", "twin measurements")}
    measurements = run.measurements if run.algorithm.endswith("_fitted") else 0
    draw = Draw(
        streams["device"].get_state(), streams["read"], streams["twin measurements"], measurements, run.is_replaced
    )
    return OwnNetwork(graph, Bench.draw(graph, errors, draw), generator(run.seed, "initial weights", run.draw))


class _Loop:
    """Optimiser, schedule (a cosine one begins with a short warm-up) and random streams of one training."""

    def __init__(self, network: OwnNetwork, run: OwnRun, part: Part) -> None:
        self._network, self._run, self._part = network, run, part
        moved = network.digital() + ([] if run.is_frozen else network.openings())
        self._optimizer = torch.optim.Adam(moved, lr=run.how.learning_rate, betas=BETAS, foreach=True)
        self._total = run.how.epochs * run.how.steps_per_epoch(len(part.labels))
        self._order = generator(run.seed, "training batches", run.draw)
        self._jitter = generator(run.seed, "training images", run.draw)
        self.step = 0

    def epoch(self) -> None:
        """One pass over the training images in random order."""
        loss = torch.zeros(())
        for chosen in batches(len(self._part.labels), self._run.how.batch, self._order):
            loss = self._one_step(chosen)
        if not bool(torch.isfinite(loss)):
            raise SimulatorError(f"training of the machine diverged: the loss is {float(loss)}")

    def _one_step(self, chosen: torch.Tensor) -> torch.Tensor:
        images, labels = self._part.images[chosen], self._part.labels[chosen]
        noisy = images + self._run.how.input_noise_fraction * torch.randn(images.shape, generator=self._jitter)
        scores, penalty = self._network.scores(noisy.clamp(0, 1), self._run.algorithm, is_training=True)
        loss = nnf.cross_entropy(scores, labels, label_smoothing=self._run.how.label_smoothing) + PENALTY * penalty
        self._optimizer.param_groups[0]["lr"] = self._run.how.learning_rate * self._rate()
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        self.step += 1
        with torch.no_grad():
            self._network.confine()
        return loss.detach()

    def _rate(self) -> float:
        if self._run.how.schedule != "cosine":
            return relative_rate(self._run.how.schedule, self.step, self._total)
        warm = min(1.0, (self.step + 1) / WARM_STEPS)
        return warm * (1 + math.cos(math.pi * self.step / self._total)) / 2
