"""One module a sampler, under the name that a question gives it: `budget.sampler`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from joulescape.search.sampler import Ground, Sampler
from joulescape.spec.space import SamplerName

BREED_PAIRS: frozenset[SamplerName] = frozenset({"nsga2", "nsga3", "tpe", "gp"})
"""Samplers that learn from what they are told: their free asks go where the elite lives, those of others go round."""


def sampler(name: SamplerName, ground: Ground) -> Sampler:
    """The sampler of one pair."""
    make = cast("Callable[[Ground], Sampler]", import_module(f"{__name__}.{name}").sampler)
    return make(ground)
