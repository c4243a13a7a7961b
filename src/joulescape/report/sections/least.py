"""How do the machines compare: the least of each cost that each back end reaches within the accuracy limit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from joulescape.report import theme
from joulescape.report.decide import COSTS, Columns, Cost, Limits, decide, default_limit
from joulescape.report.designs import design_columns
from joulescape.report.inputs import Tables


@dataclass(frozen=True)
class Least:
    """A least cost as text, and how many times the least of all back ends it is; empty for that one itself."""

    value: str
    times: str


@dataclass(frozen=True)
class Machine:
    """What one back end reaches; each cost may be that of another design."""

    back_end: str
    family: str
    designs: int
    within: int
    """Designs within the limit of accuracy."""
    accuracy: str
    """Best accuracy on validation, within the limit or not; a dash where none was measured."""
    costs: Mapping[Cost, Least]


@dataclass(frozen=True)
class LeastFacts:
    """One row a back end with a valid design, in the order of families."""

    rows: tuple[Machine, ...]
    limit: str
    sentence: str


def facts(given: Tables) -> LeastFacts:
    """Each cost by itself, among the designs within the panel's opening limit."""
    columns = design_columns(given)
    limit = default_limit(columns)
    found = {cost: decide(columns, Limits(accuracy=limit, prefer=cost)) for cost in COSTS}
    costs = {cost: _costs(columns, cost, decision.best) for cost, decision in found.items()}
    texts = {cost: _texts(known, dict(given.axes.items())[cost]) for cost, known in costs.items()}
    mine = {name: _places(columns, name) for name, _ in given.back_ends}
    rows = tuple(
        Machine(
            back_end=name,
            family=family,
            designs=len(mine[name]),
            within=found["energy"].counts.get(name, 0),
            accuracy=_best(columns, mine[name]),
            costs={cost: texts[cost].get(name, Least("–", "")) for cost in COSTS},
        )
        for name, family in given.back_ends
        if mine[name]
    )
    shown = theme.show(limit, "accuracy_fraction")
    of = "" if limit is None else f" among its designs of at least {shown} accuracy"
    said = f"The least of each cost that a back end reaches{of}; each column by itself, often by other designs."
    return LeastFacts(rows, shown, said)


def _places(columns: Columns, name: str) -> list[int]:
    return [row for row, found in enumerate(columns["back_end"]) if found == name]


def _best(columns: Columns, rows: list[int]) -> str:
    known = [columns["accuracy"][row] for row in rows] if "accuracy" in columns else []
    return theme.show(max(known, default=None), "accuracy_fraction")


def _costs(columns: Columns, cost: Cost, best: Mapping[str, int]) -> dict[str, float]:
    return {name: columns[cost][row] for name, row in best.items() if columns[cost][row]}


def _texts(known: Mapping[str, float], metric: str) -> dict[str, Least]:
    least = min(known.values(), default=None)
    return {name: Least(theme.show(value, metric), _times(value, least or value)) for name, value in known.items()}


def _times(value: float, least: float) -> str:
    """`3.2×`; nothing for the least itself, nor where the two would read alike."""
    ratio = value / least
    return "" if ratio < theme.TOLD_APART else f"{theme.times(ratio)}×"
