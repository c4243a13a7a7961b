"""The finding in one sentence, what it holds for, and four numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joulescape.report import theme
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
        scope=_scope(given),
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
    if rivals:
        factor = theme.significant(rivals[0][0] / energy, 2)
        return f"At {level} accuracy or more, {name} needs {factor}× less {what} than {rivals[0][1]}."
    reached = theme.show(columns["accuracy"][row], "accuracy_fraction")
    return f"Only {name} designs reach {level} accuracy: {reached} at {theme.show(energy, given.axes.energy)} ({what})."


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


def _scope(given: Tables) -> tuple[str, ...]:
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
    cheapest = decide(columns, Limits(accuracy=limit, prefer="energy")).index
    on_front = front_ids(given)
    families = sorted(
        {family for family, design in zip(columns["family"], columns["id"], strict=True) if design in on_front}
    )
    tried = {family for _, family in given.back_ends}
    level = theme.show(limit, "accuracy_fraction")
    energy = None if cheapest is None else columns["energy"][cheapest]
    return (
        Tile(theme.show(best, "accuracy_fraction"), f"best accuracy on validation{_reference(given)}"),
        Tile(theme.show(energy, given.axes.energy), f"least {_lower(theme.LABELS[given.axes.energy])} at ≥ {level}"),
        Tile(f"{len(families)} of {len(tried)}", f"families on the front: {', '.join(families) or 'none'}"),
        _assumed(given, cheapest),
    )


def _reference(given: Tables) -> str:
    known = [value for metrics in given.networks.values() if (value := reference_accuracy(metrics)) is not None]
    return f"; uncompressed reference {theme.show(max(known), 'accuracy_fraction')}" if known else ""


def reference_accuracy(metrics: Mapping[str, Any], split: str = "validation") -> float | None:
    """Mean accuracy of a reference network over its training seeds, when its file states one."""
    found = metrics.get(f"{split}_accuracy_mean_fraction")
    return None if found is None else float(found)


def _assumed(given: Tables, cheapest: int | None) -> Tile:
    value = None if cheapest is None else given.valid["assumed_energy_fraction"].to_list()[cheapest]
    return Tile(theme.show(value, "assumed_energy_fraction"), "of that energy rests on assumed numbers")
