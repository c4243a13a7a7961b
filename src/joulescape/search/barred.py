"""Pairs that need not be searched: none of their designs can be valid, as is proven before the first ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joulescape.pricing.first_look import barred
from joulescape.search.progress import log

if TYPE_CHECKING:
    from joulescape.resolve.design_space import DesignSpace


def asked_once(space: DesignSpace) -> frozenset[str]:
    """Names of such pairs: one design of each is asked, so that the tables say why, and no more of the budget.

    A grid goes through every candidate of the question, these too.
    """
    if space.spec.budget.sampler == "grid":
        return frozenset()
    found = [one for one in barred(space) if one.is_proven]
    for one in found:
        log.info("%s is asked once: %s", one.pair, one.reason)
    return frozenset(one.pair for one in found)
