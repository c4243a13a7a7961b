"""What follows from the lifecycle table, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from joulescape.gap.findings import Find, Finding, Tables
from joulescape.gap.in_words import number

Row = Mapping[str, Any]


def training_factors(tables: Tables) -> Finding | None:
    """Training energy: compression alone, the best other machine alone, both."""
    rows = _typical(tables).filter((pl.col("inferences") == 0) & (pl.col("steps_basis") == "measured"))
    first = rows.filter(pl.col("back_end") == pl.col("baseline"))["network"].head(1)
    equal = rows.filter(pl.col("rank").is_not_null() & pl.col("network").is_in(first.to_list()))
    base = equal.filter(pl.col("back_end") == pl.col("baseline"))
    others = equal.filter(pl.col("back_end") != pl.col("baseline")).sort("factor", descending=True)
    plain, pressed = (others.filter(_is_plain(flag)) for flag in (True, False))
    alone = base.filter(_is_plain(False)).sort("factor", descending=True)
    if plain.is_empty() or pressed.is_empty() or alone.is_empty():
        return None
    machine, both, squeezed = plain.row(0, named=True), pressed.row(0, named=True), alone.row(0, named=True)
    outside = equal.filter(pl.col("family") != "electronic").sort("factor", descending=True)
    other = f" The best other family's is {_said(outside.row(0, named=True))}." if outside.height else ""
    share = both["factor"] / (squeezed["factor"] * machine["factor"])
    told = (
        f"Learning {machine['network']} on the machine itself at equal accuracy: compression alone saves "
        f"{number(squeezed['factor'])} times, the machine alone {number(machine['factor'])} ({machine['back_end']}), "
        f"both {number(both['factor'])} ({both['back_end']}), {number(share)} of the product.{other}"
    )
    return Finding("lifecycle_training_factors", told, _corners(tables, both))


def order_of_machines(tables: Tables) -> Finding | None:
    """Whether the order of machines changes between training alone and the split of most use."""
    told = [
        said
        for key, some in _typical(tables).group_by("network", maintain_order=True)
        if (said := _order(str(key[0]), some))
    ]
    if not told:
        return None
    return Finding(
        "lifecycle_order", " ".join(told), "typical corner; large networks: one epoch, priced and not trained"
    )


def worn_out(tables: Tables) -> Finding | None:
    """Machines whose cells bear fewer writes than one training asks for, however large the chip."""
    lost = tables["lifecycle"].filter((pl.col("state") != "valid") & pl.col("reason").str.contains(WEAR, literal=True))
    known = lost.filter(pl.col("area_mm2").is_not_null())
    if known.is_empty():
        return None
    told = "; ".join(
        f"{row['back_end']} with {number(row['area_mm2'])} mm2, {row['network']}: {row['reason']}"
        for row in known.iter_rows(named=True)
    )
    return Finding(
        "lifecycle_worn_out",
        f"Chips that hold the network wear out before it is trained for one epoch: {told}.",
        "endurance and pulses of each update at their typical values; area as the study gives it, at its node",
    )


WEAR = "cells endure"
"""How a machine says that its cells wear out."""

DOUBTFUL = "equal only as far as its trainings scatter"
"""Of a mean that lies below what is still equal, by less than can be told from chance."""


FINDINGS: tuple[Find, ...] = (training_factors, order_of_machines, worn_out)


def _typical(tables: Tables) -> pl.DataFrame:
    return tables["lifecycle"].filter((pl.col("corner") == "typical") & (pl.col("state") == "valid"))


def _is_plain(is_plain: bool) -> pl.Expr:
    same = pl.col("compression") == "none"
    return same if is_plain else ~same


def _said(row: Row) -> str:
    return f"{row['back_end']} ({row['compression']}), a factor of {number(row['factor'])}"


def _corners(tables: Tables, row: Row) -> str:
    """The factor of the same design at all three corners, the baseline at the same one."""
    keys = ("network", "compression", "back_end", "split")
    same = tables["lifecycle"].filter(pl.all_horizontal(pl.col(key) == row[key] for key in keys))
    factors = sorted(same["factor"].drop_nulls().to_list())
    return f"over the corners of all constants {number(factors[0])} to {number(factors[-1])}; {_trainings(same)}"


def _trainings(rows: pl.DataFrame) -> str:
    """How many trainings stand behind the accuracies, and how far they scatter."""
    count, spread = (rows[name].max() for name in ("trainings_count", "trained_accuracy_sd_fraction"))
    if not isinstance(count, int) or count < 2 or not isinstance(spread, float):
        return "one training each"
    doubtful = rows["reason"].fill_null("").str.contains(DOUBTFUL, literal=True).any()
    told = f"accuracies are means of {count} trainings, its own with a standard deviation of {100 * spread:.2f} points"
    return f"{told}, {DOUBTFUL}" if doubtful else told


def _order(network: str, rows: pl.DataFrame) -> str | None:
    """Machines whose side of the baseline changes between training alone and most use."""
    ranked = rows.filter(pl.col("rank").is_not_null() & (pl.col("compression") == "none"))
    ends = [ranked.filter(pl.col("inference_share_fraction") == share) for share in _shares(ranked)]
    if len(ends) < 2 or ranked["back_end"].n_unique() < 2:
        return None
    first, last = ({row["back_end"]: row["factor"] for row in end.iter_rows(named=True)} for end in ends)
    changed = [name for name in first if name in last and (first[name] > 1) != (last[name] > 1)]
    winners = [max(some, key=lambda name: some[name]) for some in (first, last)]
    share = f"{100 * _shares(ranked)[-1]:.4g} %"
    turned = "; ".join(
        f"{one} turns from {number(first[one])} to {number(last[one])} times the baseline" for one in changed
    )
    stays = f"{winners[0]} spends least on {network} in training" + (
        f" and still at {share} inference" if winners[0] == winners[1] else f", {winners[1]} at {share} inference"
    )
    return f"{stays}{'; ' + turned if turned else '; no machine changes sides with the baseline'}."


def _shares(rows: pl.DataFrame) -> list[float]:
    found = sorted(set(rows["inference_share_fraction"].to_list()))
    return [found[0], found[-1]] if len(found) > 1 else []
