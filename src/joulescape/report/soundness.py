"""Numbers that are none: what is not finite in a table is not known, and the page says how often that was so."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from joulescape.tables import METRICS

SAID = 12
"""At most so many columns are named."""


def sound(tables: Mapping[str, pl.DataFrame]) -> tuple[dict[str, pl.DataFrame], dict[str, int]]:
    """The tables with NaN and infinite values as null, and how many there were by `<table>.<column>`.

    The contract of the tables knows neither: a missing value is null.
    """
    found: dict[str, pl.DataFrame] = {}
    counts: dict[str, int] = {}
    for name, table in tables.items():
        floats = [column for column, kind in table.schema.items() if kind.is_float()]
        odd = {column: int((~table[column].is_finite()).sum() or 0) for column in floats}
        counts |= {f"{name}.{column}": count for column, count in odd.items() if count}
        broken = [column for column, count in odd.items() if count]
        found[name] = table.with_columns(pl.when(pl.col(c).is_finite()).then(pl.col(c)).alias(c) for c in broken)
    return found, counts


def unsound_metrics(trials: pl.DataFrame) -> dict[str, int]:
    """Values of valid designs that are no finite number, by metric; none but those that have some."""
    valid = trials.filter(pl.col("state") == "valid")
    counts = {name: int((~valid[name].is_finite()).sum() or 0) for name in METRICS}
    return {name: count for name, count in counts.items() if count}


def answer_words(counts: Mapping[str, int]) -> str:
    """What the answer may lack: `Of the valid designs 3 values are no finite number ...`. Empty without any."""
    if not counts:
        return ""
    total, listed = sum(counts.values()), [f"{name} ({count:,})" for name, count in counts.items()]
    one, they = ("value is", "it was") if total == 1 else ("values are", "they were")
    return (
        f"{total:,} {one} no finite number among the metrics of valid designs, {they} taken as not known, and such a "
        f"design is not chosen by that metric: {', '.join(listed)}. The answer may be another."
    )


def unsound_words(counts: Mapping[str, int]) -> str:
    """`3 values are no finite number and were taken as not known: trials.area_mm2 (3).` Empty without any."""
    if not counts:
        return ""
    total, listed = sum(counts.values()), [f"{name} ({count:,})" for name, count in sorted(counts.items())]
    more = f" and {len(listed) - SAID:,} more columns" if len(listed) > SAID else ""
    one = "value is" if total == 1 else "values are"
    taken = "was" if total == 1 else "were"
    return f"{total:,} {one} no finite number and {taken} taken as not known: {', '.join(listed[:SAID])}{more}."
