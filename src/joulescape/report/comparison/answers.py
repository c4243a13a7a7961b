"""What each study answers: its choice, the best of every metric, and how many designs came to what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from joulescape import tables
from joulescape.report import theme
from joulescape.report.comparison.matching import SAME
from joulescape.report.decide import COSTS, Limits, decide, default_limit
from joulescape.report.designs import design_columns
from joulescape.report.inputs import Tables, family_rank

STATES = ("valid", "infeasible", "failed", "screened")


@dataclass(frozen=True)
class Pick:
    """The design that a study's own page recommends."""

    design_id: str
    network: str
    back_end: str
    values: Mapping[str, float | None]
    """By role: accuracy, energy, latency, area."""
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Extreme:
    """The best of one metric in each study, and whose it is; None where no design states it."""

    metric: str
    before: float | None
    after: float | None
    before_by: str
    after_by: str

    @property
    def change(self) -> str:
        """`×0.5` of a cost, `+1.2 points` of an accuracy."""
        return changed(self.before, self.after, self.metric)


@dataclass(frozen=True)
class Count:
    """Candidates of one back end by state, and its designs on the front; each before and after."""

    back_end: str
    family: str
    states: Mapping[str, tuple[int, int]]
    front: tuple[int, int]


def changed(before: float | None, after: float | None, metric: str) -> str:
    """How a value moved: a factor of a cost, or its percentage where that is small; points of a fraction; a dash where
    one is not known."""
    if before is None or after is None:
        return "–"
    if abs(after - before) <= SAME * max(abs(before), abs(after)):
        return "unchanged"
    if metric.endswith("_fraction"):
        points = 100 * (after - before)
        return f"{points:+.1f}{theme.SPACE}points" if abs(points) >= 0.05 else f"{points:+.2g}{theme.SPACE}points"
    if before <= 0 or after <= 0:
        return "–"
    factor = after / before
    if max(factor, 1 / factor) < theme.TOLD_APART:  # ×1.0 would read as if nothing had moved
        return f"{100 * (factor - 1):+.2g}{theme.SPACE}%"
    return theme.factor_text(factor)


def pick_of(given: Tables) -> Pick | None:
    """None where the study has no valid design."""
    columns = design_columns(given)
    index = decide(columns, Limits(accuracy=default_limit(columns))).index
    if index is None:
        return None
    row = given.valid.row(index, named=True)
    drawn = {name: row[name] for name in tables.parameter_columns(given.trials) if row[name] is not None}
    values = {role: row[metric] for role, metric in given.axes.items()}
    return Pick(row["design_id"], row["network"], row["back_end"], values, drawn)


def pick_words(given: Tables, found: Pick | None) -> str:
    """`digits_lenet on memristive/isaac: 2.02 µJ, ...`"""
    if found is None:
        return "no design"
    metrics = dict(given.axes.items())
    roles = [role for role in ("accuracy", *COSTS) if role in metrics]
    values = ", ".join(theme.show(found.values[role], metrics[role]) for role in roles)
    return f"{found.network} on {found.back_end}: {values}"


def choice_sentence(before: Pick | None, after: Pick | None, metrics: Mapping[str, str]) -> str:
    """Whether the recommended design is another one, and what else it drew."""
    if before is None or after is None:
        gone = (
            "Neither study has"
            if before is after
            else "Only the later study has"
            if before is None
            else "Only the earlier study has"
        )
        return f"{gone} a valid design to recommend."
    moves = ", ".join(
        f"{role} {changed(before.values[role], after.values[role], metric)}" for role, metric in metrics.items()
    )
    old, new = (f"{one.network} on {one.back_end}" for one in (before, after))
    if before.design_id == after.design_id and moves.count("unchanged") == len(metrics):
        return f"The recommended design is the same, {new}, with the same numbers."
    if before.design_id == after.design_id:
        return f"The recommended design is the same, {new}: {moves}."
    if old != new:
        return f"The recommended design moved from {old} to {new}: {moves}."
    names = sorted({*before.parameters, *after.parameters})
    other = [name for name in names if before.parameters.get(name) != after.parameters.get(name)]
    said = ", ".join(f"{name} {_told(before, name)} → {_told(after, name)}" for name in other)
    return f"The recommended design is another one of {new}: {moves}" + (f"; {said}." if said else ".")


def _told(one: Pick, name: str) -> str:
    value = one.parameters.get(name)
    return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def extremes(before: Tables, after: Tables) -> tuple[Extreme, ...]:
    """Of every metric of the question, whatever the others cost."""
    found = []
    for role, metric in before.axes.items():
        (old, old_by), (new, new_by) = (_extreme(given, metric, role == "accuracy") for given in (before, after))
        found.append(Extreme(metric, old, new, old_by, new_by))
    return tuple(found)


def _extreme(given: Tables, metric: str, is_highest: bool) -> tuple[float | None, str]:
    known = given.valid.filter(pl.col(metric).is_finite() & ((pl.col(metric) > 0) | is_highest))
    if known.is_empty():
        return None, "–"
    best = known.sort(metric, descending=is_highest, maintain_order=True).row(0, named=True)
    return best[metric], best["back_end"]


def counts(before: Tables, after: Tables) -> tuple[Count, ...]:
    """Of every back end that was tried in either study."""
    families = dict((*before.back_ends, *after.back_ends))
    tried = [_states(given) for given in (before, after)]
    fronts = [dict(given.front.group_by("back_end").len().rows()) for given in (before, after)]
    return tuple(
        Count(
            name, families[name],
            {state: (tried[0].get((name, state), 0), tried[1].get((name, state), 0)) for state in STATES},
            (fronts[0].get(name, 0), fronts[1].get(name, 0)),
        )
        for name in sorted(families, key=lambda name: (family_rank(families[name]), name))
    )  # fmt: skip


def _states(given: Tables) -> dict[tuple[str, str], int]:
    grouped = given.trials.drop_nulls(["back_end", "state"]).group_by("back_end", "state").len()
    return {(name, state): count for name, state, count in grouped.rows()}


def families_on_front(found: Sequence[Count]) -> dict[str, tuple[int, int]]:
    """Designs on the front of each family, before and after."""
    summed: dict[str, tuple[int, int]] = {}
    for row in found:
        old, new = summed.get(row.family, (0, 0))
        summed[row.family] = (old + row.front[0], new + row.front[1])
    return summed
