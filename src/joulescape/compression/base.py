"""What every compression method answers, and the ordered pipeline of steps."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar

from joulescape.errors import JoulescapeError
from joulescape.network.operators import Graph, Operator
from joulescape.network.work import OperandFormat
from joulescape.spec.base import Shape


class CompressionError(JoulescapeError):
    """Settings that a layer of the network cannot take: known once the settings meet the network."""


Tensors = Mapping[str, Any]
"""Parameters by dotted name (`conv1.weight`, `conv1.bias`): NumPy arrays or torch tensors alike (array API)."""


PART = "/"
"""Between a factorised layer's name and its part's: `fc1/in`. No user's name holds it."""


def origin(operator: str) -> str:
    """The operator of the uncompressed network that this one is, or is a part of."""
    return operator.partition(PART)[0]


GRADUAL_SHARE = 0.75
"""After so much of a fine-tuning gradual steps are at their end, and weights begin to share values; the rest makes up
for what is gone."""


FREE_SHARE = 0.5
"""The same for weights that were free, and are only now projected: what is left must make up for that."""

ADMM_PULL = 0.003
"""Usual strength at which alternating directions draw weights to their projection: as large as the gradients of a
network that is nearly trained."""


@dataclass(frozen=True)
class Step:
    """One resolved compression step: `settings` for every operator it takes; `per_layer` overrides by operator."""

    method: str
    settings: Mapping[str, Any]
    per_layer: Mapping[str, Mapping[str, Any]]

    def at(self, operator: str) -> dict[str, Any]:
        """Plain settings of the step for one operator; a part of a factorised layer has those of the whole, but for
        what is said of the part itself."""
        return {**self.settings, **self.per_layer.get(origin(operator), {}), **self.per_layer.get(operator, {})}


@dataclass(frozen=True)
class Described:
    """A network with its compression: the graph whose shapes will be computed, and each layer's nominal format.

    `original` is the uncompressed graph; `graph` has removed channels taken out.
    """

    original: Graph
    graph: Graph
    formats: Mapping[str, OperandFormat]
    steps: tuple[Step, ...]


Need = Literal["saliency", "activations", "layer_energy"]
"""What a method may ask for beside weights. `project` then finds by operator, measured on training samples,

    saliency      `<operator>.saliency`     |weight * gradient|, summed; of the weight's shape
    activations   `<operator>.activations`  rows of the layer's input, (groups, rows, K) as the weight's rows read them

and with layer_energy every layer's settings hold `energy_fraction`, its share of the machine's nominal energy, before
anything is described.
"""


Regulariser = Literal["group_lasso", "variational"]
"""A term that a training may add to its loss; see `Regularised`."""


@dataclass(frozen=True)
class Regularised:
    """A training before the step acts, with a term in the loss that drives weights, or whole channels, to zero.

    group_lasso      strength * sum of sqrt(n) |w| over the channels beyond `densities`, the smallest at each moment; w
                     are the n weights that go with a channel
    variational      strength * the divergence of sparse variational dropout, an inference's share of it; leaves
                     `<operator>.signal_to_noise`, log(1 + w^2 / variance), for `project`
    """

    kind: Regulariser
    epochs: int
    strengths: Mapping[str, float]
    """By operator; the others are trained without."""
    densities: Mapping[str, float]
    """By operator: the fraction of its weights or channels that will stay."""


SettingsT = TypeVar("SettingsT", bound=Shape)


class Method(ABC, Generic[SettingsT]):
    """One compression method. Stateless and torch-free: `project` is written for the array API."""

    name: ClassVar[str]
    Settings: ClassVar[type[Shape]]
    sources: ClassVar[tuple[str, ...]] = ()
    """Keys of hwlib/references.bib: who published the method; a report cites them where it is used."""
    is_whole: ClassVar[bool] = False
    """Whether a network on which it takes nothing is refused instead of left alone."""
    is_repeated: ClassVar[bool] = False
    """Whether fine-tuning projects anew at every step (grids) rather than once before it (masks, removed channels)."""
    is_smooth: ClassVar[bool] = False
    """Whether gradients go through `project` as it is (means, sums) rather than straight through it (rounding)."""
    trained: ClassVar[frozenset[str]] = frozenset()
    """Short names of tensors that `project` adds and that gradients move (a list of shared values, say)."""
    prior: ClassVar[frozenset[str]] = frozenset()
    """Short names of tensors that `project` adds, `penalty` reads and `followed` moves (a mixture, say)."""

    @abstractmethod
    def takes(self, operator: Operator) -> bool:
        """Whether the method acts on this operator."""

    @abstractmethod
    def describe(self, described: Described, settings: Mapping[str, SettingsT]) -> Described:
        """Shapes and nominal formats after this step; `settings` by operator, for the operators it takes."""

    @abstractmethod
    def project(self, tensors: Tensors, described: Described, settings: Mapping[str, SettingsT]) -> Tensors:
        """Weights after this step, of the shapes that `describe` announced. Twice = once."""

    def misfit(self, graph: Graph, settings: Mapping[str, SettingsT]) -> str | None:  # noqa: ARG002
        """Why layers of this network cannot take these settings; None where they can. A question is refused by it."""
        return None

    def unused(self, graph: Graph, spanned: Sequence[SettingsT]) -> str | None:  # noqa: ARG002
        """What was set and does nothing at any of the settings that a question spans; None where all of it counts."""
        return None

    def penalty(self, tensors: Tensors, described: Described, settings: Mapping[str, SettingsT]) -> Any:  # noqa: ARG002
        """What fine-tuning adds to its loss (a prior of the weights, a norm of groups), a scalar; None: nothing."""
        return None

    def followed(self, tensors: Tensors, described: Described, settings: Mapping[str, SettingsT]) -> Tensors:  # noqa: ARG002
        """What the tensors named in `prior` are now that free weights have moved; asked for now and then."""
        return {}

    def pull(self, settings: Mapping[str, SettingsT]) -> float:  # noqa: ARG002
        """How strongly fine-tuning draws weights to what `project` makes of them (the rho of ADMM); 0: not at all."""
        return 0.0

    def is_free(self, settings: Mapping[str, SettingsT]) -> bool:
        """Whether weights are free for FREE_SHARE of fine-tuning, under `penalty` or `pull`, and then projected."""
        return self.pull(settings) > 0.0

    def needs(self, settings: Mapping[str, SettingsT]) -> frozenset[Need]:  # noqa: ARG002
        """What `project` reads beside the weights, or `describe` in the settings."""
        return frozenset()

    def regularised(self, settings: Mapping[str, SettingsT]) -> Regularised | None:  # noqa: ARG002
        """The training that fine-tuning does before this step acts; without fine-tuning none is done."""
        return None

    def is_gradual(self, settings: Mapping[str, SettingsT]) -> bool:  # noqa: ARG002
        """Whether fine-tuning comes to these settings bit by bit, through those of `partly`."""
        return False

    def partly(self, settings: Mapping[str, SettingsT], progress: float) -> Mapping[str, SettingsT]:  # noqa: ARG002
        """Settings at `progress` of the way, from 0 (nothing is compressed) to 1 (these settings)."""
        return settings

    def fixed(self, tensors: Tensors, described: Described, settings: Mapping[str, SettingsT]) -> Tensors:  # noqa: ARG002
        """After a part of the way: where projected weights must stay as they are (true), by tensor name."""
        return {}
