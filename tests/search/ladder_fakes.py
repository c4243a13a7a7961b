"""A question with three kinds of machine, and evaluations whose accuracy depends on the rung."""

from __future__ import annotations

from dataclasses import dataclass, replace

from search_fakes import PAIRS, FakeSpace, judge, make_space, shelved

from joulescape.network.digest import digest

EQUIVALENCE = {"electronic/grid": "exact", "memristive/cells": "approximate", "photonic/mesh": "approximate"}
LOST = {"merged": 0.8, "tuned": 0.98, "full": 1.0}
"""What a rung leaves of the accuracy."""


@dataclass(frozen=True)
class LadderSpace(FakeSpace):
    """The fake space with an exact machine; `own` makes the mesh its own network."""

    own: bool = False

    @property
    def back_ends(self):
        kinds = {**EQUIVALENCE, **({"photonic/mesh": "own"} if self.own else {})}
        return {name: shelved(name, kind) for name, kind in kinds.items()}


def ladder_space(root, own=False, pairs=PAIRS, **changes):
    """Three rungs, noise-aware fine-tuning, so that every rung of an approximate machine is a measurement."""
    budget = {"rungs": ("merged", "tuned", "full"), "trials": 96, "population": 12, **changes.pop("budget", {})}
    changes.setdefault("fine_tune", {"noise_aware": True})
    space = make_space(root, budget=budget, pairs=pairs, **changes)
    return LadderSpace(space.spec, space.root, pairs=space.pairs, own=own)


def climbing_judge(candidate, space, fidelity, seed, memory=None):
    """Each rung sees the true accuracy better: rungs agree in order, up to one part in a hundred."""
    return tuple(_seen(item, fidelity, LOST, 0.01) for item in judge(candidate, space, fidelity, seed))


def contrary_judge(candidate, space, fidelity, seed, memory=None):
    """The lowest rung has it the wrong way round."""
    found = judge(candidate, space, fidelity, seed)
    if fidelity.rung != "merged":
        return found
    return tuple(_with(item, 1.2 - item.metrics["accuracy_fraction"]) for item in found)


def flat_judge(candidate, space, fidelity, seed, memory=None):
    """Nothing is better than 90 %, so that the cheapest of the best beats many."""
    found = climbing_judge(candidate, space, fidelity, seed)
    if not fidelity.measures:
        return found
    return tuple(_with(item, min(item.metrics["accuracy_fraction"], 0.9)) for item in found)


def _seen(item, fidelity, lost, blur):
    if not fidelity.measures:
        return _with(item, None)
    noise = int(digest(item.candidate_id, fidelity.rung)[:4], 16) / 0xFFFF - 0.5
    return _with(item, item.metrics["accuracy_fraction"] * lost[fidelity.rung] + blur * noise)


def _with(item, accuracy):
    facts = {**item.facts, "variants_count": 3}
    return replace(item, metrics={**item.metrics, "accuracy_fraction": accuracy}, facts=facts)
