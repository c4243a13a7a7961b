"""What a pruning step may say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from joulescape.compression._coding import INDEX_BITS
from joulescape.compression.base import ADMM_PULL, Regulariser
from joulescape.spec.base import Shape

Criterion = Literal[
    "magnitude", "scaled", "lamp", "first_order", "nisp", "reconstruction", "group_lasso", "variational"
]
"""What goes first; see `PruneSettings.criterion`."""

OF_CHANNELS = frozenset({"magnitude", "first_order", "nisp", "reconstruction", "group_lasso"})
OF_WEIGHTS = frozenset(get_args(Criterion)) - {"reconstruction", "group_lasso"}
WITHIN_A_LAYER = frozenset({"nisp"})
"""Criteria whose numbers do not compare between layers."""
MEASURED_ONCE = frozenset({"first_order", "nisp", "variational"})
TRAINED_FOR: Mapping[Regulariser, float] = {"group_lasso": 0.01, "variational": 1.0}
"""Criteria with a training before anything goes, and the usual strength of its term."""


class PruneSettings(Shape):
    """What goes, and how much stays."""

    granularity: Literal["element", "n_of_m", "channel"] = "element"
    """element: single weights become zero (an index is stored); n_of_m: as many stay in every group along the inputs
    (a short place is stored); channel: output channels are taken out."""
    density: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Fraction of the weights, of each group, or of the channels, that stays; at least one of them does."""
    criterion: Criterion = "magnitude"
    """What goes first. magnitude: the smallest; scaled: relative to the layer's root mean square; lamp: w^2 relative to
    the sum of all w^2 of the layer that are not smaller (Lee et al. 2021); first_order: the smallest |w dL/dw| on
    training data (Molchanov et al. 2017); nisp: what the final responses on training data hear least of, through the
    magnitudes of all weights behind (Yu et al. 2018). Channels also by reconstruction: those that change the next
    layer's output on training data least; the weights of the others are then scaled by least squares (ThiNet, Luo et
    al. 2017); group_lasso: the smallest norm of all weights that go with the channel, after `sparse_epochs` of training
    with a penalty on the norms of those to go (Wen et al. 2016). Single weights also by variational: the least sure of
    themselves, weight over noise, after `sparse_epochs` of sparse variational dropout (Molchanov, Ashukha and Vetrov
    2017)."""
    scope: Literal["layer", "global", "energy"] = "layer"
    """layer: every layer keeps `density`; global: all layers together do, the criterion says which; energy: layers that
    take much of the machine's energy keep less and the others more, at the energy that `density` everywhere leaves."""
    tilt: Annotated[float, Field(ge=0, le=1)] = 0.5
    """energy: densities go with the layers' shares of the energy to the power of -tilt; 0 is as without."""
    energy_fraction: Annotated[float, Field(ge=0, le=1)] | None = None
    """energy: the layer's share of the machine's energy, to the hundredth; told by the machine, never by a question."""
    schedule: Literal["one_shot", "gradual", "admm"] = "one_shot"
    """gradual: while fine-tuning, the density falls to its end by d + (1 - d) (1 - t)^3 (Zhu and Gupta 2017); admm: all
    weights are trained and drawn to the pruned ones (augmented Lagrangian, Zhang et al. 2018), then pruned."""
    pull: Annotated[float, Field(gt=0)] = ADMM_PULL
    """admm: how strongly they are drawn (rho of the augmented Lagrangian)."""
    group: Annotated[int, Field(ge=2, le=64)] = 4
    """n_of_m: weights of one group; the last group of a row is filled with zeros where they do not divide, and keeps
    `density` of what it has."""
    index_bits: Annotated[int, Field(ge=1, le=8)] = INDEX_BITS
    """element: width of one relative index."""
    sparse_epochs: Annotated[int, Field(ge=1, le=100)] = 1
    """group_lasso, variational: epochs of training before anything goes, on top of fine-tuning's own; none is done
    where a design is not fine-tuned, and the weights rank as they are."""
    strength: Annotated[float, Field(gt=0)] | None = None
    """group_lasso, variational: weight of the term in the loss; left out: 0.01, and 1 (the exact bound)."""

    @model_validator(mode="after")
    def _is_known_before_weights(self) -> Self:
        if self.granularity != "element" and self.scope == "global":
            raise ValueError("scope global is for single weights: shapes and groups must be known before any weight is")
        if self.granularity == "channel" and (self.schedule != "one_shot" or self.criterion not in OF_CHANNELS):
            raise ValueError(f"channels go at once, by {_listed(OF_CHANNELS)}")
        if self.granularity != "channel" and self.criterion not in OF_WEIGHTS:
            raise ValueError(f"{self.criterion} is for channels; single weights go by {_listed(OF_WEIGHTS)}")
        if self.scope == "global" and self.criterion in WITHIN_A_LAYER:
            raise ValueError(f"{self.criterion} does not compare weights of two layers: its scope is layer")
        if self.schedule != "one_shot" and self.criterion in MEASURED_ONCE:
            raise ValueError(f"{self.criterion} is measured once, before fine-tuning: its schedule is one_shot")
        return self


_READ_BY: Mapping[str, tuple[str, frozenset[str]]] = {
    "tilt": ("scope", frozenset({"energy"})),
    "pull": ("schedule", frozenset({"admm"})),
    "group": ("granularity", frozenset({"n_of_m"})),
    "index_bits": ("granularity", frozenset({"element"})),
    "sparse_epochs": ("criterion", frozenset(TRAINED_FOR)),
    "strength": ("criterion", frozenset(TRAINED_FOR)),
}
"""Settings that count at some values of another one alone."""


def unread(spanned: Sequence[PruneSettings]) -> str | None:
    """The first setting that differs from its default somewhere and counts nowhere, and what it is for."""
    for name, (other, values) in _READ_BY.items():
        usual = PruneSettings.model_fields[name].default
        is_set = any(getattr(at, name) != usual for at in spanned)
        if is_set and not any(getattr(at, other) in values for at in spanned):
            return f"no {name}: it is for {other} {', '.join(sorted(values))} and does nothing here"
    return None


def _listed(criteria: Iterable[str]) -> str:
    return ", ".join(name for name in get_args(Criterion) if name in criteria)
