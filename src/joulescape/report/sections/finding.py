"""The finding in one sentence: which back end needs the least, by how much, and whether that is sure."""

from __future__ import annotations

from dataclasses import dataclass

from joulescape.report import certainty, theme
from joulescape.report.decide import COSTS, Columns, Cost, Limits, decide, default_limit
from joulescape.report.inputs import Tables


@dataclass(frozen=True)
class Best:
    """The least cost of one back end within the limit."""

    least: float
    back_end: str
    row: int


@dataclass(frozen=True)
class Terms:
    """What is compared and for whom it holds, in words; `level` is empty where no accuracy was measured."""

    cost: Cost
    metric: str
    what: str
    level: str


def sentence(given: Tables, columns: Columns) -> str:
    """Compares the least cost of each back end among designs within the default limit; needs a valid design."""
    cost, limit = lead(given), default_limit(columns)
    metric = dict(given.axes.items())[cost]
    level = "" if limit is None else f"{theme.show(limit, 'accuracy_fraction')} accuracy"
    terms = Terms(cost, metric, lower(given.labels[metric]), level)
    best = decide(columns, Limits(accuracy=limit, prefer=cost)).best
    known = [(columns[cost][row], name, row) for name, row in best.items() if columns[cost][row]]
    ordered = [Best(*entry) for entry in sorted(known)]
    if not ordered:
        return f"Designs reach {level}, but none states its {terms.what}." if level else _none(terms)
    first = ordered[0]
    others = [other for other in ordered[1:] if columns["family"][other.row] != columns["family"][first.row]]
    rivals = others or ordered[1:]  # within one family its back ends are what is compared
    return _compared(given, columns, terms, first, rivals) if rivals else _alone(columns, terms, first)


def lead(given: Tables) -> Cost:
    """The cost of the finding: energy; where the question is of costs alone, the first that it asks for, in this
    order: energy, latency, area."""
    if not given.is_cost_only:
        return "energy"
    asked, metrics = given.spec.get("objectives") or {}, dict(given.axes.items())
    return next((cost for cost in COSTS if metrics[cost] in asked), "energy")


def lower(label: str) -> str:
    """A label inside a sentence."""
    return label[0].lower() + label[1:]


def _none(terms: Terms) -> str:
    return f"Cost only: no design states its {terms.what}."


def _alone(columns: Columns, terms: Terms, first: Best) -> str:
    shown = theme.show(first.least, terms.metric)
    if not terms.level:
        return f"Cost only: {first.back_end} needs the least {terms.what}, {shown}; no other back end states it."
    reached = theme.show(columns["accuracy"][first.row], "accuracy_fraction")
    return f"Only {first.back_end} designs reach {terms.level}: {reached} at {shown} ({terms.what})."


def _compared(given: Tables, columns: Columns, terms: Terms, first: Best, rivals: list[Best]) -> str:
    """No claim below TOLD_APART, nor where ranges over the corners overlap."""
    what = f"No clear winner in {terms.what}"
    none = f"{what} at {terms.level} or more" if terms.level else f"Cost only, no{what.removeprefix('No')}"
    if rivals[0].least / first.least < theme.TOLD_APART:
        return f"{none}: {first.back_end} and {rivals[0].back_end} need about the same {terms.what}."
    factor = theme.significant(rivals[0].least / first.least, 2)
    least = " against ".join(theme.show(value, terms.metric) for value in (first.least, rivals[0].least))
    needs = f"{first.back_end} needs {factor}× less {terms.what} than {rivals[0].back_end} ({least}, the least of each)"
    bands = certainty.bands(given)
    close = [other for other in rivals if certainty.overlap(columns, bands, terms.cost, first.row, other.row)]
    if not close:
        return f"At {terms.level} or more, {needs}." if terms.level else f"Cost only: {needs}."
    return f"{none}: {needs}, but {_doubt(rivals[0], close)}."


def _doubt(rival: Best, close: list[Best]) -> str:
    """Whose uncertainty reaches the finding's own, in few words: the rival that was just named, or those who do."""
    others = [other.back_end for other in close if other.back_end != rival.back_end]
    if len(others) == len(close):
        return f"its uncertainty overlaps that of {' and '.join(others)}"
    return "their uncertainties overlap"
