"""Can the cheap measurements be trusted: whether each rung ranks designs like a dearer one, and what promotion did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from joulescape.report import theme
from joulescape.report.inputs import Tables
from joulescape.spec.space import AGREEMENT

ROUGHLY = 0.7
"""Below this rank correlation a rung is said not to rank designs like the other."""

FEW = 8
"""A rank correlation of fewer designs is said to be unsure, whatever it is."""

NOTHING = "No design was measured on two rungs: whether the cheaper ones rank designs like the top one is not known."

RECENT = 120
"""The search judges a rung by so many of the designs that it measured on both last (search/ladder.py)."""

UNDEFINED = "not defined"
"""What stands for a correlation that does not exist: too few values, or all of one rung equal. Never 0."""


@dataclass(frozen=True)
class Pair:
    """Two rungs that the same designs were measured on, as text."""

    low: str
    high: str
    designs: int
    spearman: str
    near_count: int
    near_spearman: str
    error: str
    low_seconds: str
    high_seconds: str
    is_weak: bool
    """Whether the cheaper rung is not said to rank designs like the dearer one."""


@dataclass(frozen=True)
class AuditFacts:
    """What the audit of the rungs says, the comparisons with the top rung first in words."""

    ladder: str
    """The rungs that were climbed, in order."""
    sentences: tuple[str, ...]
    pairs: tuple[Pair, ...]
    promotion: str
    """How the share of designs that climb went; empty where nothing is known of it."""
    rule: str
    """When more designs climb, and why none did where too few were compared."""
    has_undefined: bool


def facts(given: Tables) -> AuditFacts:
    """One sentence for each rung below the top, and for the top against what is dearer; one row a pair of rungs."""
    rows = list(given.audit.iter_rows(named=True))
    top = given.rungs[-1] if given.rungs else ""
    below = [row for row in rows if row["low_rung"] != top]
    said = [_one(row, rows) or _sentence(row, row["high_rung"]) for row in below if row["high_rung"] == top or not top]
    beyond = [_sentence(row, f"{row['high_rung']} simulation") for row in rows if row["low_rung"] == top]
    pairs = tuple(_pair(row) for row in rows)
    is_compared = not rows or any(row["designs_count"] for row in rows)
    return AuditFacts(
        ladder=" → ".join(given.rungs or dict.fromkeys(name for pair in pairs for name in (pair.low, pair.high))),
        sentences=(*(said or (_without(given),)), *beyond) if is_compared else (NOTHING,),
        pairs=pairs,
        promotion=_promotion(given, rows),
        rule=_rule(given, rows),
        has_undefined=any(UNDEFINED in (pair.spearman, pair.near_spearman) for pair in pairs),
    )


def _one(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """Where a rung and the next were one measurement, as of machines that compute exactly: that, and not that nothing
    is known. No design stands on both by two measurements, and a third rung agrees with both by the same numbers."""
    low, high = row["low_rung"], row["high_rung"]
    if row["designs_count"]:
        return ""
    seen = {(other["low_rung"], other["high_rung"]): other for other in rows}
    for third in (name for name, other in seen if other == low):
        numbers = [[seen.get((third, rung), {}).get(name) for name in NUMBERS] for rung in (low, high)]
        if numbers[0][0] and numbers[0] == numbers[1]:
            return f"The {low} and {high} rungs were one measurement of these designs: there is nothing to compare."
    return ""


NUMBERS = ("designs_count", "spearman", "near_front_spearman", "mean_abs_error")


def _without(given: Tables) -> str:
    rungs = given.rungs
    if rungs == ("closed_form",):
        return "Every design was costed in closed form; nothing was measured."
    if len(rungs) == 1:
        return f"Every design was measured on one rung ({rungs[0]}): there is no other to compare it with."
    if rungs:
        return f"The search climbed {' → '.join(rungs)}, but no comparison of its rungs is stored."
    return "No comparison of rungs is stored."


def _sentence(row: Mapping[str, Any], high: str) -> str:
    low, high = row["low_rung"], high if " " in high else f"{high} one"
    rho, count, what = row["near_front_spearman"], row["near_front_count"], "near-front designs"
    if rho is None:
        rho, count, what = row["spearman"], row["designs_count"], "designs"
    if rho is None:
        measured = f"on {_designs(row['designs_count'])} measured on both, no rank correlation is defined"
        return f"Whether the {low} rung ranks designs like the {high} cannot be told: {measured}."
    verb = "ranks" if rho >= ROUGHLY else "does not rank"
    unsure = "; too few to be sure" if (count or 0) < FEW else ""
    like = "like" if rho >= AGREEMENT or rho < ROUGHLY else "only roughly like"
    return f"The {low} rung {verb} {what} {like} the {high} (Spearman {_rho(rho)} on {_designs(count)}{unsure})."


def _designs(count: int | None) -> str:
    return f"{count or 0:,} design{'' if count == 1 else 's'}"


def _rho(value: float | None) -> str:
    return UNDEFINED if value is None else f"{value:.2f}".replace("-", "−")


def _pair(row: Mapping[str, Any]) -> Pair:
    known = [rho for rho in (row["near_front_spearman"], row["spearman"]) if rho is not None]
    error = row["mean_abs_error"]
    return Pair(
        low=row["low_rung"],
        high=row["high_rung"],
        designs=row["designs_count"] or 0,
        spearman=_rho(row["spearman"]),
        near_count=row["near_front_count"] or 0,
        near_spearman=_rho(row["near_front_spearman"]),
        error="–" if error is None else f"{100 * error:.1f}",
        low_seconds=_seconds(row["low_seconds"]),
        high_seconds=_seconds(row["high_seconds"]),
        is_weak=bool(known) and known[0] < AGREEMENT,
    )


def _seconds(value: float | None) -> str:
    return "–" if value is None else theme.prefixed(value, "s")


def _promotion(given: Tables, rows: list[dict[str, Any]]) -> str:
    """How the share that climbs from each rung went; one that is the same everywhere is said once."""
    start = (given.spec.get("budget") or {}).get("promote")
    ends = {row["low_rung"]: row["promote_fraction"] for row in rows if row["promote_fraction"] is not None}
    if len(set(ends.values())) == 1:
        return f"Promotion {_moved(start, next(iter(ends.values())))}."
    said = (f"from {low} it {_moved(start, value)}" for low, value in ends.items())
    return f"Promotion: {'; '.join(said)}." if ends else ""


def _rule(given: Tables, rows: Sequence[Mapping[str, Any]]) -> str:
    """The search's own rule: it widens a rung's share once it has compared as many designs as it audits."""
    asked = (given.spec.get("budget") or {}).get("audit")
    rule = f"More designs climb while a rung and the top one correlate below {AGREEMENT:g} near the front"
    if asked is None:
        return f"{rule}."
    needed, top = min(asked, RECENT), given.rungs[-1] if given.rungs else ""
    most = max((row["designs_count"] or 0 for row in rows if row["high_rung"] == top), default=0)
    if not asked:
        return "The question audits no design, so that the share never moves."
    few = f"; here {most:,} {'was' if most == 1 else 'were'}, so the share could not move" if most < needed else ""
    return f"{rule}, once {_designs(needed)} {'was' if needed == 1 else 'were'} measured on both{few}."


def _moved(start: float | None, end: float) -> str:
    share = f"{100 * end:.0f}{theme.SPACE}% of a batch"
    if start is None:
        return f"ended at {share}"
    if abs(end - start) < 0.005:
        return f"stayed at {share}"
    return f"{'widened' if end > start else 'narrowed'} from {100 * start:.0f}{theme.SPACE}% to {share}"
