"""How well an accuracy is measured, and what a measurement returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from joulescape.network.work import Statistics
from joulescape.spec.sourced import Corner

Rung = Literal["merged", "full"]
Split = Literal["validation", "test"]


@dataclass(frozen=True)
class Fidelity:
    """How one candidate is measured; `samples` None means the whole split.

    `draws` devices run weights that were trained elsewhere. Where `trains_on_machine`, `trainings` devices are trained
    on; a machine that is its own network always trains.
    """

    rung: Rung = "merged"
    split: Split = "validation"
    samples: int | None = None
    draws: int = 3
    trains_on_machine: bool = False
    trainings: int = 1
    corner: Corner = "typical"

    @property
    def name(self) -> str:
        """How tables spell it: rung, split and draws."""
        return f"{self.rung}/{self.split}/{self.draws}"


@dataclass(frozen=True)
class Recipe:
    """How a candidate's weights come to be: reference training, fine-tuning, training on the machine. Plain values."""

    task: str
    reference: Mapping[str, Any]
    fine_tune: Mapping[str, Any]
    training: Mapping[str, Any]
    equivalence: Literal["exact", "approximate", "own"]


@dataclass(frozen=True)
class Measured:
    """What a measurement returns: one accuracy a draw, statistics a layer, training facts where it trained there.

    `correct` holds, per draw, one byte a sample (1 = right), so that designs are compared paired on the same images.
    """

    accuracy_fraction: tuple[float, ...]
    trained_accuracy_fraction: tuple[float, ...] | None = None
    training_steps: int | None = None
    reached_target: bool | None = None
    statistics: Statistics = field(default_factory=dict)
    correct: tuple[bytes, ...] = ()
    extras: Mapping[str, float] = field(default_factory=dict)
    """Further plain numbers by name (twin accuracy, frozen-parameter control ...)."""
