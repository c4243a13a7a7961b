"""Who is compared with whom: a machine's design, and the best electronic one of equal accuracy, network by network."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from joulescape.errors import ResultsError
from joulescape.gap.bills import Bill
from joulescape.gap.designs import Design
from joulescape.gap.equals import equals, equals_below
from joulescape.gap.rivals import best
from joulescape.resolve.design_space import DesignSpace
from joulescape.resolve.study import Study
from joulescape.spec.sourced import Corner
from joulescape.spec.study import OvertakeSpec

ASSUMED = "assumed: the same network, as trained, as published with its loss, or rounded to eight bits"


@dataclass(frozen=True)
class Contest:
    """A design, and the best electronic one at equal accuracy, in one metric."""

    design: Design | None
    refusal: str | None
    network: str
    back_end: str
    rival: Design
    metric: str
    accuracy: str
    """Why both are as accurate as one another."""

    def rival_at(self, corner: Corner) -> float:
        """The rival's metric at a corner; NaN, which nothing equals, where it cannot exist there."""
        return self.rival.at(self.metric, corner) if self.rival.refusal(corner) is None else math.nan


def metrics_of(study: Study, entry: OvertakeSpec) -> tuple[str, ...]:
    """What a machine is to overtake in: what it says itself, or what the study says."""
    return entry.metrics or study.spec.overtake.metrics


def networks_of(study: Study, entry: OvertakeSpec, known: Iterable[str]) -> list[str]:
    """Networks of a question on which a machine is tried, in the question's order."""
    asked = entry.networks or study.spec.overtake.networks
    return [name for name in known if not asked or name in asked]


def priced(space: DesignSpace, bills: Sequence[Bill], asked: Sequence[tuple[str, str]]) -> Iterator[Contest]:
    """Contests of one network by (back end, metric), each side in its best state of equal accuracy; `bills` are of that
    network on every machine. ResultsError where no electronic machine carries it."""
    electronic = [one for one in bills if one.family == "electronic"]
    for back_end, metric in asked:
        own = [one for one in bills if one.state.back_end == back_end]
        network = own[0].state.network
        rival, _ = best(space, electronic, metric)
        if rival is None:
            raise ResultsError(f"{space.name} has no electronic machine that can carry {network}")
        design, refusal = best(space, own, metric)
        yield Contest(design, refusal, network, back_end, rival, metric, ASSUMED)


def measured(study: Study, entry: OvertakeSpec) -> Iterator[Contest]:
    """Contests on the networks whose accuracy was measured, each against the same network on electronic machines; of a
    machine that is its own network against every network that they run."""
    space, folder = study.spaces["measured"], study.results("measured")
    within = study.spec.equal_accuracy.rivals_fraction
    own = [pair.network for pair in space.pairs if pair.back_end == entry.back_end]
    shared = {pair.network for pair in space.pairs if space.back_ends[pair.back_end].family == "electronic"}
    for network in networks_of(study, entry, own):
        some = (network,) if network in shared else (network, *sorted(shared))
        for metric in metrics_of(study, entry):
            asked = (space, folder, entry.back_end, metric, within, some)
            found = equals(*asked)
            found = found if found.design is not None else equals_below(*asked)
            yield Contest(found.design, found.refusal, network, entry.back_end, found.rival, metric, found.said)
