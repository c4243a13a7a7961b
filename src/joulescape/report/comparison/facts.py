"""What moved between two studies: the answer, each back end's best, the fronts, and designs that both tried."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from joulescape.errors import ResultsError
from joulescape.front import hypervolume, is_comparable, objective_matrix, reference_point
from joulescape.report import theme
from joulescape.report.comparison.causes import Change, Moved, changes, moved_energy
from joulescape.report.decide import COSTS, Limits, decide, default_limit
from joulescape.report.designs import design_columns
from joulescape.report.inputs import Tables, family_rank

SAME = 1e-6
"""Relative: two costs nearer than this are one."""
NAMED = 20
"""At most so many moved designs are listed."""


@dataclass(frozen=True)
class Best:
    """Least energy of one back end at the common accuracy limit, in each study; None where none reaches it."""

    back_end: str
    family: str
    before: float | None
    after: float | None

    @property
    def factor(self) -> float | None:
        """After over before."""
        return self.after / self.before if self.before and self.after else None


@dataclass(frozen=True)
class Design:
    """One design that both studies hold, with what changed between them."""

    design_id: str
    back_end: str
    family: str
    network: str
    values: dict[str, tuple[float | None, float | None]]
    """Metric -> before, after."""

    @property
    def size(self) -> float:
        """Largest relative change of any metric."""
        return max((_relative(*pair) for pair in self.values.values()), default=0.0)


@dataclass(frozen=True)
class Fronts:
    """How much of each front the other reaches."""

    before: int
    after: int
    shared: int
    covered_before: float | None
    """Share of the old front that the new one dominates or holds."""
    covered_after: float | None
    volume_before: float | None
    volume_after: float | None
    """Share of what both fronts together dominate that each dominates, against one reference point."""


@dataclass(frozen=True)
class Comparison:
    """Everything that the page and the command say."""

    names: tuple[str, str]
    sentence: str
    limit: float | None
    answers: tuple[str, str]
    best: tuple[Best, ...]
    fronts: Fronts
    common: int
    moved: tuple[Design, ...]
    """Designs in both whose metrics differ, largest change first, `NAMED` of them."""
    moved_count: int
    only: tuple[int, int]
    warning: str
    """What the two questions do not have in common, in words; empty where they ask of the same."""
    changes: tuple[Change, ...]
    energy: tuple[Moved, ...]


def compare(before: Tables, after: Tables) -> Comparison:
    """Compare two studies. Raises ResultsError where they are judged on different metrics."""
    _same_question(before, after)
    limit = _common_limit(before, after)
    best = _best(before, after, limit)
    both, moved = _moved(before, after)
    ids = [set(given.valid["design_id"].to_list()) for given in (before, after)]
    return Comparison(
        names=(before.name, after.name),
        sentence=_sentence(best, limit, both, len(moved)),
        limit=limit,
        answers=(_answer(before), _answer(after)),
        best=best,
        fronts=_fronts(before, after),
        common=both,
        moved=tuple(moved[:NAMED]),
        moved_count=len(moved),
        only=(len(ids[0] - ids[1]), len(ids[1] - ids[0])),
        warning=_warning(before, after),
        changes=changes(before, after),
        energy=moved_energy(before, after),
    )


def _same_question(before: Tables, after: Tables) -> None:
    old, new = (dict(given.axes.items()) for given in (before, after))
    if old != new:
        raise ResultsError(
            f"{before.name} is judged on {', '.join(old.values())}, {after.name} on {', '.join(new.values())}: "
            "two studies are compared on one set of metrics"
        )


def _warning(before: Tables, after: Tables) -> str:
    """Networks and back ends that only one study asked of: fronts of different questions are not a progress."""
    said = []
    for key, what in (("networks", "networks"), ("back_ends", "back ends")):
        old, new = (set(given.spec.get(key) or ()) for given in (before, after))
        only = [f"{name} only before" for name in sorted(old - new)] + [
            f"{name} only after" for name in sorted(new - old)
        ]
        if only:
            said.append(f"other {what} ({', '.join(only)})")
    return f"The two questions are not the same: {'; '.join(said)}." if said else ""


def _common_limit(before: Tables, after: Tables) -> float | None:
    """The lower of the two panels' opening limits: both studies should have designs that reach it."""
    limits = [default_limit(design_columns(given)) for given in (before, after)]
    known = [limit for limit in limits if limit is not None]
    return min(known) if known else None


def _best(before: Tables, after: Tables, limit: float | None) -> tuple[Best, ...]:
    old, new = (_least(given, limit) for given in (before, after))
    families = dict((*before.back_ends, *after.back_ends))
    names = sorted(families, key=lambda name: (family_rank(families[name]), name))
    return tuple(Best(name, families[name], old.get(name), new.get(name)) for name in names)


def _least(given: Tables, limit: float | None) -> dict[str, float]:
    """Least energy of each back end within the limit."""
    columns = design_columns(given)
    found = decide(columns, Limits(accuracy=limit, prefer="energy")).best
    return {name: columns["energy"][row] for name, row in found.items() if columns["energy"][row] is not None}


def _answer(given: Tables) -> str:
    """What the study's own page recommends."""
    columns = design_columns(given)
    row = decide(columns, Limits(accuracy=default_limit(columns))).index
    if row is None:
        return "no design"
    costs = ", ".join(theme.show(columns[cost][row], dict(given.axes.items())[cost]) for cost in COSTS)
    return f"{columns['network'][row]} on {columns['back_end'][row]}: {costs}"


def _moved(before: Tables, after: Tables) -> tuple[int, list[Design]]:
    """How many designs both hold, and those whose metrics differ."""
    metrics = [metric for _, metric in before.axes.items()]
    kept = ["design_id", "back_end", "family", "network", *metrics]
    joined = before.valid.select(kept).join(after.valid.select("design_id", *metrics), on="design_id", suffix="_after")
    designs = [_design(row, metrics) for row in joined.iter_rows(named=True)]
    moved = [design for design in designs if design.size > SAME]
    return len(designs), sorted(moved, key=lambda design: (-design.size, design.design_id))


def _design(row: dict[str, Any], metrics: Sequence[str]) -> Design:
    values = {metric: (row[metric], row[f"{metric}_after"]) for metric in metrics}
    return Design(row["design_id"], row["back_end"], row["family"], row["network"], values)


def _relative(before: float | None, after: float | None) -> float:
    if before is None or after is None:
        return 0.0 if before is after else math.inf
    return abs(after - before) / max(abs(before), abs(after), 1e-300)


def _fronts(before: Tables, after: Tables) -> Fronts:
    """Coverage and volume on the metrics of both pages, against one reference point."""
    ways = {metric: "maximize" if role == "accuracy" else "minimize" for role, metric in before.axes.items()}
    old, new = (_points(given, ways) for given in (before, after))
    ids = [set(given.front["design_id"].to_list()) for given in (before, after)]
    shares: tuple[float | None, float | None] = (None, None)
    if len(old) and len(new):
        both = np.vstack((old, new))
        reference = reference_point(both)
        whole = hypervolume(both, reference)
        shares = hypervolume(old, reference) / whole, hypervolume(new, reference) / whole
    return Fronts(len(old), len(new), len(ids[0] & ids[1]), _covered(old, new), _covered(new, old), *shares)


def _points(given: Tables, ways: dict[str, str]) -> Any:
    rows = [row for row in given.front.select(list(ways)).iter_rows(named=True) if is_comparable(row, ways)]
    return objective_matrix(rows, ways)


def _covered(points: Any, by: Any) -> float | None:
    """Share of `points` that some point of `by` equals or beats in everything."""
    if not len(points):
        return None
    if not len(by):
        return 0.0
    return float(np.mean([bool((by <= point + 1e-9).all(axis=1).any()) for point in points]))


def _sentence(best: tuple[Best, ...], limit: float | None, common: int, moved: int) -> str:
    told = [row for row in best if row.factor is not None]
    at = "" if limit is None else f" at {theme.show(limit, 'accuracy_fraction')}"
    if not told:
        return "No back end has a known energy in both studies."
    most = max(told, key=lambda row: abs(math.log(row.factor or 1.0)))
    factor = most.factor or 1.0
    if max(factor, 1 / factor) < theme.TOLD_APART:
        kept = f"Least energies{at} stay within {100 * (theme.TOLD_APART - 1):.0f}{theme.SPACE}% of what they were"
    else:
        kept = f"Least energy{at} moved most for {most.back_end}: {theme.factor_text(factor)}"
    same = f"{common - moved:,} of {common:,} common designs are unchanged" if common else "no design is in both"
    return f"{kept}; {same}."
