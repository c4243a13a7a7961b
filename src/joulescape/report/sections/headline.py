"""The finding in one sentence, what it holds for, and four numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joulescape.report import certainty, theme
from joulescape.report.decide import Columns, Limits, decide, default_limit
from joulescape.report.designs import design_columns, front_ids
from joulescape.report.inputs import Tables


@dataclass(frozen=True)
class Tile:
    """One number with what it is."""

    value: str
    label: str


@dataclass(frozen=True)
class HeadlineFacts:
    """The top of the page."""

    question: str
    sentence: str
    scope: tuple[str, ...]
    tiles: tuple[Tile, ...]


def facts(given: Tables) -> HeadlineFacts:
    """The cheapest back end at the default accuracy, against the next family."""
    columns = design_columns(given)
    return HeadlineFacts(
        question=str(given.spec.get("question") or given.name),
        sentence=_sentence(given, columns) if columns["id"] else _nothing(given),
        scope=_scope(given, columns),
        tiles=_tiles(given, columns) if columns["id"] else (),
    )


def _sentence(given: Tables, columns: Columns) -> str:
    """Compares the least energy of each back end among designs within the default limit."""
    limit = default_limit(columns)
    best = decide(columns, Limits(accuracy=limit, prefer="energy")).best
    known = sorted((columns["energy"][row], name, row) for name, row in best.items() if columns["energy"][row])
    level = theme.show(limit, "accuracy_fraction")
    what = _lower(theme.LABELS[given.axes.energy])
    if not known:
        return f"Designs reach {level} accuracy, but none states its {what}."
    energy, name, row = known[0]
    rivals = [entry for entry in known[1:] if columns["family"][entry[2]] != columns["family"][row]]
    if not rivals:
        reached, shown = (
            theme.show(columns["accuracy"][row], "accuracy_fraction"),
            theme.show(energy, given.axes.energy),
        )
        return f"Only {name} designs reach {level} accuracy: {reached} at {shown} ({what})."
    if rivals[0][0] / energy < theme.TOLD_APART:
        return f"No clear winner at {level} accuracy or more: {name} and {rivals[0][1]} need about the same {what}."
    factor = theme.significant(rivals[0][0] / energy, 2)
    found = certainty.bands(given)
    close = [entry for entry in rivals if certainty.overlap(columns, found, "energy", row, entry[2])]
    if not close:
        return f"At {level} accuracy or more, {name} needs {factor}× less {what} than {rivals[0][1]}."
    head = f"No clear winner at {level} accuracy or more: {name} needs {factor}× less {what} than {rivals[0][1]}"
    if close == rivals[:1]:
        return f"{head}, but their ranges over the corners overlap."
    others = " and ".join(entry[1] for entry in close)
    return f"{head}, but over the corners its range overlaps with that of {others}."


def _lower(label: str) -> str:
    return label[0].lower() + label[1:]


def _nothing(given: Tables) -> str:
    states = _states(given)
    if not given.trials.height:
        return "No design was tried."
    counted = ", ".join(f"{states[name]:,} {name}" for name in ("infeasible", "failed") if states.get(name))
    return f"No design is valid: {counted or 'none has an accuracy'} of {given.trials.height:,} tried."


def _states(given: Tables) -> dict[str, int]:
    return dict(given.trials["state"].value_counts().sort("state").rows())


def _scope(given: Tables, columns: Columns) -> tuple[str, ...]:
    spec, states = given.spec, _states(given)
    node = spec.get("node", "as_published")
    said: list[tuple[str, Any]] = [
        ("task", spec.get("task")),
        ("boundary", spec.get("boundary")),
        ("batch", spec.get("batch")),
        ("node", f"{node} nm" if isinstance(node, int) else str(node).replace("_", " ")),
        ("accuracy", _measured(given)),
        ("valid candidates", f"{given.valid['candidate_id'].n_unique():,}"),
        ("valid designs", f"{given.valid.height:,} of {given.trials.height:,}"),
        ("infeasible", f"{states.get('infeasible', 0):,}"),
        ("failed", f"{states.get('failed', 0):,}"),
        ("least energy", _mostly_assumed(given, columns)),
    ]
    return tuple(f"{name} {value}" for name, value in said if value not in (None, ""))


def _measured(given: Tables) -> str:
    """How accuracies were measured, from the fidelity names `rung/split/draws`."""
    samples = (given.spec.get("budget") or {}).get("samples")
    count = "all samples" if samples is None else f"{samples:,} samples"
    said = []
    for name in given.valid["fidelity"].drop_nulls().unique().sort().to_list():
        rung, split, draws = name.split("/") if name.count("/") == 2 else (name, "", "")
        said.append(f"on {split}, {count}, {draws} draws, {rung} numerics" if split else rung)
    return "; ".join(said)


def _tiles(given: Tables, columns: Columns) -> tuple[Tile, ...]:
    best = max(columns["accuracy"])
    limit = default_limit(columns)
    cheapest = _cheapest(columns)
    level = theme.show(limit, "accuracy_fraction")
    energy = None if cheapest is None else columns["energy"][cheapest]
    families = front_families(given, columns)
    tried = {family for _, family in given.back_ends}
    return (
        Tile(theme.show(best, "accuracy_fraction"), f"best accuracy on validation{_reference(given)}"),
        Tile(theme.show(energy, given.axes.energy), f"least {_lower(theme.LABELS[given.axes.energy])} at ≥ {level}"),
        Tile(
            f"{len(families)} of {len(tried)}",
            f"families on the front at ≥ {level}: {', '.join(families) or 'none'}",
        ),
        Tile(
            theme.show(_assumed_fraction(given, cheapest), "assumed_energy_fraction"),
            "of that least energy rests on assumed numbers",
        ),
    )


def front_families(given: Tables, columns: Columns) -> tuple[str, ...]:
    """Families with a design on the search's front that is also accurate enough to be of use, by name."""
    on_front, limit = front_ids(given), default_limit(columns) or 0.0
    rows = zip(columns["family"], columns["id"], columns["accuracy"], strict=True)
    return tuple(sorted({family for family, design, accuracy in rows if design in on_front and accuracy >= limit}))


def _cheapest(columns: Columns) -> int | None:
    return decide(columns, Limits(accuracy=default_limit(columns), prefer="energy")).index


def _mostly_assumed(given: Tables, columns: Columns) -> str:
    """Says so where more than half of the winner's energy is assumed."""
    share = _assumed_fraction(given, _cheapest(columns))
    shown = theme.show(share, "assumed_energy_fraction")
    return "" if share is None or share <= 0.5 else f"rests mostly on assumed numbers ({shown})"


def _reference(given: Tables) -> str:
    """The best uncompressed network of this question, by name."""
    names = [name for name in given.asked_networks if name in given.networks and name not in given.own_networks]
    known = {name: value for name in names if (value := reference_accuracy(given.networks[name])) is not None}
    if not known:
        return ""
    best = max(known, key=lambda name: known[name])
    return f"; uncompressed reference {theme.show(known[best], 'accuracy_fraction')} ({best})"


def reference_accuracy(metrics: Mapping[str, Any], split: str = "validation") -> float | None:
    """Mean accuracy of a reference network over its training seeds, when its file states one."""
    found = metrics.get(f"{split}_accuracy_mean_fraction")
    return None if found is None else float(found)


def _assumed_fraction(given: Tables, row: int | None) -> float | None:
    if row is None:
        return None
    share: float | None = given.valid["assumed_energy_fraction"].to_list()[row]
    return share
