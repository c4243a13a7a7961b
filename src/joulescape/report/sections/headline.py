"""The finding in one sentence, what it holds for, and four numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from joulescape.report import sampling, theme
from joulescape.report.decide import Columns, Cost, Limits, decide, default_limit
from joulescape.report.designs import design_columns, front_ids
from joulescape.report.inputs import Tables
from joulescape.report.sections import absence, convergence, finding
from joulescape.report.tally import left_out_words


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
    short: str
    """The finding at a glance; the page says it in place of the sentence."""
    numbers: str
    """Its numbers, each with its range."""
    scope: tuple[str, ...]
    tiles: tuple[Tile, ...]


def facts(given: Tables) -> HeadlineFacts:
    """The cheapest back end at the default accuracy, against the next family."""
    columns = design_columns(given)
    found = finding.finding(given, columns) if columns["id"] else _nothing(given)
    return HeadlineFacts(
        question=str(given.spec.get("question") or given.name),
        sentence=found.sentence,
        short=found.short,
        numbers=found.numbers,
        scope=_scope(given, columns),
        tiles=_tiles(given, columns) if columns["id"] else (),
    )


def _nothing(given: Tables) -> finding.Finding:
    states = _states(given)
    if not given.trials.height:
        return finding.Finding("No design was tried.", "No design was tried.")
    counted = ", ".join(f"{states[name]:,} {name}" for name in ("infeasible", "failed", "screened") if states.get(name))
    why = f"{counted or 'none has an accuracy'} of {given.trials.height:,} tried."
    missed = absence.nothing_valid(given)
    none = f"No design is valid: {missed}" if missed else "No design is valid"
    return finding.Finding(f"{none}{';' if missed else ':'} {why}", f"{none}.", why[:1].upper() + why[1:])


def _states(given: Tables) -> dict[str, int]:
    return dict(given.trials["state"].value_counts().sort("state").rows())


def _scope(given: Tables, columns: Columns) -> tuple[str, ...]:
    spec, states = given.spec, _states(given)
    node = spec.get("node", "as_published")
    said: list[tuple[str, Any]] = [
        ("task", spec.get("task")),
        ("boundary", spec.get("boundary")),
        ("batch", spec.get("batch")),
        ("", f"all at {node} nm" if isinstance(node, int) else f"every machine {str(node).replace('_', ' ')}"),
        ("accuracy", "was not measured: cost only" if given.is_cost_only else _measured(given)),
        ("", sampling.scope_words(given)),
        ("", f"{given.valid.height:,} of {given.trials.height:,} designs valid"),
        ("", _asked_accuracy(given)),
        ("", _lacking(given, states.get("valid", 0))),
        ("", left_out_words(given)),
        ("", f"{states['failed']:,} failed" if states.get("failed") else ""),
        (_what_rests(given), _mostly_assumed(given, columns)),
        ("", convergence.may_move(given)),
    ]
    return tuple(f"{name} {value}".strip() for name, value in said if value not in (None, ""))


def _asked_accuracy(given: Tables) -> str:
    """The question's own limit on accuracy, which the page's opening limit may lie below."""
    bound = (given.spec.get("constraints") or {}).get(given.axes.accuracy) or {}
    least = bound.get("at_least")
    return "" if least is None else f"each has the {theme.show(least, 'accuracy_fraction')} that the question asks for"


def _lacking(given: Tables, valid: int) -> str:
    """`2 valid ones state no area`: what the count of valid designs holds, or leaves out, without a number."""
    accuracy, left_out = given.axes.accuracy, valid - given.valid.height
    names = [name for _, name in given.axes.items() if name != accuracy]
    counts = {finding.lower(given.labels[name]): given.valid[name].null_count() for name in names}
    said = [f"{left_out:,} more left out, as they have no accuracy"] if left_out else []
    return "; ".join((*said, *(f"{count:,} of them without {name}" for name, count in counts.items() if count)))


def _what_rests(given: Tables) -> str:
    cost = finding.lead(given)
    return "least energy" if cost == "energy" else f"energy of the design of least {cost}"


def _measured(given: Tables) -> str:
    """How accuracies were measured, from the fidelity names `rung/split/draws`."""
    samples = (given.spec.get("budget") or {}).get("samples")
    known = sampling.samples_of(given)
    whole = "all samples" if known is None else f"all {known:,} samples"
    count = whole if samples is None else f"{known or samples:,} samples"
    said = []
    for name in given.valid["fidelity"].drop_nulls().unique().sort().to_list():
        rung, split, draws = name.split("/") if name.count("/") == 2 else (name, "", "")
        said.append(f"on {split}, {count}{_drawn(given, name, draws)}" if split else rung)
    return "; ".join(dict.fromkeys(said))


def _drawn(given: Tables, fidelity: str, draws: str) -> str:
    """`, mean of 3 draws`; a machine that computes exactly has nothing to draw and runs once."""
    if draws in DRAWS:
        return DRAWS[draws]
    is_exact = given.valid.filter(pl.col("fidelity") == fidelity)["equivalence"] == "exact"
    if is_exact.all(ignore_nulls=False):
        return ", one run each, as every machine is exact"
    return f", mean of {draws} draws{' (exact machines: one run)' if is_exact.any() else ''}"


DRAWS = {"0": "", "1": ", one draw"}
"""In words: no draw of devices is none to speak of."""


def _tiles(given: Tables, columns: Columns) -> tuple[Tile, ...]:
    limit, cost = default_limit(columns), finding.lead(given)
    level = "" if limit is None else f" at ≥ {theme.show(limit, 'accuracy_fraction')}"
    chosen = f" ({finding.CHOSEN})" if level else ""
    families = front_families(given, columns)
    tried = {family for _, family in given.back_ends}
    return (
        *((_best(given, columns),) if "accuracy" in columns else ()),
        _least(given, columns, cost, f"{level}{chosen}"),
        *(_least(given, columns, other, "") for other in OTHER[cost] if given.is_cost_only),
        Tile(
            f"{len(families)} of {len(tried)}",
            f"families on the front{level}: {', '.join(families) or 'none'}{_gone(given)}",
        ),
        Tile(
            theme.show(_assumed_fraction(given, _cheapest(given, columns)), "assumed_energy_fraction"),
            f"of {'that least energy' if cost == 'energy' else 'the energy of that design'} rests on assumed numbers",
        ),
    )


def _gone(given: Tables) -> str:
    """`; 2 have no valid design`: families that no level is to blame for."""
    there = set(given.valid["family"].to_list())
    count = len({family for _, family in given.back_ends} - there)
    return f"; {count} {'has' if count == 1 else 'have'} no valid design" if count else ""


OTHER: dict[Cost, tuple[Cost, ...]] = {"energy": ("latency",), "latency": ("energy",), "area": ("energy",)}
"""The second cost of the tiles, where no accuracy stands among them."""


def _best(given: Tables, columns: Columns) -> Tile:
    best = theme.show(max(columns["accuracy"]), "accuracy_fraction")
    return Tile(best, f"best accuracy on validation{_reference(given)}")


def _least(given: Tables, columns: Columns, cost: Cost, level: str) -> Tile:
    metric = dict(given.axes.items())[cost]
    row = decide(columns, Limits(accuracy=default_limit(columns), prefer=cost)).index
    value = None if row is None else columns[cost][row]
    return Tile(theme.show(value, metric), f"least {finding.lower(given.labels[metric])}{level}")


def front_families(given: Tables, columns: Columns) -> tuple[str, ...]:
    """Families with a design on the search's front that is also accurate enough to be of use, by name."""
    on_front, limit = front_ids(given), default_limit(columns)
    useful = [True] * len(columns["id"]) if limit is None else [value >= limit for value in columns["accuracy"]]
    rows = zip(columns["family"], columns["id"], useful, strict=True)
    return tuple(sorted({family for family, design, is_useful in rows if design in on_front and is_useful}))


def _cheapest(given: Tables, columns: Columns) -> int | None:
    return decide(columns, Limits(accuracy=default_limit(columns), prefer=finding.lead(given))).index


def _mostly_assumed(given: Tables, columns: Columns) -> str:
    """Says so where more than half of the winner's energy is assumed."""
    share = _assumed_fraction(given, _cheapest(given, columns))
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
