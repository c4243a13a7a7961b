"""Why two studies differ: what was asked, what code and packages answered, and where the energy moved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from joulescape.report import theme
from joulescape.report.inputs import Tables
from joulescape.report.sections.breakdown import shown_designs
from joulescape.spec.domain import is_domain

ABSENT = "–"
GROUPS = (("spec", "question"), ("versions", "packages"), ("machine", "computer"))
"""Keys of resolved.json whose differences are named, and what each group is called."""
DIGESTS = {
    "space": ("files", "the question with its shelf and networks"),
    "code": ("code", "what judges a design"),
    "weights": ("networks", "the reference weights"),
}
"""Digests of resolved.json: which group a difference belongs to, and what the digest is of."""
KINDS = ("question", "constants", "networks", "code", "packages", "computer")


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
    """Differences of question, constants, networks, code, packages and computer, in that order, by path."""
    spec, packages, computer = (_of_group(before, after, key, group) for key, group in GROUPS)
    return (
        *spec, *_constants(before, after), *_networks(before, after), *_digests(before, after), *packages, *computer
    )  # fmt: skip


def causes_in_words(before: Tables, after: Tables, found: Sequence[Change]) -> str:
    """`What differs: 2 constants. What does not: question, networks, code, packages, computer.`"""
    counted = Counter(change.group for change in found)
    differ = [f"{name} ({counted[name]:,})" for name in dict.fromkeys((*KINDS, *counted)) if counted[name]]
    unsure = [given.name for given in (before, after) if given.constants.is_empty()]
    same = [name for name in KINDS if not counted[name] and not (name == "constants" and unsure)]
    said = [
        f"What differs: {', '.join(differ) or 'nothing'}.",
        f"What does not: {', '.join(same)}." if same else "",
    ]
    if unsure and (after.resolved or before.resolved):
        whose = " and of ".join(dict.fromkeys(unsure))
        said.append(f"Constants are not compared: an older version that kept none wrote the tables of {whose}.")
    is_shelf = any(change.path == f"fingerprint of {DIGESTS['space'][1]}" for change in found)
    if is_shelf and not any(counted[name] for name in ("question", "constants", "networks")) and not unsure:
        said.append("Something in the files of the networks or of the shelf changed that no table holds.")
    return " ".join(text for text in said if text)


def _of_group(before: Tables, after: Tables, key: str, group: str) -> list[Change]:
    old, new = (dict(_flat(given.resolved.get(key) or {})) for given in (before, after))
    return _differing(group, old, new)


def _differing(group: str, old: Mapping[str, str], new: Mapping[str, str]) -> list[Change]:
    paths = [path for path in sorted({*old, *new}) if old.get(path, ABSENT) != new.get(path, ABSENT)]
    return [Change(group, path, old.get(path, ABSENT), new.get(path, ABSENT)) for path in paths]


def _constants(before: Tables, after: Tables) -> list[Change]:
    """Numbers and settings of the machines that both studies have, where both kept them."""
    both = set(before.constants["back_end"]) & set(after.constants["back_end"])
    return _differing("constants", _told(before, both), _told(after, both))


def _told(given: Tables, names: set[str]) -> dict[str, str]:
    """`lpddr4: read_pj_per_bit` -> `8 (4 to 14, assumed, wu2019)`; a part that machines share is told once."""
    found = {}
    for row in given.constants.filter(pl.col("back_end").is_in(sorted(names))).iter_rows(named=True):
        span = "" if row["low"] is None or row["high"] is None else f"{row['low']:.4g} to {row['high']:.4g}"
        proof = ", ".join(text for text in (span, row["basis"], row["source"]) if text)
        value = row["text"] or ABSENT if row["value"] is None else f"{row['value']:.6g}"
        found[f"{row['station']}: {row['path']}"] = f"{value} ({proof})" if proof else value
    return found


def _networks(before: Tables, after: Tables) -> list[Change]:
    """Reference accuracies of networks that both studies used."""
    old, new = (dict(_flat(_both(given.networks, {*before.networks} & {*after.networks}))) for given in (before, after))
    return _differing("networks", old, new)


def _both(known: Mapping[str, Mapping[str, Any]], names: set[str]) -> dict[str, Any]:
    return {name: {key: found for key, found in known[name].items() if "accuracy" in key} for name in sorted(names)}


def _digests(before: Tables, after: Tables) -> list[Change]:
    old, new = (given.resolved.get("digests") or {} for given in (before, after))
    found = [
        Change(group, f"fingerprint of {what}", str(old.get(key, ABSENT)), str(new.get(key, ABSENT)))
        for key, (group, what) in DIGESTS.items()
        if old.get(key) != new.get(key)
    ]
    commits = [str(given.resolved.get("git_commit") or ABSENT) for given in (before, after)]
    return found if commits[0] == commits[1] else [*found, Change("commit", "git_commit", *commits)]


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(path, text) of every leaf: `budget.trials`, `back_ends[0].name`; a domain is one leaf."""
    if is_domain(value) and ("options" in value or "low" in value):
        yield path, _domain(value)
    elif isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value):
            yield from _flat(inner, f"{path}[{place}]")
    else:
        yield path, ABSENT if value is None else str(value)


def _domain(value: Mapping[str, Any]) -> str:
    """`5, 6 or 7` of a choice, `4 to 8` of a range; with what else the question says of it."""
    if "options" in value:
        *others, last = map(str, value["options"])
        said = f"{', '.join(others)} or {last}" if others else last
    else:
        said = f"{value['low']} to {value.get('high')}"
    known = ("kind", "options", "low", "high")
    more = {key: inner for key, inner in value.items() if key not in known and (key, inner) != ("step", 1)}
    rest = (key if inner is True else f"{key} {inner}" for key, inner in more.items() if inner not in (None, False))
    return ", ".join((said, *rest))


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
    ).drop_nulls(["component", "energy_pj"])  # fmt: skip
    found: dict[tuple[str, str], float] = {}
    for row in parts.iter_rows(named=True):
        key = (names[row["design_id"]], theme.component_class(row["component"]))
        found[key] = found.get(key, 0.0) + row["energy_pj"]
    return found
