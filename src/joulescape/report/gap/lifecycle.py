"""Training and lifecycle: how much less energy than the baseline a machine spends, by how much of it is inference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from joulescape.gap_tables import UNDECIDED
from joulescape.report.blob import rounded
from joulescape.report.figure import Rows
from joulescape.report.gap.inputs import StudyTables, interval, short, words
from joulescape.report.inputs import family_rank

TYPICAL = "typical"
UNKNOWN = "–"
"""Of a network that was priced and not trained."""
HALF = 0.5
"""Fill of the mark of a machine of which its trainings do not tell whether it learns less."""


@dataclass(frozen=True)
class LifecycleFacts:
    """Factors over the baseline by network, machine and split."""

    networks: tuple[str, ...]
    baseline: str
    rows: Rows
    table: Rows
    splits: tuple[str, ...]
    notes: dict[str, tuple[tuple[str, str], ...]]
    """Case -> (machines, what is to be known of them)."""
    missing: tuple[tuple[str, str], ...]
    sentences: tuple[str, ...]
    equal: str
    """What counts as equally accurate, and on how many trainings that rests."""


def facts(given: StudyTables) -> LifecycleFacts:
    """The typical corner with the others as its range."""
    valid = given.lifecycle.filter((pl.col("state") == "valid") & (pl.col("factor") > 0))
    rows = _rows(valid)
    missing = given.lifecycle.filter((pl.col("state") != "valid") | pl.col("factor").is_null())
    reasons = {
        (f"{row['network']} on {row['back_end']}", row["reason"] or f"{row['state']}, no reason given")
        for row in missing.iter_rows(named=True)
    }
    return LifecycleFacts(
        networks=tuple(dict.fromkeys(row["case"] for row in rows)),
        baseline=next(iter(valid["baseline"].drop_nulls().to_list()), "–"),
        rows=rows,
        table=_table(rows),
        splits=tuple(dict.fromkeys(row["split"] for row in sorted(rows, key=lambda row: row["share"]))),
        notes={case: _notes([row for row in rows if row["case"] == case]) for case in {row["case"]: 0 for row in rows}},
        missing=tuple(sorted(reasons)),
        sentences=tuple(_sentences(rows)),
        equal=_equal(given),
    )


def _equal(given: StudyTables) -> str:
    """What equal accuracy means here; empty where the study does not say."""
    apart = given.about.get("equal_accuracy_fraction")
    if apart is None:
        return ""
    counted = given.lifecycle["trainings_count"].drop_nulls().to_list()
    draws = min(counted) if counted else (given.questions.get("training") or {}).get("draws")
    rests = f", from {draws} training{'s' if draws > 1 else ''} of each design" if draws else ""
    return (
        f"Equal accuracy: a mean below the baseline's by no more than {100 * apart:g} % of the samples{rests}. A mean "
        f"further below is {UNDECIDED} where the scatter of the trainings does not tell it from that (95 %), else less."
    )


def _rows(valid: pl.DataFrame) -> list[dict[str, Any]]:
    """One row a (network, compression, machine, split): the factor at the typical corner, its range over all; networks
    that were trained come first."""
    found = []
    keys = ("network", "compression", "back_end", "family", "split", "inference_share_fraction")
    for key, group in valid.group_by(keys, maintain_order=True):
        told = dict(zip(keys, key, strict=True))
        typical = group.filter(pl.col("corner") == TYPICAL)["factor"].to_list()
        if not typical:
            continue
        ends = group["factor"].to_list()
        first = group.filter(pl.col("corner") == TYPICAL).to_dicts()[0]
        found.append(_row(told, typical[0], min(ends), max(ends), first))
    measured = {row["case"] for row in found if row["accuracy"] != UNKNOWN}
    return sorted(
        found,
        key=lambda row: (
            row["case"] not in measured,
            row["case"],
            family_rank(row["family"]),
            row["back_end"],
            row["share"],
        ),
    )


def _row(told: Mapping[str, Any], value: float, low: float, high: float, first: Mapping[str, Any]) -> dict[str, Any]:
    compression = told["compression"]
    state = "" if compression in (None, "", "none") else f", {words(compression)}"
    is_baseline = told["back_end"] == first["baseline"] and not state
    return {
        "case": f"{told['network']}{state}", "back_end": told["back_end"], "family": told["family"] or "",
        "label": short(told["back_end"]), "split": told["split"], "share": told["inference_share_fraction"],
        "factor": rounded(value), "low": rounded(low), "high": rounded(high),
        "text": interval(value, low, high),
        "inferences": first["inferences"], "accuracy": _accuracy(first),
        "area": UNKNOWN if first["area_mm2"] is None else f"{first['area_mm2']:.3g}",
        "is_baseline": is_baseline,
        "is_equal": first["rank"] is not None or is_baseline,
        "verdict": first["accuracy_verdict"] or UNKNOWN, "filled": _filled(first, is_baseline),
        "reason": first["reason"] or "",
    }  # fmt: skip


def _filled(row: Mapping[str, Any], is_baseline: bool) -> float:
    """How full its mark is: equal, undecided, or less."""
    if row["accuracy_verdict"] == UNDECIDED:
        return HALF
    return float(row["rank"] is not None or is_baseline)


def _accuracy(row: Mapping[str, Any]) -> str:
    """What was learnt, with the spread of its trainings where there are several."""
    mean, spread = row["trained_accuracy_fraction"], row["trained_accuracy_sd_fraction"]
    if mean is None:
        return UNKNOWN
    return f"{100 * mean:.1f} %" if spread is None else f"{100 * mean:.1f} ± {100 * spread:.1f} %"


def _table(rows: Rows) -> Rows:
    """A row a (network, machine), a column a split."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        kept = {name: row[name] for name in ("case", "back_end", "family", "accuracy", "verdict", "area", "reason")}
        found.setdefault((row["case"], row["back_end"]), {**kept, "factors": {}})["factors"][row["split"]] = row["text"]
    return list(found.values())


def _notes(rows: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, str], ...]:
    """Each reason once, with its machines."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row["reason"]:
            found.setdefault(row["reason"], []).append(row["back_end"])
    return tuple((", ".join(dict.fromkeys(machines)), reason) for reason, machines in found.items())


def _sentences(rows: Rows) -> list[str]:
    """For every case, the machine that saves most at each split among those that learn as well as the baseline; what
    it would be if those that are undecided did too."""
    said = []
    for case in dict.fromkeys(row["case"] for row in rows):
        mine = [row for row in rows if row["case"] == case and row["is_equal"] and not row["is_baseline"]]
        open_ = [row for row in rows if row["case"] == case and row["verdict"] == UNDECIDED]
        known = "" if any(row["accuracy"] != UNKNOWN for row in mine) else " (accuracy not measured)"
        none = "by its mean no machine learns as well" if open_ else "no other machine learns as well"
        told = f"{case}{known}: {_best(mine)}." if mine else f"{case}: {none}."
        said.append(told + _if_equal(mine, open_))
    return said


def _if_equal(equal: Rows, undecided: Rows) -> str:
    """What counting the undecided changes."""
    if not undecided:
        return ""
    names = ", ".join(dict.fromkeys(row["back_end"] for row in undecided))
    best = _best([*equal, *undecided])
    if equal and best == _best(equal):
        return f" Undecided: {names}."
    return f" Counting the undecided ({names}): {best}."


def _best(rows: Sequence[Mapping[str, Any]]) -> str:
    """The best machine of each split; one that stays the best is named once."""
    found: dict[str, dict[str, list[str]]] = {}
    for share in sorted({row["share"] for row in rows}):
        row = max((row for row in rows if row["share"] == share), key=lambda row: row["factor"])
        verb = f"{row['back_end']} saves most" if row["factor"] > 1 else f"none saves, nearest is {row['back_end']}"
        if row["factor"] <= 1 and verb in found:
            continue  # how far it falls short is said once
        found.setdefault(verb, {}).setdefault(row["text"], []).append(row["split"])
    return "; ".join(
        f"{verb}, {', '.join(f'{text} at {_and(splits)}' for text, splits in told.items())}"
        for verb, told in found.items()
    )


def _and(splits: Sequence[str]) -> str:
    """The first and the last of neighbouring splits whose factor reads the same: it is said once."""
    return splits[0] if len(splits) == 1 else f"{splits[0]} to {splits[-1]}"
