"""How well an accuracy is measured, and what a measurement returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from joulescape.network.work import Statistics
from joulescape.spec.sourced import Corner
from joulescape.spec.space import ACCURACY_METRICS, RungName

Detail = Literal["merged", "full"]
"""How a machine's arithmetic is simulated: effective weights and additive noise, or every slice, bit and column."""

Split = Literal["validation", "test"]
T = TypeVar("T")


@dataclass(frozen=True)
class Fidelity:
    """How one candidate is measured; `samples` None means the whole split.

    `closed_form` measures nothing: costs at nominal statistics. `merged` compresses without fine-tuning, `tuned`
    fine-tunes, `full` fine-tunes and simulates the machine in full. `draws` devices run weights that were trained
    elsewhere. Where `trains_on_machine`, `trainings` devices are trained on; a machine that is its own network always
    trains.
    """

    rung: RungName = "tuned"
    split: Split = "validation"
    samples: int | None = None
    draws: int = 3
    trains_on_machine: bool = False
    trainings: int = 1
    corner: Corner = "typical"
    is_screening: bool = False
    """Whether a dearer rung may follow: limits on accuracy then refuse nothing, because fine-tuning may lift it."""
    yield_above: float | None = None
    """Accuracy that a good chip has at least; nothing is measured otherwise for it."""

    @property
    def measures(self) -> bool:
        """Whether data are seen at all."""
        return self.rung != "closed_form"

    @property
    def fine_tunes(self) -> bool:
        """Whether compressed weights are trained a little."""
        return self.rung in ("tuned", "full")

    @property
    def detail(self) -> Detail:
        """How the machine's arithmetic is simulated."""
        return "full" if self.rung == "full" else "merged"

    @property
    def name(self) -> str:
        """How tables spell it: rung, split and draws; the closed form has neither."""
        return f"{self.rung}/{self.split}/{self.draws}" if self.measures else self.rung

    def known(self, metrics: Mapping[Any, T]) -> dict[Any, T]:
        """The metrics that this fidelity can know: without data no accuracy."""
        return {name: item for name, item in metrics.items() if self.measures or name not in ACCURACY_METRICS}


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
