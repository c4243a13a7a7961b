"""The shape of a study: a file of `spaces/` with the key `study`, which puts several questions together.

A question asks what is best; a study asks what follows. It names questions by their part in it, and says what is
compared with what.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from joulescape.spec.base import Shape
from joulescape.spec.document import Document
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


class OvertakeSpec(Shape):
    """What would have to be true of one back end: the constants that are moved until it equals its best rival."""

    back_end: str
    parameters: Names
    """Dotted paths of sourced values below the back end's `parameters`; each is moved alone, then all together."""
    metric: Cost = "inference_energy_pj"
    networks: tuple[str, ...] = ()
    """Networks of the bridge's question on which it is tried; all that are compared when absent."""


class SplitsSpec(Shape):
    """Shares of the baseline's lifecycle energy that its inferences spend; the rest is its training."""

    splits: Annotated[tuple[Share, ...], Field(min_length=1)] = (0.9,)


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
    overtake: tuple[OvertakeSpec, ...] = ()
    lifecycle: SplitsSpec = SplitsSpec()


def is_study(document: Document) -> bool:
    """Whether a file of `spaces/` is a study and no question."""
    return STUDY in document.content
