"""Training and lifecycle: how much less energy than the baseline a machine spends, by how much of it is inference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from joulescape.report.blob import rounded
from joulescape.report.figure import Rows
from joulescape.report.gap.inputs import StudyTables, factor_words, interval, short, words
from joulescape.report.inputs import family_rank

TYPICAL = "typical"


@dataclass(frozen=True)
class LifecycleFacts:
    """Factors over the baseline by network, machine and split."""

    networks: tuple[str, ...]
    baseline: str
    rows: Rows
    table: Rows
    splits: tuple[str, ...]
    missing: tuple[tuple[str, str], ...]
    sentences: tuple[str, ...]


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
        missing=tuple(sorted(reasons)),
        sentences=tuple(_sentences(rows)),
    )


def _rows(valid: pl.DataFrame) -> list[dict[str, Any]]:
    """One row a (network, compression, machine, split): the factor at the typical corner, its range over all."""
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
    return sorted(found, key=lambda row: (row["case"], family_rank(row["family"]), row["back_end"], row["share"]))


def _row(told: Mapping[str, Any], value: float, low: float, high: float, first: Mapping[str, Any]) -> dict[str, Any]:
    compression = told["compression"]
    state = "" if compression in (None, "", "none") else f", {words(compression)}"
    accuracy = first["trained_accuracy_fraction"]
    return {
        "case": f"{told['network']}{state}", "back_end": told["back_end"], "family": told["family"] or "",
        "label": short(told["back_end"]), "split": told["split"], "share": told["inference_share_fraction"],
        "factor": rounded(value), "low": rounded(low), "high": rounded(high),
        "text": interval(value, low, high) if low != high else factor_words(value),
        "inferences": first["inferences"], "accuracy": "–" if accuracy is None else f"{100 * accuracy:.1f} %",
        "is_equal": first["rank"] is not None or first["back_end"] == first["baseline"],
        "reason": first["reason"] or "",
    }  # fmt: skip


def _table(rows: Rows) -> Rows:
    """A row a (network, machine), a column a split."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        kept = {name: row[name] for name in ("case", "back_end", "family", "accuracy", "reason")}
        found.setdefault((row["case"], row["back_end"]), {**kept, "factors": {}})["factors"][row["split"]] = row["text"]
    return list(found.values())


def _sentences(rows: Rows) -> list[str]:
    """For every split, the machine that saves most among those that learn as well as the baseline."""
    said = []
    for case in dict.fromkeys(row["case"] for row in rows):
        mine = [row for row in rows if row["case"] == case and row["is_equal"]]
        best = []
        for share in sorted({row["share"] for row in mine}):
            row = max((row for row in mine if row["share"] == share), key=lambda row: row["factor"])
            best.append(f"{row['text']} on {row['back_end']} at {row['split']}")
        said.append(f"{case}: at most {'; '.join(best)}." if best else f"{case}: no machine learns as well.")
    return said
