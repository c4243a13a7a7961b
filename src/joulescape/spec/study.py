"""The shape of a study: a file of `spaces/` with the key `study`, which puts several questions together.

A question asks what is best; a study asks what follows. It names questions by their part in it, and says what is
compared with what.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from joulescape.spec.base import Shape
from joulescape.spec.document import Document
from joulescape.spec.domain import Scalar
from joulescape.spec.space import Metric

STUDY = "study"
"""The key that tells a study from a question."""

Part = Literal["shores", "bridge", "overtake", "lifecycle"]
PARTS: tuple[Part, ...] = ("shores", "bridge", "overtake", "lifecycle")
"""The parts of the gap study, in the order of its page."""

Role = Literal["bridge", "measured", "training"]
ROLES: tuple[Role, ...] = ("bridge", "measured", "training")

Names = Annotated[tuple[str, ...], Field(min_length=1)]
Share = Annotated[float, Field(gt=0, lt=1)]
Cost = Literal["inference_energy_pj", "inference_latency_ns", "inference_interval_ns"]
"""What falls with every constant that is improved, so that there is one value at which two machines are equal."""


class StudyQuestions(Shape):
    """The questions of a study by their part in it, as names of `spaces/*.yaml`; what is absent is left out."""

    bridge: str | None = None
    """Costs alone: networks, states of compression and machines that are priced at every corner."""
    measured: str | None = None
    """Measured accuracy: the same factors where the loss of accuracy is known."""
    training: str | None = None
    """Training on the machine, and the lifecycle."""


class ShoresSpec(Shape):
    """Published points (`hwlib/trends/*.yaml`) and the years that the first fit sees."""

    trends: Names
    """Names of `hwlib/trends/*.yaml`."""
    first_span_until: Annotated[int, Field(ge=1950, le=2100)] = 2018
    """The last year of the first fit; later points are held against its prediction."""


class EqualitySpec(Shape):
    """How much less accurate a design may be and still count as equal: shares of the samples, not of the accuracy."""

    rivals_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.01
    """Below the best electronic design, where machines overtake; below the baseline, where they are trained."""
    bridge_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.02
    """Below the network as trained, where a measured design counts as a bridge."""


class OvertakeSpec(Shape):
    """What would have to be true of one back end: the constants that are moved until it equals its best rival."""

    back_end: str
    parameters: Names
    """Dotted paths of sourced values below the back end's `parameters`; each is moved alone, then all together."""
    metrics: tuple[Cost, ...] = ()
    """What it is to overtake in; what the study says when absent."""
    networks: tuple[str, ...] = ()
    """Networks on which it is tried; those of the study when absent."""


class OvertakingSpec(Shape):
    """Who may overtake the best electronic machine, in what, and on which networks."""

    metrics: Annotated[tuple[Cost, ...], Field(min_length=1)] = ("inference_energy_pj",)
    networks: tuple[str, ...] = ()
    """Networks of the bridge's and of the measured question; all that are compared when absent."""
    machines: tuple[OvertakeSpec, ...] = ()


class PricedTrainingSpec(Shape):
    """A large network whose training is priced, one epoch of it, on every machine of the question about training."""

    network: str
    batch: Annotated[int, Field(ge=1)] = 64
    """Samples a step."""
    hardware: Mapping[str, Mapping[str, Scalar]] = {}
    """By back end: settings, by dotted path, without which its chip as published could not hold the network."""


class LifetimeSpec(Shape):
    """Training once and inferences: how many of them, and of which networks."""

    splits: Annotated[tuple[Share, ...], Field(min_length=1)] = (0.9,)
    """Shares of the baseline's lifecycle energy that its inferences spend; the rest is its training."""
    priced: tuple[PricedTrainingSpec, ...] = ()
    """Networks beside those that the question about training trains and measures."""


class StudySpec(Shape):
    """How far compression, machines and both together bridge what networks need and chips deliver."""

    study: Literal["gap"]
    question: str
    questions: StudyQuestions
    baselines: Names
    """Back ends that factors are counted from: in each question, the first of these that it has."""
    metrics: Annotated[tuple[Metric, ...], Field(min_length=1)]
    """What factors are counted in: energy, latency, area efficiency ..."""
    networks: tuple[str, ...] = ()
    """Networks of the bridge's question that are compared; all of them when absent."""
    shores: ShoresSpec
    equal_accuracy: EqualitySpec = EqualitySpec()
    overtake: OvertakingSpec = OvertakingSpec()
    lifecycle: LifetimeSpec = LifetimeSpec()


def is_study(document: Document) -> bool:
    """Whether a file of `spaces/` is a study and no question."""
    return STUDY in document.content
