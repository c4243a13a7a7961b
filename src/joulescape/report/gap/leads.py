"""Which machines may lead the headline, and what the best of them close.

A machine may lead that computes exactly what the network says, or that loses no more accuracy on every measured
network, as trained, than the study counts as none. What was measured stands before what a machine promises.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from joulescape.report import theme
from joulescape.report.gap.inputs import StudyTables, interval
from joulescape.report.gap.states import NONE, PUBLISHED

KINDS = ("compression_alone", "machine_alone", "both")
EIGHT = "8/8"
"""How states end that keep 8 bits of weights and activations."""


@dataclass(frozen=True)
class Best:
    """The largest factor of one kind, of the networks' median, in one metric."""

    value: float
    low: float
    high: float
    """Range over networks."""
    networks_count: int

    @property
    def text(self) -> str:
        """`×3.10 (2.00 to 5.00)`."""
        return interval(self.value, self.low, self.high)


@dataclass(frozen=True)
class Record:
    """What is known of a machine's accuracy, and of its model."""

    losses: Mapping[str, float] = field(default_factory=dict)
    """Measured network -> accuracy lost as trained."""
    within: float | None = None
    """The loss that counts as none."""
    equivalence: str | None = None
    predictions_count: int | None = None
    """Published figures that its model predicts; None where nobody counted."""

    @property
    def may_lead(self) -> bool:
        """Whether its accuracy is known to be kept; where nothing at all is known of any machine, nothing forbids."""
        if self.losses:
            return self.within is None or max(self.losses.values()) <= self.within
        return self.equivalence in (None, "exact")

    @property
    def text(self) -> str:
        """What it loses, and whether its model is validated."""
        lost = " and ".join(f"{100 * loss:.1f} points on {name}" for name, loss in sorted(self.losses.items()))
        said = [f"loses {lost}" if lost else "accuracy not measured"]
        if self.predictions_count is not None:
            said.append(f"{self.predictions_count} published figures predicted" if self.predictions_count
                        else "not validated")  # fmt: skip
        return ", ".join(said)


@dataclass(frozen=True)
class Lead:
    """What the machines that may lead close, and what the others would."""

    best: dict[str, Best]
    any_state: Best | None
    any_alone: Best | None
    outside: Best | None
    outsiders: tuple[str, ...]
    within: float | None


def records(given: StudyTables) -> dict[str, Record]:
    """Of every machine of which anything is known."""
    is_measured = pl.col("question").map_elements(lambda name: given.role(name) == "measured", return_dtype=pl.Boolean)
    plain = given.factors.filter(is_measured & (pl.col("compression") == NONE))
    losses: dict[str, dict[str, float]] = {}
    within: dict[str, float | None] = {}
    for row in plain.drop_nulls("accuracy_loss_fraction").iter_rows(named=True):
        losses.setdefault(row["back_end"], {})[row["network"]] = row["accuracy_loss_fraction"]
        within[row["back_end"]] = row["equal_within_fraction"]
    machines = {row["back_end"]: row for row in given.machines.iter_rows(named=True)}
    return {
        name: Record(
            losses.get(name, {}), within.get(name), machines.get(name, {}).get("equivalence"),
            machines.get(name, {}).get("published_predictions_count"),
        )
        for name in dict.fromkeys([*losses, *machines])
    }  # fmt: skip


def lead(known: pl.DataFrame, state: str | None, found: Mapping[str, Record]) -> Lead:
    """From the factors of one question and metric: in `state`, then in whichever closes most."""
    barred = [name for name, record in found.items() if not record.may_lead]
    mine = known.filter(pl.col("compression") == state)
    others = known.filter(pl.col("back_end") != pl.col("baseline"))
    kept = others.filter(~pl.col("back_end").is_in(barred))
    here = kept.filter(pl.col("compression") == state)
    closed = {"compression_alone": best_of(mine, "compression_alone"), "machine_alone": best_of(kept, "machine_alone"),
              "both": best_of(here, "both")}  # fmt: skip
    every = others.filter(pl.col("compression") == state)
    outside, inside = best_of(every, "both"), closed["both"]
    gains = outside is not None and (inside is None or outside.value > theme.TOLD_APART * inside.value)
    names = _leaders(every, barred) if gains else []
    return Lead(
        {kind: one for kind, one in closed.items() if one is not None},
        best_of(kept, "both"),
        best_of(known, "compression_alone"),
        outside if gains else None,
        tuple(f"{name}: {found[name].text}" for name in names),
        next((record.within for record in found.values() if record.within is not None), None),
    )


def best_of(rows: pl.DataFrame, kind: str) -> Best | None:
    """Each network's largest factor over the rows' machines and states; then their median and range."""
    found = rows.group_by("network").agg(pl.col(kind).max()).sort("network")[kind].drop_nulls().to_list()
    return Best(statistics.median(found), min(found), max(found), len(found)) if found else None


def _leaders(rows: pl.DataFrame, barred: list[str]) -> list[str]:
    """Machines that may not lead and close most of some network."""
    best = rows.drop_nulls("both").filter(pl.col("both") == pl.col("both").max().over("network"))
    return sorted(set(best["back_end"].to_list()) & set(barred))


def gains_nothing(known: pl.DataFrame, state: str | None) -> str:
    """Why compression alone closes nothing on the baseline, as far as the table shows it."""
    own = known.filter(pl.col("back_end") == pl.col("baseline"))
    mine = own.filter(pl.col("compression") == state)["compression_alone"].drop_nulls()
    if state != PUBLISHED or mine.is_empty() or _moves(mine):
        return ""
    eight = own.filter(pl.col("compression").str.ends_with(EIGHT))["compression_alone"].drop_nulls()
    size = " 8-bit" if len(eight) and not _moves(eight) else ""
    return f"a dense{size} array that cannot use zeros or codes"


def _moves(values: pl.Series) -> bool:
    return any(not 1 / theme.TOLD_APART <= value <= theme.TOLD_APART for value in values)
