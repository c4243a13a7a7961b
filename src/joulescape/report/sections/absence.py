"""Why a back end has no valid design: the limits of the question that its designs break, or what else became of them.

A machine that fell to a limit was never asked for its accuracy: nothing may be said of that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from joulescape.report.inputs import Tables
from joulescape.report.sections import refused
from joulescape.report.sections.refused import Broken, Reason

LONGEST = 110
"""A reason from elsewhere is cut at so many characters; the page lists it whole."""

OTHERWISE = {"infeasible": "infeasible", "failed": "failed", "screened": "not measured to the end"}
"""What became of designs that broke no limit of the question, in words."""

NO_ACCURACY = "its valid designs have no accuracy"


@dataclass(frozen=True)
class Absence:
    """A back end that was tried and has no design on the page."""

    back_end: str
    words: str
    """Why, for its row: `area (at most 20.0 mm²): the nearest has 20.5 mm², off by 2.5 %`."""
    broken: Broken | None
    """The one limit that all its designs break; None where there are several, or other reasons."""
    state: str
    """What became of its designs where no limit of the question is to blame; else empty."""


def absences(given: Tables) -> dict[str, Absence]:
    """Of every back end without a valid design that has an accuracy, by name; the reasons most often met come first."""
    there = set(given.valid["back_end"].to_list())
    reasons: dict[str, list[Reason]] = {name: [] for name, _ in given.back_ends if name not in there}
    for reason in refused.facts(given).reasons:
        if reason.back_end in reasons:
            reasons[reason.back_end].append(reason)
    return {name: _absence(name, found) for name, found in reasons.items()}


def _absence(name: str, reasons: list[Reason]) -> Absence:
    if not reasons:
        return Absence(name, NO_ACCURACY, None, NO_ACCURACY)
    limits = [reason.broken for reason in reasons if reason.broken is not None]
    is_one = len(limits) == len(reasons) and len({broken.limit for broken in limits}) == 1
    words = list(dict.fromkeys(_words(reason) for reason in sorted(reasons, key=_order)))
    more = f"; {len(words) - 2} more reasons" if len(words) > 3 else ""
    kept = words[:2] if more else words
    met = {reason.state for reason in reasons}
    state = "" if limits else " or ".join(said for name, said in OTHERWISE.items() if name in met)
    return Absence(name, "; ".join(kept) + more, min(limits, key=_miss) if is_one else None, state)


def _order(reason: Reason) -> tuple[int, str, str]:
    return -reason.count, reason.state, reason.reason


def _miss(broken: Broken) -> float:
    return math.inf if broken.miss is None else broken.miss


def _words(reason: Reason) -> str:
    if reason.broken is None:
        said = reason.example if len(reason.example) <= LONGEST else f"{reason.example[: LONGEST - 1]}…"
        return f"{OTHERWISE[reason.state]}: {said}"
    near = f": the nearest has {reason.broken.nearest}, off by {reason.broken.by}" if reason.broken.nearest else ""
    return f"{reason.broken.limit}{near}"


def nothing_valid(given: Tables) -> str:
    """`10 of 14 miss the limit on latency per inference (at most 1.00 ns), the nearest at 580 ns; 4 ...`; empty where
    no limit of the question was broken."""
    counts: dict[str, int] = {}
    nearest: dict[str, Broken] = {}
    for reason in refused.facts(given).reasons:
        if (broken := reason.broken) is not None:
            counts[broken.limit] = counts.get(broken.limit, 0) + reason.count
            nearest[broken.limit] = min((broken, nearest.get(broken.limit, broken)), key=_miss)
    ordered = sorted(counts, key=lambda limit: (-counts[limit], limit))
    said = [f"{counts[limit]:,} the limit on {_at(nearest[limit])}" for limit in ordered]
    if said:
        total, first = given.trials.height, counts[ordered[0]]
        who = f"all {total:,}" if first == total else f"{first:,} of {total:,}"
        said[0] = f"{who} miss{'es' if first == 1 else ''} the limit on {_at(nearest[ordered[0]])}"
    return "; ".join(said)


def _at(nearest: Broken) -> str:
    return f"{nearest.limit}, the nearest at {nearest.nearest}" if nearest.nearest else nearest.limit
