"""The finding in one sentence: which back end needs the least, by how much, and whether that is sure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from joulescape.report import certainty, theme
from joulescape.report.decide import COSTS, TOLERANCE_FRACTION, Columns, Cost, Limits, decide, default_limit
from joulescape.report.inputs import Tables
from joulescape.report.sections import alone

CHOSEN = f"the best minus {100 * TOLERANCE_FRACTION:.0f} points"
"""How the page sets the level that its finding holds at; the question's own limits are met by every valid design."""


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
    chosen: str = ""
    """In brackets: who set the level."""


@dataclass(frozen=True)
class Finding:
    """The finding as one whole sentence, and the same to be read at a glance: what is found, then its numbers."""

    sentence: str
    short: str
    numbers: str = ""
    """With the range of each over the corners of its constants; empty where there is nothing to say."""


def finding(given: Tables, columns: Columns) -> Finding:
    """Compares the least cost of each back end among designs within the default limit; needs a valid design."""
    cost, limit = lead(given), default_limit(columns)
    metric = dict(given.axes.items())[cost]
    level = "" if limit is None else f"{theme.show(limit, 'accuracy_fraction')} accuracy"
    terms = Terms(cost, metric, lower(given.labels[metric]), level, f" ({CHOSEN})" if level else "")
    best = decide(columns, Limits(accuracy=limit, prefer=cost)).best
    known = [(columns[cost][row], name, row) for name, row in best.items() if columns[cost][row]]
    ordered = [Best(*entry) for entry in sorted(known)]
    if not ordered:
        said = f"Designs reach {level}, but none states its {terms.what}." if level else _none(terms)
        return Finding(said, said)
    first = ordered[0]
    others = [other for other in ordered[1:] if columns["family"][other.row] != columns["family"][first.row]]
    rivals = others or ordered[1:]  # within one family its back ends are what is compared
    if rivals:
        return _compared(given, columns, terms, first, rivals)
    return _alone(given, columns, terms, first, best)


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


def _alone(given: Tables, columns: Columns, terms: Terms, first: Best, within: Mapping[str, int]) -> Finding:
    shown = theme.show(first.least, terms.metric)
    numbers = _explained(f"{_ranged(given, columns, terms, first)} {terms.what}")
    only = alone.who(given, columns, first.back_end, terms.level, terms.what, within)
    if not terms.level:
        who, why = f"{first.back_end} needs the least {terms.what}", "no other back end states it"
        if _is_sole(given):
            who, why = f"{first.back_end} needs this {terms.what}", "it is the only machine of this question"
        elif only:
            who, why = only, f"it needs {shown}"
        short, said = f"{who}; {why}.", f"Cost only: {who}, {shown}; {why}."
        if who == only:
            said = f"Cost only: {who[:1].lower()}{who[1:]}; {why}."
        return Finding(said, short, numbers)
    reached = theme.show(columns["accuracy"][first.row], "accuracy_fraction")
    if _is_sole(given):  # it is ahead of nobody
        only = f"{first.back_end}, the only machine of this question, reaches {terms.level}"
    if ":" in only:  # what sets it apart is not the level, which is then said beside the numbers
        numbers = f"At {terms.level} or more{terms.chosen}: {reached} at {numbers}"
        return Finding(
            f"{only}. At {terms.level} or more{terms.chosen}: {reached} at {shown} ({terms.what}).", f"{only}.", numbers
        )
    numbers = f"{reached} at {numbers} {terms.level}: {CHOSEN}."
    return Finding(f"{only}{terms.chosen}: {reached} at {shown} ({terms.what}).", f"{only}.", numbers)


def _is_sole(given: Tables) -> bool:
    return len(given.spec.get("back_ends") or ()) == 1


def _compared(given: Tables, columns: Columns, terms: Terms, first: Best, rivals: list[Best]) -> Finding:
    """No claim below TOLD_APART, nor where ranges over the corners overlap."""
    what, rival = f"No clear winner in {terms.what}", rivals[0]
    none = (
        f"{what} at {terms.level} or more{terms.chosen}" if terms.level else f"Cost only, no{what.removeprefix('No')}"
    )
    numbers = _numbers(given, columns, terms, first, rival)
    if rival.least / first.least < theme.TOLD_APART:
        alike = f"{first.back_end} and {rival.back_end} need about the same {terms.what}."
        return Finding(f"{none}: {alike}", f"No clear winner: {alike}", numbers)
    factor = theme.significant(rival.least / first.least, 2)
    least = " against ".join(theme.show(value, terms.metric) for value in (first.least, rival.least))
    bare = f"{first.back_end} needs {factor}× less {terms.what} than {rival.back_end}"
    needs = f"{bare} ({least}, the least of each)"
    bands = certainty.bands(given)
    close = [other for other in rivals if certainty.overlap(columns, bands, terms.cost, first.row, other.row)]
    if not close:
        said = f"At {terms.level} or more{terms.chosen}, {needs}." if terms.level else f"Cost only: {needs}."
        return Finding(said, f"{bare}.", numbers)
    doubt = _doubt(rival, close)
    return Finding(f"{none}: {needs}, but {doubt}.", f"No clear winner: {bare}, but {doubt}.", numbers)


def _explained(numbers: str) -> str:
    """Says what the brackets are, where there are any."""
    ranges = "; in brackets: all constants optimistic to all pessimistic" if "(" in numbers else ""
    return f"{numbers}{ranges}."


def _numbers(given: Tables, columns: Columns, terms: Terms, first: Best, rival: Best) -> str:
    """`At 94.4 % accuracy or more: 10.2 nJ (5.81 nJ to 17.7 nJ) against 19.6 nJ (...), the least of each; ...`"""
    least = " against ".join(_ranged(given, columns, terms, one) for one in (first, rival))
    bare = any(_band(given, columns, terms, one) is None for one in (first, rival))
    unsure = "; how far their constants reach is not known: not confirmed" if bare else ""
    said = _explained(f"{least}, the least of each{unsure}")
    return f"At {terms.level} or more{terms.chosen}: {said}" if terms.level else said


def _ranged(given: Tables, columns: Columns, terms: Terms, one: Best) -> str:
    """A least cost with its range over the corners, where any is known."""
    shown, found = theme.show(one.least, terms.metric), _band(given, columns, terms, one)
    if found is None:
        return shown
    ends = (
        "not valid" if end is None else theme.show(one.least * end, terms.metric) for end in (found.low, found.high)
    )
    return f"{shown} ({' to '.join(ends)})"


def _band(given: Tables, columns: Columns, terms: Terms, one: Best) -> certainty.Band | None:
    return certainty.band_of(columns, certainty.bands(given)[terms.cost], one.row)


def _doubt(rival: Best, close: list[Best]) -> str:
    """Whose uncertainty reaches the finding's own, in few words: the rival that was just named, or those who do."""
    others = [other.back_end for other in close if other.back_end != rival.back_end]
    if len(others) == len(close):
        return f"its uncertainty overlaps that of {' and '.join(others)}"
    return "their uncertainties overlap"
