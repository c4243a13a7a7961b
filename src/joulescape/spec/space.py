"""The shape of `spaces/*.yaml`: one question. Values may still be domains; `resolve` checks them against plug-ins."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from joulescape.spec.base import Shape
from joulescape.spec.sourced import Corner

Metric = Literal[
    "accuracy_fraction",
    "trained_accuracy_fraction",
    "inference_energy_pj",
    "inference_latency_ns",
    "inference_interval_ns",
    "training_energy_pj",
    "training_time_ns",
    "lifecycle_energy_pj",
    "area_mm2",
    "mean_power_mw",
    "tops_per_w",
    "gops_per_mm2",
]
TRAINING_METRICS: frozenset[Metric] = frozenset(
    {"trained_accuracy_fraction", "training_energy_pj", "training_time_ns", "lifecycle_energy_pj"}
)
"""Metrics of training on the machine: naming one as objective or constraint makes the search train there."""

ACCURACY_METRICS: frozenset[Metric] = frozenset({"accuracy_fraction", "trained_accuracy_fraction"})
"""Metrics that data must be seen for; every other one is costed, at nominal statistics where nothing was measured."""

Direction = Literal["minimize", "maximize"]
Boundary = Literal["core", "chip", "system"]
PhaseName = Literal["inference", "training"]
SamplerName = Literal["nsga2", "nsga3", "tpe", "gp", "qmc", "random", "grid"]
RungName = Literal["closed_form", "merged", "tuned", "full"]

RUNGS: tuple[RungName, ...] = ("closed_form", "merged", "tuned", "full")
"""How well a design can be measured, cheapest first: costs alone; merged errors without fine-tuning on a subset; merged
errors after fine-tuning; the full simulation after fine-tuning."""

AGREEMENT = 0.9
"""Rank correlation near the front below which two rungs are not said to agree, and a larger share climbs."""


class Bound(Shape):
    """A limit on one metric."""

    at_most: float | None = None
    at_least: float | None = None

    @model_validator(mode="before")
    @classmethod
    def _has_a_side(cls, raw: Any) -> Any:
        if isinstance(raw, (int, float)) and not isinstance(raw, bool):
            raise ValueError(f"a limit has a side: {{at_most: {raw}}} or {{at_least: {raw}}}")
        return raw

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.at_most is None and self.at_least is None:
            raise ValueError("a constraint needs at_most or at_least")
        return self


class Target(Shape):
    """What training on the machine must reach, on training data; its cost is counted until then."""

    accuracy_fraction: Annotated[float, Field(gt=0, le=1)]


class TrainingSpec(Shape):
    """Training on the machine; any plain value may be a domain, drawn as `training.<field>`."""

    algorithm: Any = "pat"
    """For a machine that is its own network: pat, in_silico, in_silico_noise, ideal; pat_fitted and in_silico_fitted
    fit its twin to measurements of the device first."""
    rounding: Any = "stochastic"
    """How a low-precision update is rounded: stochastic or nearest."""
    feedback: Any = "backprop"
    """How errors travel back: backprop or dfa (direct feedback alignment)."""
    batch: Any = 32
    epochs: Any = 12
    learning_rate: Any = 0.1
    target: Target | None = None


class FineTuneSpec(Shape):
    """The short training after compression, with the compressed forward pass and straight-through gradients."""

    epochs: Annotated[int, Field(ge=0)] = 2
    learning_rate: Annotated[float, Field(gt=0)] = 0.002
    batch: Annotated[int, Field(ge=1)] = 64
    noise_aware: bool = False
    """Whether the machine's own errors are injected during fine-tuning."""


DEFAULT_RESERVE = 20
"""Asks of a back end that `budget.per_back_end` does not name."""


class StallSpec(Shape):
    """The search ends early when so many batches together added less than this fraction to the hypervolume."""

    batches: Annotated[int, Field(ge=1)] = 5
    gain_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.001


class BudgetSpec(Shape):
    """How the search draws, how long it goes on, how well it measures, and its seed."""

    trials: Annotated[int, Field(ge=1)]
    seed: Annotated[int, Field(ge=0)] = 0
    sampler: SamplerName = "nsga2"
    population: Annotated[int, Field(ge=2)] = 24
    lag: Literal[1, 2] = 1
    per_back_end: Annotated[int, Field(ge=0)] | dict[str, Annotated[int, Field(ge=0)]] = 20
    """Asks reserved for each back end, so that every technology is looked at; a mapping names some, others have 20."""
    seconds: Annotated[float, Field(gt=0)] | None = None
    stall: StallSpec | None = None
    time_out_s: Annotated[float, Field(gt=0)] = 900.0
    """Longest time for one evaluation; one that takes longer has failed, and is not tried again under this limit."""
    rungs: Annotated[tuple[RungName, ...], Field(min_length=1)] = ("merged", "tuned", "full")
    """The ladder of fidelities, cheapest first; only designs measured on the last one may be on the front."""
    screen_samples: Annotated[int, Field(ge=1)] = 128
    """Validation samples of the rung `merged`, for designs that fine-tuning can still change."""
    promote: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of each batch that climbs from one rung to the next; it widens while the rungs disagree near the front."""
    audit: Annotated[int, Field(ge=0)] = 20
    """At least so many designs climb whatever they promise, to see whether the rungs agree; 0 never widens a share."""
    failed_share: Annotated[float, Field(ge=0, le=1)] = 0.2
    samples: Annotated[int, Field(ge=1)] | None = None
    """Validation samples per accuracy measurement; all when absent."""
    draws: Annotated[int, Field(ge=1)] = 3
    """Device draws per accuracy measurement in the search."""
    trainings: Annotated[int, Field(ge=1)] = 1
    """Devices trained on, per measurement, where training on the machine is asked for or the machine is the network."""

    @model_validator(mode="after")
    def _climbs(self) -> Self:
        if list(self.rungs) != [rung for rung in RUNGS if rung in self.rungs]:
            raise ValueError(f"rungs must be named once each, in the order {', '.join(RUNGS)}")
        return self

    def reserve(self, back_end: str) -> int:
        """Asks reserved for one back end."""
        listed = self.per_back_end
        return listed.get(back_end, DEFAULT_RESERVE) if isinstance(listed, dict) else listed


class ConfirmSpec(Shape):
    """How the front is measured again: on the test split, with several draws, at every corner."""

    draws: Annotated[int, Field(ge=2)] = 5
    designs: Annotated[int, Field(ge=1)] = 24
    """At most so many: the front by hypervolume contribution, then the best of each back end, then the near-front."""
    trained_designs: Annotated[int, Field(ge=0)] = 4
    """So many designs, the best of each back end first, are also trained on their machine at the typical corner.

    Where an objective or constraint names a training metric, every design is, at every corner and with all draws."""
    trainings: Annotated[int, Field(ge=1)] = 2
    """Devices that each of the `trained_designs` is trained on."""
    yield_above: Annotated[float, Field(gt=0, le=1)] | None = None
    """Accuracy on the test split that a good chip has at least: asks for the share of good chips of machines that
    differ from chip to chip."""
    chips: Annotated[int, Field(ge=2)] | None = None
    """Chips drawn for that share at the typical corner, in the place of `draws`; a machine that is its own network is
    trained anew for every chip, and keeps `draws`."""

    @model_validator(mode="after")
    def _knows_a_good_chip(self) -> Self:
        if self.chips is not None and self.yield_above is None:
            raise ValueError("chips are drawn for a yield: say what a good chip has at least, yield_above: 0.9")
        return self


class LifecycleSpec(Shape):
    """How often a trained machine is used: lifecycle energy = first programming of its cells, where weights stay in
    cells, + training + inferences * inference energy."""

    inferences: Annotated[float, Field(gt=0)]


class SpaceSpec(Shape):
    """One question."""

    question: str
    task: Annotated[str, Field(min_length=1)]
    networks: Annotated[tuple[str, ...], Field(min_length=1)]
    back_ends: Annotated[tuple[str, ...], Field(min_length=1)]
    boundary: Boundary = "system"
    batch: Annotated[int, Field(ge=1)] = 1
    node: Literal["as_published"] | Annotated[int, Field(ge=3, le=180)] = "as_published"
    normalise_to_nm: Annotated[int, Field(ge=3, le=180)] = 28
    """The report shows results as published beside results with CMOS parts scaled to this node."""
    scaling_rule: Literal["stillmaker", "tpuv4i"] = "stillmaker"
    """By which of two published rules CMOS parts are scaled; the report and `cost` show both, since they disagree."""
    phases: Annotated[tuple[PhaseName, ...], Field(min_length=1)] = ("inference",)
    compression: tuple[dict[str, Any], ...] = ()
    training: TrainingSpec = TrainingSpec()
    fine_tune: FineTuneSpec = FineTuneSpec()
    hardware: dict[str, dict[str, Any]] = Field(default_factory=dict)
    objectives: Annotated[dict[Metric, Direction], Field(min_length=1)]
    constraints: dict[Metric, Bound] = Field(default_factory=dict)
    budget: BudgetSpec
    confirm: ConfirmSpec = ConfirmSpec()
    lifecycle: LifecycleSpec | None = None
    corner: Corner = "typical"

    @property
    def names_training(self) -> bool:
        """Whether an objective or a constraint is a metric of training on the machine."""
        return bool(TRAINING_METRICS & {*self.objectives, *self.constraints})

    @property
    def needs_accuracy(self) -> bool:
        """Whether the question can only be answered by measuring: it names an accuracy, or training up to a target."""
        is_trained_to_target = self.names_training and self.training.target is not None
        return is_trained_to_target or bool(ACCURACY_METRICS & {*self.objectives, *self.constraints})

    @property
    def rungs(self) -> tuple[RungName, ...]:
        """The rungs that this question climbs: closed form alone where nothing need be measured; the last one alone
        where it names a metric of training on the machine, which the lower ones do not see, and for a grid, which is
        there to know every candidate."""
        if not self.needs_accuracy:
            return ("closed_form",)
        is_whole = self.names_training or self.budget.sampler == "grid"
        return self.budget.rungs[-1:] if is_whole else self.budget.rungs
