"""What follows from the lifecycle table, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from joulescape.gap.findings import Find, Finding, Tables
from joulescape.gap.in_words import times
from joulescape.gap.wear_findings import worn_out
from joulescape.gap_tables import UNDECIDED

Row = Mapping[str, Any]


def training_factors(tables: Tables) -> Finding | None:
    """Training energy: compression alone, the best other machine alone, both; by the means of the trainings alone, and
    counting those of which the trainings do not tell whether they learn less."""
    rows = _typical(tables).filter((pl.col("inferences") == 0) & (pl.col("steps_basis") == "measured"))
    first = rows.filter(pl.col("back_end") == pl.col("baseline"))["network"].head(1)
    rows = rows.filter(pl.col("network").is_in(first.to_list()))
    if any(found is None for found in _three(rows).values()):
        return None  # no other machine, or nothing compressed, was tried at all
    equal, undecided = (rows.filter(pl.col("accuracy_verdict") == one) for one in ("equal", UNDECIDED))
    network, other = first.item(), _outside(equal)
    if undecided.is_empty():
        told = f"Learning {network} on the machine itself at equal accuracy: {_factors(equal)}.{other}"
    else:
        both = pl.concat([equal, undecided])
        told = (
            f"Learning {network} on the machine itself at equal accuracy, by the means alone: {_factors(equal)}; equal "
            f"are {_names(equal)}.{other} Counting the {undecided.height} that are {UNDECIDED} as well "
            f"({_names(undecided)}): {_factors(both)}.{_outside(both)}"
        )
    shown = {key: row for key, row in _three(pl.concat([equal, undecided])).items() if row is not None}
    ends = "; ".join(f"{_NAMES[key]} {_corners(tables, row)}" for key, row in shown.items())
    last = shown.get("both") or shown.get("machine")
    scatter = "nothing is equal" if last is None else f"{ends} over the corners of all constants; {_trainings(last)}"
    return Finding("lifecycle_training_factors", told, scatter)


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


OPEN = f" ({UNDECIDED} whether it learns as well)"

FINDINGS: tuple[Find, ...] = (training_factors, order_of_machines, worn_out)


def _typical(tables: Tables) -> pl.DataFrame:
    return tables["lifecycle"].filter((pl.col("corner") == "typical") & (pl.col("state") == "valid"))


def _three(rows: pl.DataFrame) -> dict[str, Row | None]:
    """The designs that save most: of the baseline compressed, of other machines as trained, of others compressed."""
    own = pl.col("back_end") == pl.col("baseline")
    asked = {
        "compression": own & _is_plain(False), "machine": ~own & _is_plain(True), "both": ~own & _is_plain(False),
    }  # fmt: skip
    found = {name: rows.filter(which).sort("factor", descending=True) for name, which in asked.items()}
    return {name: some.row(0, named=True) if some.height else None for name, some in found.items()}


def _factors(rows: pl.DataFrame) -> str:
    """What each saves, and how much of the product both reach; where no design of these does, that is said."""
    found = _three(rows)
    squeezed, machine, both = found.values()
    lost = [f"with {_NAMES[key]} no design is equal" for key, row in found.items() if row is None]
    known = [(_NAMES[key], row) for key, row in found.items() if row is not None]
    said = [
        f"{name}{' saves' if place == 0 else ''} {times(row['factor'])}"
        + ("" if row["back_end"] == row["baseline"] else f" ({row['back_end']})")
        for place, (name, row) in enumerate(known)
    ]
    if squeezed is not None and machine is not None and both is not None:
        said.append(f"{times(both['factor'] / (squeezed['factor'] * machine['factor']))} against the product")
    return ", ".join([*said, *lost])


_NAMES = {"compression": "compression alone", "machine": "the machine alone", "both": "both"}


def _outside(rows: pl.DataFrame) -> str:
    """The best machine that is not electronic; empty where none is among these."""
    outside = rows.filter(pl.col("family") != "electronic").sort("factor", descending=True)
    return f" The best other family's is {_said(outside.row(0, named=True))}." if outside.height else ""


def _names(rows: pl.DataFrame) -> str:
    """Machines as trained, then those that are compressed."""
    groups = [(rows.filter(_is_plain(flag))["back_end"].to_list(), told) for flag, told in _STATES]
    return "; ".join(f"{told}: {', '.join(names)}" for names, told in groups if names) or "none"


_STATES = ((True, "as trained"), (False, "compressed"))


def _is_plain(is_plain: bool) -> pl.Expr:
    same = pl.col("compression") == "none"
    return same if is_plain else ~same


def _said(row: Row) -> str:
    return f"{row['back_end']} ({row['compression']}), {times(row['factor'])}"


def _corners(tables: Tables, row: Row) -> str:
    """The factor of the same design at all three corners, the baseline at the same one."""
    keys = ("network", "compression", "back_end", "split")
    same = tables["lifecycle"].filter(pl.all_horizontal(pl.col(key) == row[key] for key in keys))
    factors = sorted(same["factor"].drop_nulls().to_list())
    return f"{times(factors[0])} to {times(factors[-1])}"


def _trainings(row: Row) -> str:
    """How many trainings stand behind the accuracies, and how far they scatter."""
    count, spread = row["trainings_count"], row["trained_accuracy_sd_fraction"]
    if count is None or count < 2 or spread is None:
        return "one training each"
    told = f"accuracies are means of {count} trainings, that of {row['back_end']} with a standard deviation of"
    is_open = f"; {UNDECIDED} whether it is equal" if row["accuracy_verdict"] == UNDECIDED else ""
    return f"{told} {100 * spread:.2f} points{is_open}"


def _order(network: str, rows: pl.DataFrame) -> str | None:
    """Machines whose side of the baseline changes between training alone and most use."""
    is_open = pl.col("accuracy_verdict").fill_null("") == UNDECIDED
    asked = rows.filter((pl.col("rank").is_not_null() | is_open) & (pl.col("compression") == "none"))
    ends = [asked.filter(pl.col("inference_share_fraction") == share) for share in _shares(asked)]
    if len(ends) < 2 or asked["back_end"].n_unique() < 2:
        return None
    first, last = ({row["back_end"]: row["factor"] for row in end.iter_rows(named=True)} for end in ends)
    doubtful = set(asked.filter(is_open)["back_end"].to_list())
    changed = [name for name in first if name in last and (first[name] > 1) != (last[name] > 1)]
    winners = [max((one for one in some if one not in doubtful), key=lambda name: some[name]) for some in (first, last)]
    share = f"{100 * _shares(asked)[-1]:.4g} %"
    turned = "; ".join(
        f"{one}{OPEN if one in doubtful else ''} turns from {_sided(first[one])} to {_sided(last[one])} energy than "
        "the baseline"
        for one in changed
    )
    stays = f"{winners[0]} spends least on {network} in training" + (
        f" and still at {share} inference" if winners[0] == winners[1] else f", {winners[1]} at {share} inference"
    )
    return f"{stays}{'; ' + turned if turned else '; no machine changes sides with the baseline'}."


def _sided(factor: float) -> str:
    """`×9.69 less`, `÷1.39 more`."""
    return f"{times(factor)} {'less' if factor >= 1 else 'more'}"


def _shares(rows: pl.DataFrame) -> list[float]:
    found = sorted(set(rows["inference_share_fraction"].to_list()))
    return [found[0], found[-1]] if len(found) > 1 else []
