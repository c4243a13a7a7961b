"""A system known by its recordings alone: a perceptron fitted to them is its twin (as in wright2022).

The file holds n measurements, every control as a fraction of its range:

    .npz       arrays `inputs` (n, I), `parameters` (n, P), `outputs` (n, O)
    .parquet   columns input_0 ..., parameter_0 ..., output_0 ...

Nobody has the device here: a drawn one is another perceptron, fitted to a resample of the recordings, blended in.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from joulescape.errors import SimulatorError
from joulescape.network.operators import Operator
from joulescape.network.task import data_directories
from joulescape.numerics import _systems
from joulescape.numerics._systems import System
from joulescape.numerics.base import PhysicalLayer

Floats = npt.NDArray[np.float32]
PARTS = ("inputs", "parameters", "outputs")
ROUNDS, BATCH, LEAST_STEPS = 40, 256, 1000
"""Passes over the recordings while the perceptron is fitted, in mini-batches, and the fewest steps."""

LEARNING_RATE = 0.01


@dataclass(frozen=True)
class Departures(_systems.Departures):
    """`twin_fraction`: how far a device lies from the twin towards a perceptron of other recordings; 1: all the way."""

    twin_fraction: float = 0.0


@dataclass(frozen=True)
class Perceptron:
    """Weights (inputs, outputs) and offsets of its layers, and the mean and spread of what was recorded."""

    layers: tuple[tuple[Tensor, Tensor], ...]
    mean: Tensor
    spread: Tensor

    def __call__(self, controls: Tensor) -> Tensor:
        """(B, I + P) -> (B, O)."""
        *hidden, last = self.layers
        for weight, offset in hidden:
            controls = torch.tanh(torch.addmm(offset, controls, weight))
        return torch.addmm(last[1], controls, last[0]) * self.spread + self.mean


@dataclass(frozen=True)
class Blend:
    """`fraction` of the way from one perceptron to another."""

    twin: Perceptron
    other: Perceptron | None = None
    fraction: float = 0.0

    def __call__(self, controls: Tensor) -> Tensor:
        """(B, I + P) -> (B, O)."""
        near = self.twin(controls)
        return near if self.other is None else near + self.fraction * (self.other(controls) - near)


class Recorded(System[Blend]):
    """Whatever was recorded."""

    kind: ClassVar[str] = "recorded"
    departures: ClassVar[type[_systems.Departures]] = Departures

    def initial(self, operator: Operator, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Controls in the middle four fifths of their range; raises SimulatorError where the recordings do not fit."""
        _recordings(operator)
        return {"weight": 0.1 + 0.8 * torch.rand(operator.parameter_count, generator=generator)}

    def nominal(self, operator: Operator) -> Blend:
        """The perceptron of all recordings."""
        return Blend(_fitted(_path(operator), str(operator.attributes["sha256"]), _hidden(operator), None))

    def drawn(self, operator: Operator, departures: Departures, generator: torch.Generator) -> Blend:
        """Another perceptron, of as many recordings drawn with replacement."""
        if departures.twin_fraction == 0:
            return self.nominal(operator)
        draw = int(torch.randint(2**31 - 1, (), generator=generator))
        other = _fitted(_path(operator), str(operator.attributes["sha256"]), _hidden(operator), draw)
        return Blend(self.nominal(operator).twin, other, departures.twin_fraction)

    def evolve(self, operator: Operator, x: Tensor, parameters: Mapping[str, Tensor], physics: Blend) -> Tensor:  # noqa: ARG002
        """(B, I) -> (B, O)."""
        return physics(torch.cat([x, parameters["weight"].expand(x.shape[0], -1)], 1))

    fitted = PhysicalLayer.fitted
    """The twin is fitted already."""


def _hidden(operator: Operator) -> int:
    return int(operator.attributes["hidden"])


def _path(operator: Operator) -> Path:
    name = str(operator.attributes["measurements"])
    found = next((place / name for place in data_directories() if (place / name).is_file()), None)
    if found is None:
        places = ", ".join(str(place) for place in data_directories())
        raise SimulatorError(f"operator '{operator.name}': no file {name} below one of [{places}]")
    return found


def _recordings(operator: Operator) -> None:
    """Raise SimulatorError unless the file's shapes are those of the operator."""
    found = [part.shape[1] for part in _read(_path(operator), str(operator.attributes["sha256"]))]
    wanted = [operator.in_elements, operator.parameter_count, operator.out_elements]
    if found != wanted:
        spelled = [" ".join(f"{n} {part}," for n, part in zip(row, PARTS, strict=True))[:-1] for row in (found, wanted)]
        raise SimulatorError(
            f"operator '{operator.name}': {operator.attributes['measurements']} holds {spelled[0]}; the system has "
            f"{spelled[1]}"
        )


@lru_cache(maxsize=8)
def _read(path: Path, sha256: str) -> tuple[Floats, ...]:
    """Inputs, parameters and outputs; SimulatorError where the file is another one, damaged or out of range."""
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise SimulatorError(f"{path} has SHA-256 {found}, the network states {sha256}")
    parts = _columns(path) if path.suffix == ".parquet" else _arrays(path)
    lengths = {len(part) for part in parts}
    if len(lengths) != 1 or any(part.ndim != 2 or not part.size for part in parts):
        shapes = ", ".join(f"{name} {part.shape}" for name, part in zip(PARTS, parts, strict=True))
        raise SimulatorError(f"{path} holds {shapes}; expected as many rows in each, and two dimensions")
    if not all(np.isfinite(part).all() for part in parts):
        raise SimulatorError(f"{path} holds values that are no numbers")
    if any(part.min() < 0 or part.max() > 1 for part in parts[:2]):
        raise SimulatorError(f"{path} holds controls outside 0 .. 1: state them as fractions of their range")
    return parts


def _arrays(path: Path) -> tuple[Floats, ...]:
    with np.load(path, allow_pickle=False) as file:
        absent = ", ".join(name for name in PARTS if name not in file.files)
        if absent:
            raise SimulatorError(f"{path} holds no {absent}; it holds {', '.join(sorted(file.files)) or 'nothing'}")
        return tuple(file[name].astype(np.float32) for name in PARTS)


def _columns(path: Path) -> tuple[Floats, ...]:
    import polars as pl

    frame = pl.read_parquet(path)
    parts = []
    for name in PARTS:
        stem = f"{name[:-1]}_"
        columns = sorted((c for c in frame.columns if c.startswith(stem)), key=lambda c: int(c.removeprefix(stem)))
        if not columns:
            raise SimulatorError(f"{path} holds no column {stem}0")
        parts.append(frame.select(columns).to_numpy().astype(np.float32))
    return tuple(parts)


@lru_cache(maxsize=32)
def _fitted(path: Path, sha256: str, hidden: int, draw: int | None) -> Perceptron:
    """A perceptron of two hidden layers; of a resample of the recordings where `draw` is given."""
    inputs, parameters, outputs = _read(path, sha256)
    count, stream = len(inputs), torch.Generator().manual_seed(draw or 0)
    rows = torch.arange(count) if draw is None else torch.randint(count, (count,), generator=stream)
    controls = torch.from_numpy(np.concatenate([inputs, parameters], 1))[rows]
    mean, spread = torch.from_numpy(outputs.mean(0)), torch.from_numpy(outputs.std(0) + np.float32(1e-6))
    layers = _layers((controls.shape[1], hidden, hidden, outputs.shape[1]), stream)
    plain = Perceptron(layers, torch.zeros_like(mean), torch.ones_like(spread))
    _learn(plain, controls, ((torch.from_numpy(outputs) - mean) / spread)[rows], stream)
    return Perceptron(tuple((weight.detach(), offset.detach()) for weight, offset in layers), mean, spread)


def _layers(widths: tuple[int, ...], stream: torch.Generator) -> tuple[tuple[Tensor, Tensor], ...]:
    """Fresh layers, uniform in +-sqrt(6 / (inputs + outputs)) (Glorot and Bengio 2010)."""
    found = []
    for before, after in pairwise(widths):
        bound = math.sqrt(6 / (before + after))
        weight = bound * (2 * torch.rand(before, after, generator=stream) - 1)
        found.append((weight.requires_grad_(), torch.zeros(after).requires_grad_()))
    return tuple(found)


@torch.enable_grad()
def _learn(model: Perceptron, controls: Tensor, targets: Tensor, stream: torch.Generator) -> None:
    """Least squares by Adam, mini-batches and a rate that falls by a cosine; moves the model's layers in place."""
    steps = max(LEAST_STEPS, ROUNDS * len(controls) // BATCH)
    optimizer = torch.optim.Adam([part for layer in model.layers for part in layer], lr=LEARNING_RATE)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        chosen = torch.randint(len(controls), (min(BATCH, len(controls)),), generator=stream)
        optimizer.zero_grad()
        (model(controls[chosen]) - targets[chosen]).square().mean().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        falling.step()


plugin = Recorded()
