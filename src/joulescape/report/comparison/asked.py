"""Whether two studies may be compared at all, and what their questions do not have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from joulescape.errors import ResultsError
from joulescape.report import theme
from joulescape.report.inputs import Tables

LISTS = (("networks", "networks"), ("back_ends", "back ends"), ("phases", "phases"))
GROUNDS = (
    ("boundary", "boundary", "energies are of different wholes"),
    ("batch", "batch", "latencies and energies are of different batches"),
    ("node", "node", "one study's CMOS parts are scaled"),
    ("scaling_rule", "scaling rule", "nodes are scaled by different rules"),
    ("corner", "corner", "constants are taken at different ends"),
    ("lifecycle", "life", "lifecycle energies are of different lives"),
)
"""Keys of a question that decide what a number means, what each is called, and what follows where they differ."""


def refuse(before: Tables, after: Tables) -> None:
    """Raise ResultsError where the studies answer questions of another task, or are judged on other metrics."""
    tasks = [given.spec.get("task") for given in (before, after)]
    if None not in tasks and tasks[0] != tasks[1]:
        raise ResultsError(
            f"{before.name} is about the task {tasks[0]}, {after.name} about {tasks[1]}: "
            "accuracies of two tasks stand on no common axis; two studies are compared on one task"
        )
    old, new = (dict(given.axes.items()) for given in (before, after))
    if old != new:
        raise ResultsError(
            f"{before.name} is judged on {', '.join(old.values())}, {after.name} on {', '.join(new.values())}: "
            "two studies are compared on one set of metrics"
        )


def warning(before: Tables, after: Tables) -> str:
    """What fronts of different questions must not be taken for; empty where both ask of the same."""
    if not before.spec or not after.spec:
        return ""
    listed = list(_lists(before.spec, after.spec))
    said = [f"The two questions are not the same: {'; '.join(listed)}."] if listed else []
    for key, name, meaning in GROUNDS:
        old, new = (_plain(given.spec.get(key)) for given in (before, after))
        if old != new:
            said.append(f"Another {name} ({old} before, {new} after): {meaning}.")
    return " ".join(said)


def _lists(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for key, what in LISTS:
        old, new = (set(spec.get(key) or ()) for spec in (before, after))
        only = [f"{name} only before" for name in sorted(old - new)]
        only += [f"{name} only after" for name in sorted(new - old)]
        if only:
            yield f"other {what} ({', '.join(only)})"


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        numbers = (theme.plain_number(one) if isinstance(one, float) else str(one) for one in value.values())
        return ", ".join(numbers)
    return "–" if value is None else str(value)
