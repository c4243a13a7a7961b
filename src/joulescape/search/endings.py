"""When a search ends before its trials are spent: asked only between batches, of what was told."""

from __future__ import annotations

from collections.abc import Sequence

from joulescape.spec.space import BudgetSpec, StallSpec

FEW = 20
"""The share of failures is taken of at least so many candidates: one early failure says little."""

FAILED = "too many candidates failed"


def ending(budget: BudgetSpec, told: int, failed: int, volumes: Sequence[float | None], seconds: float) -> str | None:
    """Why the search ends now, or None: after `seconds`, with the hypervolume after each batch told."""
    if is_failing(budget.failed_share, told, failed):
        return FAILED
    if budget.stall is not None and is_stalled(budget.stall, volumes):
        stall = budget.stall
        return f"the hypervolume stalled: {stall.batches} batches added less than {stall.gain_fraction:.2%}"
    if budget.seconds is not None and seconds > budget.seconds:
        return "the budget of seconds is spent"
    return None


def is_failing(share: float, told: int, failed: int) -> bool:
    """Whether more have failed than `share` allows, of whole batches and of at least FEW candidates."""
    return failed > share * max(told, FEW)


def is_stalled(stall: StallSpec, volumes: Sequence[float | None]) -> bool:
    """Whether the last `stall.batches` batches together added less than `gain_fraction` of what there is now."""
    if len(volumes) <= stall.batches:
        return False
    before, now = volumes[-1 - stall.batches], volumes[-1]
    return before is not None and now is not None and now - before < stall.gain_fraction * now
