"""The states of compression that a question lets be chosen, by name, and where each comes from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joulescape.compression.base import Step
from joulescape.errors import ResultsError, nearest
from joulescape.resolve.candidate import Candidate, Pair, Parameter
from joulescape.resolve.design_space import DesignSpace
from joulescape.resolve.workloads import REPORTED
from joulescape.spec.domain import Scalar

UNCOMPRESSED = "none"
"""The state of a network as it was trained."""

WIDTHS = ("weight_bits", "activation_bits")


@dataclass(frozen=True)
class State:
    """What the steps of one choice make of a network; `candidates` differ in their hardware alone."""

    name: str
    pair: Pair
    basis: str
    """How well it is known that the network survives it: measured, derived, assumed; `none` where nothing is done."""
    source: str
    candidates: tuple[Candidate, ...]

    @property
    def network(self) -> str:
        """What is compressed."""
        return self.pair.network

    @property
    def back_end(self) -> str:
        """What it runs on."""
        return self.pair.back_end

    @property
    def is_compressed(self) -> bool:
        """Whether any step acts."""
        return self.name != UNCOMPRESSED


def states(space: DesignSpace, pair: Pair) -> tuple[State, ...]:
    """Every state of the pair, in the order in which the question names them."""
    groups: dict[str, list[Candidate]] = {}
    for values in _choices(space.parameters(pair), {"pair": pair.name}):
        candidate = space.candidate(values)
        groups.setdefault(state_name(candidate.compression), []).append(candidate)
    return tuple(_state(space, pair, name, found) for name, found in groups.items())


def state(space: DesignSpace, pair: Pair, name: str) -> State:
    """The state of this name; ResultsError where the question offers no such state."""
    known = {one.name: one for one in states(space, pair)}
    if name not in known:
        near = nearest(name, tuple(known))
        meant = f"; did you mean '{near}'?" if near else ""
        raise ResultsError(f"{space.name} has no state '{name}' of {pair.network}, but {', '.join(known)}{meant}")
    return known[name]


def state_name(steps: Sequence[Step]) -> str:
    """`none`, or each step with its values: `prune density 0.3 + quantize 8/8`, widths being weights/inputs."""
    return " + ".join(map(_step_name, steps)) or UNCOMPRESSED


def silent_networks(space: DesignSpace) -> tuple[str, ...]:
    """Networks that nobody was found to compress and report: nothing but what the question itself sets is priced."""
    return tuple(name for name, spec in space.networks.items() if spec.reported is None)


def _step_name(step: Step) -> str:
    if step.method == REPORTED:
        return REPORTED
    widths = "/".join(f"{step.settings[width]}" for width in WIDTHS if width in step.settings)
    others = (f"{name} {_shown(value)}" for name, value in step.settings.items() if name not in WIDTHS)
    return " ".join(part for part in (step.method, *others, widths) if part)


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _choices(parameters: Sequence[Parameter], chosen: Mapping[str, Scalar]) -> Iterator[Mapping[str, Scalar]]:
    """Every way to draw the parameters, parents before children; of real numbers the points of a sweep."""
    if not parameters:
        yield chosen
        return
    first, rest = parameters[0], parameters[1:]
    is_on = first.parent is None or str(chosen.get(first.parent)) == str(first.option)
    for value in first.domain.values() if is_on else ():
        yield from _choices(rest, {**chosen, first.name: value})
    if not is_on:
        yield from _choices(rest, chosen)


def _state(space: DesignSpace, pair: Pair, name: str, candidates: Sequence[Candidate]) -> State:
    basis, source = _origin(space, pair.network, candidates[0].compression)
    return State(name, pair, basis, source, tuple(candidates))


def _origin(space: DesignSpace, network: str, steps: Sequence[Step]) -> tuple[str, str]:
    """How well a state is known, and from where."""
    if not steps:
        return UNCOMPRESSED, "as trained"
    said = space.networks[network].reported
    if any(step.method == REPORTED for step in steps) and said is not None:
        return said.basis, f"{said.source}: {said.where}"
    if space.spec.needs_accuracy:
        return "measured", "applied here, accuracy measured"
    return "assumed", "set by the question; nobody measured here what accuracy it costs"
