"""What moved between two studies: the answer, each back end's best, the fronts, and designs that both tried."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from joulescape.front import hypervolume, is_comparable, objective_matrix, reference_point
from joulescape.report import theme
from joulescape.report.comparison.answers import (
    Count,
    Extreme,
    Pick,
    changed,
    choice_sentence,
    counts,
    extremes,
    pick_of,
    pick_words,
)
from joulescape.report.comparison.asked import refuse, warning
from joulescape.report.comparison.causes import Change, Moved, causes_in_words, changes, moved_energy
from joulescape.report.comparison.matching import SAME, Design, matched
from joulescape.report.decide import Limits, decide, default_limit
from joulescape.report.designs import design_columns
from joulescape.report.inputs import Tables, family_rank
from joulescape.report.sections.finding import CHOSEN
from joulescape.report.soundness import answer_words

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

    @property
    def change(self) -> str:
        """The factor in words."""
        return changed(self.before, self.after, "inference_energy_pj")


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

    studies: tuple[str, str]
    names: tuple[str, str]
    """The same, told apart where both are runs of one question."""
    sentence: str
    limit: float | None
    answers: tuple[str, str]
    picks: tuple[Pick | None, Pick | None]
    choice: str
    """Whether the recommended design is another one."""
    extremes: tuple[Extreme, ...]
    counts: tuple[Count, ...]
    best: tuple[Best, ...]
    fronts: Fronts
    common: int
    """Designs of one id in both."""
    alike: int
    """Further designs of the same network, back end and parameters, whose ids differ."""
    moved: tuple[Design, ...]
    """Designs in both whose metrics differ, largest change first, `NAMED` of them."""
    moved_count: int
    only: tuple[int, int]
    warning: str
    """What the two questions do not have in common, and values of valid designs that are no numbers; may be empty."""
    changes: tuple[Change, ...]
    causes: str
    """What of question, constants, networks, code, packages and computer differs, in one sentence."""
    energy: tuple[Moved, ...]


def compare(before: Tables, after: Tables) -> Comparison:
    """Compare two studies. Raises ResultsError where they are of another task, or judged on other metrics."""
    refuse(before, after)
    limit = _common_limit(before, after)
    best, metrics = _best(before, after, limit), dict(after.axes.items())
    designs = matched(before, after, list(metrics.values()))
    moved = sorted((d for d in designs if d.size > SAME), key=lambda design: (-design.size, design.design_id))
    common = sum(design.by == "id" for design in designs)
    same = common - sum(design.by == "id" for design in moved)
    ids = [set(given.valid["design_id"].to_list()) for given in (before, after)]
    picks, found = (pick_of(before), pick_of(after)), changes(before, after)
    return Comparison(
        studies=(before.name, after.name),
        names=_names(before, after),
        sentence=_sentence(best, limit, common, same),
        limit=limit,
        answers=(pick_words(before, picks[0]), pick_words(after, picks[1])),
        picks=picks,
        choice=choice_sentence(*picks, metrics),
        extremes=extremes(before, after),
        counts=counts(before, after),
        best=best,
        fronts=_fronts(before, after),
        common=common,
        alike=len(designs) - common,
        moved=tuple(moved[:NAMED]),
        moved_count=len(moved),
        only=(len(ids[0] - ids[1]), len(ids[1] - ids[0])),
        warning=" ".join(filter(None, (warning(before, after), *map(_unsound, (before, after))))),
        changes=found,
        causes=causes_in_words(before, after, found),
        energy=moved_energy(before, after),
    )


def _unsound(given: Tables) -> str:
    said = answer_words(given.unsound_valid)
    return said and f"{given.name}: {said}"


def _names(before: Tables, after: Tables) -> tuple[str, str]:
    """Folders are told apart by their names; two runs of one question by their order."""
    if before.name == after.name:
        return f"{before.name}, before", f"{after.name}, after"
    return before.name, after.name


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


def _sentence(best: tuple[Best, ...], limit: float | None, common: int, unmoved: int) -> str:
    told = [row for row in best if row.factor is not None]
    level = "" if limit is None else f"{theme.show(limit, 'accuracy_fraction')} accuracy or more"
    at = level and f" at {level} (the lower of both pages' levels, {CHOSEN})"
    if not told:
        return "No back end has a known energy in both studies."
    most = max(told, key=lambda row: abs(math.log(row.factor or 1.0)))
    factor = most.factor or 1.0
    if max(factor, 1 / factor) < theme.TOLD_APART:
        kept = f"Least energies{at} stay within {100 * (theme.TOLD_APART - 1):.0f}{theme.SPACE}% of what they were"
    else:
        kept = f"Least energy{at} moved most for {most.back_end}: {theme.factor_text(factor)}"
    same = f"{unmoved:,} of {common:,} common designs are unchanged" if common else "no design is in both"
    return f"{kept}; {same}."
