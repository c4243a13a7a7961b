"""Pruning: single weights (zeros with an index), n of m weights (zeros with a place), or whole output channels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from joulescape.compression.base import FREE_SHARE, GRADUAL_SHARE, Described, Method, Need, Regularised, Tensors
from joulescape.compression.prune.channels import describe_channels, project_channels
from joulescape.compression.prune.elements import describe_elements, project_elements
from joulescape.compression.prune.energy import by_energy
from joulescape.compression.prune.groups import describe_groups, project_groups
from joulescape.compression.prune.importance import hides_channels, with_importance, without_importance
from joulescape.compression.prune.settings import TRAINED_FOR, PruneSettings, unread
from joulescape.network.operators import Graph, Operator

__all__ = ["Prune", "PruneSettings", "plugin"]

_NEEDED: Mapping[str, Need] = {"first_order": "saliency", "nisp": "activations", "reconstruction": "activations"}


class Prune(Method[PruneSettings]):
    """Removes what matters least. The network's output channels and what a physical system needs are never removed."""

    name = "prune"
    sources = ("han2015",)
    Settings = PruneSettings

    def takes(self, operator: Operator) -> bool:
        """Convolutions and dense layers."""
        return operator.kind in {"conv", "dense"}

    def misfit(self, graph: Graph, settings: Mapping[str, PruneSettings]) -> str | None:
        """An operator that importance does not go back through; shares of energy that no machine has told."""
        if any(at.energy_fraction is not None for at in settings.values()):
            return "no energy_fraction: the machine tells every layer its own"
        if all(at.criterion != "nisp" for at in settings.values()):
            return None
        hiding = hides_channels(graph)
        return None if hiding is None else f"another criterion: nisp does not go back through {hiding}"

    def unused(self, graph: Graph, spanned: Sequence[PruneSettings]) -> str | None:  # noqa: ARG002
        """A setting of another granularity, scope, schedule or criterion."""
        return unread(spanned)

    def describe(self, described: Described, settings: Mapping[str, PruneSettings]) -> Described:
        """Channels first (they change shapes), then single weights of what is left."""
        settings = by_energy(described.graph, settings)
        channels = {name: at.density for name, at in _of(settings, "channel").items()}
        smaller = describe_channels(described, channels) if channels else described
        return describe_groups(describe_elements(smaller, _of(settings, "element")), _of(settings, "n_of_m"))

    def project(self, tensors: Tensors, described: Described, settings: Mapping[str, PruneSettings]) -> Tensors:
        """The weights or channels that matter most, as `describe` counted them."""
        settings = by_energy(described.graph, settings)
        if any(at.criterion == "nisp" for at in settings.values()):
            tensors = with_importance(tensors, described.graph)
        smaller = project_channels(tensors, described, settings) if _of(settings, "channel") else tensors
        pruned = project_elements(smaller, described.graph, _of(settings, "element"))
        return without_importance(project_groups(pruned, _of(settings, "n_of_m")))

    def needs(self, settings: Mapping[str, PruneSettings]) -> frozenset[Need]:
        """Gradients for first_order; activations for nisp and reconstruction; the layers' energy for its scope."""
        needed: set[Need] = {_NEEDED[at.criterion] for at in settings.values() if at.criterion in _NEEDED}
        return frozenset(
            needed | ({"layer_energy"} if any(at.scope == "energy" for at in settings.values()) else set())
        )

    def regularised(self, settings: Mapping[str, PruneSettings]) -> Regularised | None:
        """The training of group_lasso, or of variational dropout."""
        for kind in TRAINED_FOR:
            found = {name: at for name, at in settings.items() if at.criterion == kind}
            if found:
                strengths = {name: at.strength or TRAINED_FOR[kind] for name, at in found.items()}
                densities = {name: at.density for name, at in found.items()}
                return Regularised(kind, max(at.sparse_epochs for at in found.values()), strengths, densities)
        return None

    def is_gradual(self, settings: Mapping[str, PruneSettings]) -> bool:
        """Where the schedule says so."""
        return any(at.schedule != "one_shot" for at in settings.values())

    def pull(self, settings: Mapping[str, PruneSettings]) -> float:
        """The strongest of the layers, where the schedule is admm."""
        return max((at.pull for at in settings.values() if at.schedule == "admm"), default=0.0)

    def partly(self, settings: Mapping[str, PruneSettings], progress: float) -> Mapping[str, PruneSettings]:
        """The density of this moment: d + (1 - d) (1 - t)^3, which is there after GRADUAL_SHARE of the way; with admm
        nothing goes before.
        """
        early = {"one_shot": 0.0, "gradual": (1.0 - min(1.0, progress / GRADUAL_SHARE)) ** 3}
        early["admm"] = float(progress < FREE_SHARE)
        return {
            name: at.model_copy(update={"density": at.density + (1 - at.density) * early[at.schedule]})
            for name, at in settings.items()
        }

    def fixed(self, tensors: Tensors, described: Described, settings: Mapping[str, PruneSettings]) -> Tensors:  # noqa: ARG002
        """Weights that are zero."""
        return {f"{name}.weight": tensors[f"{name}.weight"] == 0 for name in settings}


def _of(settings: Mapping[str, PruneSettings], granularity: str) -> dict[str, PruneSettings]:
    return {name: at for name, at in settings.items() if at.granularity == granularity}


plugin = Prune()
