"""Why two studies differ: what was asked, what code and packages answered, and where the energy moved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from joulescape.report import theme
from joulescape.report.inputs import Tables
from joulescape.report.sections.breakdown import shown_designs

ABSENT = "–"
GROUPS = (("spec", "question"), ("digests", "contents"), ("versions", "packages"), ("machine", "computer"))
"""Keys of resolved.json whose differences are named, and what each group is called."""


@dataclass(frozen=True)
class Change:
    """One thing that is not the same in both studies."""

    group: str
    path: str
    before: str
    after: str


@dataclass(frozen=True)
class Moved:
    """Energy of one component class in one back end's shown design, before and after."""

    back_end: str
    family: str
    component: str
    before: float
    after: float

    @property
    def change(self) -> float:
        """After less before, pJ per inference."""
        return self.after - self.before


def changes(before: Tables, after: Tables) -> tuple[Change, ...]:
    """Differences of question, contents, packages and computer, in that order, by path."""
    found = []
    for key, group in GROUPS:
        old, new = (dict(_flat(given.resolved.get(key) or {})) for given in (before, after))
        paths = [path for path in sorted({*old, *new}) if old.get(path, ABSENT) != new.get(path, ABSENT)]
        found += [Change(group, path, old.get(path, ABSENT), new.get(path, ABSENT)) for path in paths]
    old_commit, new_commit = (str(given.resolved.get("git_commit") or ABSENT) for given in (before, after))
    if old_commit != new_commit:
        found.append(Change("contents", "git_commit", old_commit, new_commit))
    return tuple(found)


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, text) of every leaf: `budget.trials`, `back_ends[0].name`."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value):
            yield from _flat(inner, f"{path}[{place}]")
    else:
        yield path, str(value)


def moved_energy(before: Tables, after: Tables) -> tuple[Moved, ...]:
    """Inference energy by component class of the design that each study shows for a back end; largest change first."""
    old, new = _by_class(before), _by_class(after)
    families = dict((*before.back_ends, *after.back_ends))
    both = {name for name, _ in old} & {name for name, _ in new}
    rows = [
        Moved(name, families[name], component, old.get((name, component), 0.0), new.get((name, component), 0.0))
        for name, component in sorted({*old, *new})
        if name in both
    ]
    return tuple(sorted(rows, key=lambda row: (row.back_end, -abs(row.change), row.component)))


def _by_class(given: Tables) -> dict[tuple[str, str], float]:
    """Energy per inference by (back end, component class), as published, in pJ."""
    names = {design: name for name, design in shown_designs(given).items()}
    parts = given.parts.filter(
        pl.col("design_id").is_in(sorted(names)) & (pl.col("quantity") == "energy")
        & (pl.col("phase") == "inference") & (pl.col("node") == "as_published")
    )  # fmt: skip
    found: dict[tuple[str, str], float] = {}
    for row in parts.iter_rows(named=True):
        key = (names[row["design_id"]], theme.component_class(row["component"]))
        found[key] = found.get(key, 0.0) + row["energy_pj"]
    return found
