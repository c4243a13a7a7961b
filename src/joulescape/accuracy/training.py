"""Gradient descent on a graph's tensors: one loop for reference training and fine-tuning."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as nnf
from torch import Tensor

from joulescape.accuracy.datasets import Part
from joulescape.accuracy.module import initial, run, trainable
from joulescape.accuracy.randomness import generator
from joulescape.errors import SimulatorError
from joulescape.network.operators import Graph

_WARM_SHARE = 0.25
_WARM_START = 0.04
"""One cycle (Smith 2018): by cosine from 4 % to the peak in the first quarter, then to zero."""


@dataclass(frozen=True)
class TrainingRun:
    """How a training run goes; the fields are those of a network's `training:`."""

    epochs: int
    batch: int
    learning_rate: float
    optimizer: str = "adam"
    schedule: str = "one_cycle"
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    input_noise_fraction: float = 0.1
    early_stopping: bool = False

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> TrainingRun:
        """From plain values; keys that mean something elsewhere (noise_aware) or stand for nothing are left out."""
        return cls(**{key: values[key] for key in cls.__dataclass_fields__ if values.get(key) is not None})

    def steps_per_epoch(self, samples: int) -> int:
        """Mini-batches of one epoch, the last one smaller."""
        return math.ceil(samples / self.batch)


def train_weights(graph: Graph, how: TrainingRun, part: Part, seed: int) -> dict[str, Tensor]:
    """Weights of `graph` trained from scratch in float32; the same for the same seed."""
    tensors = initial(graph, generator(seed, "initial weights"))
    leaves = as_leaves(tensors)
    fit(leaves, lambda samples: run(graph, leaves, samples, is_training=True), part, how, generator(seed, "batches"))
    return {name: tensor.detach() for name, tensor in leaves.items()}


def as_leaves(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies that gradients can move; running statistics and whole numbers are copied without gradient."""
    moved = {name for name in trainable(tensors) if tensors[name].is_floating_point()}
    return {name: tensor.detach().clone().requires_grad_(name in moved) for name, tensor in tensors.items()}


def fit(
    leaves: Mapping[str, Tensor],
    logits: Callable[[Tensor], Tensor],
    part: Part,
    how: TrainingRun,
    stream: torch.Generator,
    after_step: Callable[[], None] | None = None,
    penalty: Callable[[], Tensor | None] = lambda: None,
) -> None:
    """Minimise the cross entropy of `logits`, plus `penalty`, by moving `leaves` in place.

    Raises SimulatorError when the loss is NaN.
    """
    parameters = [leaf for leaf in leaves.values() if leaf.requires_grad]
    optimizer = _optimizer(parameters, how)
    total = how.epochs * how.steps_per_epoch(len(part.labels))
    step, loss = 0, torch.zeros(())
    for _ in range(how.epochs):
        for chosen in batches(len(part.labels), how.batch, stream):
            optimizer.param_groups[0]["lr"] = how.learning_rate * relative_rate(how.schedule, step, total)
            loss = nnf.cross_entropy(
                logits(part.images[chosen]), part.labels[chosen], label_smoothing=how.label_smoothing
            )
            more = penalty()
            loss = loss if more is None else loss + more
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            step += 1
            if after_step is not None:
                after_step()
    if not bool(torch.isfinite(loss)):
        raise SimulatorError(f"training diverged: the loss is {float(loss.detach())}")


def batches(samples: int, size: int, stream: torch.Generator) -> Sequence[Tensor]:
    """Indices of one epoch's mini-batches in random order."""
    return torch.split(torch.randperm(samples, generator=stream), size)


def correct(graph_logits: Tensor, labels: Tensor) -> bytes:
    """One byte a sample, 1 where the largest logit is the label's; raises SimulatorError on NaN or infinite logits."""
    if not bool(torch.isfinite(graph_logits).all()):
        raise SimulatorError("the network's output holds NaN or infinite values")
    return (graph_logits.argmax(1) == labels).to(torch.uint8).numpy().tobytes()


def fraction(right: bytes) -> float:
    """Accuracy as a fraction, from one byte a sample."""
    return sum(right) / len(right)


def _optimizer(parameters: Sequence[Tensor], how: TrainingRun) -> torch.optim.Optimizer:
    if how.optimizer == "adam":
        return torch.optim.AdamW(parameters, how.learning_rate, weight_decay=how.weight_decay, fused=True)
    return torch.optim.SGD(parameters, how.learning_rate, momentum=0.9, weight_decay=how.weight_decay, fused=True)


def relative_rate(schedule: str, step: int, total: int) -> float:
    """The learning rate relative to its peak."""
    if schedule == "constant":
        return 1.0
    warm = _WARM_SHARE * total if schedule == "one_cycle" else 0.0
    if step < warm:
        return _WARM_START + (1 - _WARM_START) * (1 - math.cos(math.pi * step / warm)) / 2
    return (1 + math.cos(math.pi * (step - warm) / max(total - warm, 1))) / 2
