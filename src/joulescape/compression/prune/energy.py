"""Pruning where a machine's energy is: densities by layer from each layer's share of the energy.

    d_l = min(1, c density_l e_l^-tilt)

with c such that the energy is what the plain densities would leave: sum e_l d_l for single weights; for channels
sum e_l d_out(l) d_in(l), where channels that live together have one density, and e is the share of all layers that
write or read them. At equal energy heavy layers then keep less than `density`, light ones more. A tilt of 1/2 makes the
sum of 1 / d_l least at this energy (each layer's loss grows alike with what is taken from it); 0 leaves the densities
as they are.

The energy of a layer is taken to be in proportion to what is left of it; what the machine really needs is costed after.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from joulescape.compression.prune.settings import PruneSettings
from joulescape.network.channels import channel_groups
from joulescape.network.operators import Graph

LEAST = 0.005
"""Shares come rounded to a hundredth: one of zero stands for half of that."""

_HALVINGS = 60

Densities = Mapping[str, float]


def by_energy(graph: Graph, settings: Mapping[str, PruneSettings]) -> Mapping[str, PruneSettings]:
    """The settings, those of `scope: energy` with the density that each layer gets.

    Raises ValueError where the shares of the energy were not given.
    """
    asked = {name: at for name, at in settings.items() if at.scope == "energy"}
    if not asked:
        return settings
    for name, at in asked.items():
        _share(name, at)
    singles = {name: at for name, at in asked.items() if at.granularity != "channel"}
    channels = {name: at for name, at in asked.items() if at.granularity == "channel"}
    found = {**_of_weights(singles), **_of_channels(graph, channels)}
    return {
        name: at.model_copy(update={"density": found[name], "scope": "layer"}) if name in found else at
        for name, at in settings.items()
    }


def _of_weights(settings: Mapping[str, PruneSettings]) -> Densities:
    shares = {name: _share(name, at) for name, at in settings.items()}
    return _distributed(settings, shares, lambda density: sum(shares[name] * density[name] for name in shares))


def _of_channels(graph: Graph, settings: Mapping[str, PruneSettings]) -> Densities:
    """By channel group; an operator whose output channels must stay has density 1."""
    channel_map = channel_groups(graph)
    free = {
        index: [name for name in group.producers if name in settings]
        for index, group in enumerate(channel_map.groups)
        if not group.is_fixed and any(name in settings for name in group.producers)
    }
    written = {name: channel_map.origins[name].group for name in settings}
    read = {name: channel_map.origins[graph.operator(name).inputs[0]].group for name in settings}
    leading = {str(index): max((settings[name] for name in names), key=_density) for index, names in free.items()}
    shares = {
        str(index): sum(_share(name, at) for name, at in settings.items() if index in (written[name], read[name]))
        for index in free
    }

    def energy(density: Densities) -> float:
        left = {name: (density.get(str(written[name]), 1.0), density.get(str(read[name]), 1.0)) for name in settings}
        return sum(_share(name, settings[name]) * out * into for name, (out, into) in left.items())

    found = _distributed(leading, shares, energy)
    return {name: found.get(str(written[name]), 1.0) for name in settings}


def _distributed(
    settings: Mapping[str, PruneSettings], shares: Mapping[str, float], energy: Callable[[Densities], float]
) -> Densities:
    """d = min(1, c density share^-tilt), with the c at which `energy` is what the plain densities leave."""
    if not settings:
        return {}
    wanted = {name: at.density * shares[name] ** -at.tilt for name, at in settings.items()}

    def at_scale(scale: float) -> Densities:
        return {name: min(1.0, scale * wish) for name, wish in wanted.items()}

    target = energy({name: at.density for name, at in settings.items()})
    low, high = 0.0, 1.0 / min(wanted.values())
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if energy(at_scale(middle)) < target else (low, middle)
    return at_scale(high)


def _share(name: str, at: PruneSettings) -> float:
    if at.energy_fraction is None:
        raise ValueError(f"pruning '{name}' by energy needs its share of a machine's energy (energy_fraction)")
    return max(LEAST, at.energy_fraction)


def _density(at: PruneSettings) -> float:
    return at.density
