"""Share of good chips: of confirmed designs whose machines differ from chip to chip."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from joulescape.report.inputs import Tables, family_rank
from joulescape.report.sections.tested import WHY


@dataclass(frozen=True)
class Yield:
    """One confirmed design at the typical corner."""

    back_end: str
    family: str
    network: str
    why: str
    share: float
    low: float
    high: float
    chips: int
    mean: float
    sd: float


@dataclass(frozen=True)
class YieldFacts:
    """The largest share first within a back end; `sentence` is empty where no yield was asked for."""

    rows: tuple[Yield, ...]
    sentence: str


def facts(given: Tables) -> YieldFacts:
    """Rows of confirmed designs that have a yield."""
    known = given.confirmed.filter((pl.col("corner") == "typical") & pl.col("yield_fraction").is_not_null())
    rows = [
        Yield(
            row["back_end"], row["family"], row["network"], WHY.get(row["pick"], row["pick"]), row["yield_fraction"],
            row["yield_low_fraction"], row["yield_high_fraction"], row["accuracy_draws_count"],
            row["accuracy_fraction"], row["accuracy_sd_fraction"],
        )
        for row in known.iter_rows(named=True)
    ]  # fmt: skip
    rows.sort(key=lambda one: (family_rank(one.family), one.back_end, one.network, -one.share))
    return YieldFacts(tuple(rows), _sentence(known, rows))


def _sentence(known: pl.DataFrame, rows: list[Yield]) -> str:
    if not rows:
        return ""
    limits = sorted({100 * limit for limit in known["yield_above_fraction"]})
    asked = " or ".join(f"{limit:.4g} %" for limit in limits)
    surest = max(rows, key=lambda one: one.low)
    return (
        f"A good chip has an accuracy of at least {asked} on the test split; chips are drawn one by one. The surest "
        f"share is that of {surest.back_end} with {surest.network}: {100 * surest.share:.0f} % of {surest.chips}."
    )
