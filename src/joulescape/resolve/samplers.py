"""What each sampler can do: which spaces and budgets it refuses, and where it degrades."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from joulescape.errors import Fault
from joulescape.resolve.candidate import Parameter
from joulescape.spec.document import Document
from joulescape.spec.domain import FloatDomain
from joulescape.spec.space import SamplerName, SpaceSpec

if TYPE_CHECKING:
    from joulescape.resolve.design_space import DesignSpace

LARGEST_GRID = 100_000
"""A grid of more candidates is refused whatever the budget."""

MOST_TRIALS: dict[SamplerName, int] = {"tpe": 5_000, "gp": 100}
"""Samplers whose ask grows with what they were told, and how many trials keep the longest ask below some seconds."""

MOST_PARAMETERS: dict[SamplerName, int] = {"gp": 20}
"""Samplers whose ask grows with the parameters of a pair, and how many keep it below some seconds."""


def check_sampler(document: Document, spec: SpaceSpec, pairs: Sequence[Sequence[Parameter]]) -> list[Fault]:
    """Faults of `budget.sampler`: what it cannot do in this space, whose pairs have these parameters."""
    budget, keys = spec.budget, ("budget", "sampler")
    faults: list[Fault] = []
    if budget.sampler == "grid":
        count, most = sum(candidate_count(parameters) for parameters in pairs), min(LARGEST_GRID, budget.trials)
        if count > most:
            limit = "budget.trials" if most == budget.trials else "the largest grid"
            expected = f"at most {most:,} candidates ({limit}), or another sampler"
            faults.append(document.fault(keys, f"'grid' over {count:,} candidates", expected))
    trials = MOST_TRIALS.get(budget.sampler)
    if trials is not None and budget.trials > trials:
        expected = f"at most {trials:,} trials, as each ask weighs all trials before it, or another sampler"
        faults.append(document.fault(keys, f"'{budget.sampler}' for {budget.trials:,} trials", expected))
    most_parameters = MOST_PARAMETERS.get(budget.sampler)
    widest = max((len(parameters) for parameters in pairs), default=0)
    if most_parameters is not None and widest > most_parameters:
        expected = f"at most {most_parameters} drawn parameters a pair, or another sampler"
        faults.append(document.fault(keys, f"'{budget.sampler}' over {widest} parameters", expected))
    return faults


def sampler_notes(space: DesignSpace) -> tuple[str, ...]:
    """What a reader should know of the question's sampler in this space: where it degrades."""
    pairs = [space.parameters(pair) for pair in space.pairs]
    return tuple(_notes(space.spec.budget.sampler, pairs))


def candidate_count(parameters: Sequence[Parameter]) -> int:
    """How many candidates a pair's grid has; of a real-valued parameter its `points` count."""
    return math.prod(_count(parameter, parameters) for parameter in parameters if parameter.parent is None)


def _count(parameter: Parameter, known: Sequence[Parameter]) -> int:
    """Values of a parameter, each with all that it switches on."""
    children = [other for other in known if other.parent == parameter.name]
    if not children:
        return parameter.domain.count()
    branches = ([other for other in children if other.option == str(value)] for value in parameter.domain.values())
    return sum(math.prod(_count(child, known) for child in branch) for branch in branches)


def _notes(sampler: SamplerName, pairs: Sequence[Sequence[Parameter]]) -> Iterator[str]:
    is_conditional = any(parameter.parent is not None for parameters in pairs for parameter in parameters)
    if is_conditional and sampler in _CONDITIONAL:
        yield f"sampler {sampler}: {_CONDITIONAL[sampler]}"
    if len(pairs) > 1 and sampler in _PAIRS:
        yield f"sampler {sampler}: {_PAIRS[sampler]}"
    if sampler == "grid" and any(isinstance(p.domain, FloatDomain) for parameters in pairs for p in parameters):
        yield "sampler grid: real-valued parameters are looked at in their `points` only"


_CONDITIONAL: dict[SamplerName, str] = {
    "nsga2": "parameters that a choice switches off are inherited unseen; crossover may mix them without effect",
    "nsga3": "parameters that a choice switches off are inherited unseen; crossover may mix them without effect",
    "gp": "parameters that a choice switches off are modelled as if they had a value, which costs it accuracy",
    "qmc": "parameters that a choice switches off take part in the sequence, so the others are covered less evenly",
}
_PAIRS: dict[SamplerName, str] = {
    "nsga2": "each pair of network and back end is bred by itself; nothing crosses over between pairs",
    "nsga3": "each pair of network and back end is bred by itself; nothing crosses over between pairs",
    "tpe": "each pair of network and back end has densities of its own; nothing is learnt across pairs",
    "gp": "each pair of network and back end has processes of its own; nothing is learnt across pairs",
    "qmc": "each pair of network and back end has a sequence of its own, and asks go round all pairs",
    "random": "asks go round all pairs of network and back end, however many candidates each has",
}
