"""What follows from the overtake table, in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from joulescape.gap.crossing import LEAST_EFFECT
from joulescape.gap.findings import Find, Finding, Tables
from joulescape.gap.in_words import number, times

Row = Mapping[str, Any]

CASE = "a case is one machine on one network"
HOST = r"^host\."
"""Constants of the digital host beside a machine, which are no device's."""
MOST_NAMED = 8
"""So many cases are named one by one; of more the machines are counted."""

UNEQUAL = "the rival stays as it is, its memory too; area and latency are not held equal"


def nearest_levers(tables: Tables) -> Finding | None:
    """Of each family the single constant that needs the least improvement to overtake."""
    told = [said for family in ("memristive", "photonic", "physical") if (said := _nearest(_energy(tables), family))]
    if not told:
        return None
    uncertain = (
        "intervals: the best electronic design at its own corners; equal accuracy is assumed where none is measured; "
        + UNEQUAL
    )
    return Finding("overtake_nearest_lever", " ".join(told), uncertain)


def converters(tables: Tables) -> Finding | None:
    """Whether machines that trail overtake once all their converters are free, and those in memory among them."""
    trailing = _whole_kind(_energy(tables).filter(_trails), "converters")
    if trailing.is_empty():
        return None
    enough = trailing.filter(pl.col("best_reach") <= pl.col("rival_value"))
    count = _energy(tables).filter((pl.col("moved") == "all") & _trails).height
    few = (
        f" In {count - trailing.height} more cases that trail none of the converters takes {LEAST_EFFECT:.0%}."
        if count > trailing.height
        else ""
    )
    memory, turned = (some.filter(pl.col("family") == "memristive").height for some in (trailing, enough))
    share = f" In memory that is {turned} of {memory} cases: converters hold some back, and not most." \
        if turned < memory / 2 else ""  # fmt: skip
    told = (
        f"Free converters alone turn {enough.height} of {trailing.height} cases in which another machine needs more "
        f"energy than the best electronic one and its converters take {LEAST_EFFECT:.0%} or more ({_cases(enough)}); "
        "in the others the machine would still need "
        f"{_range(trailing.join(enough, on=['network', 'back_end'], how='anti'))} times the energy.{few}{share}"
    )
    uncertain = (
        f"{CASE}; converters at no energy at all, every other constant at its typical value; the exact limit, no "
        "estimate"
    )
    return Finding("overtake_converters", told, uncertain)


def everything(tables: Tables) -> Finding | None:
    """By how much all costs of a machine must fall together."""
    rows = _energy(tables).filter((pl.col("moved") == "all") & _trails)
    if rows.is_empty():
        return None
    known = _by_factor(rows)
    factors = [f"{_case(row)} {times(row['improvement_needed'])}" for row in known[:MOST_NAMED]]
    further = known[MOST_NAMED:]
    rest = f" and {len(further)} more by up to {_case(further[-1])} " if further else ""
    rest += times(further[-1]["improvement_needed"]) if further else ""
    never = rows.filter(pl.col("improvement_needed").is_null())
    behind = f" Not even free: {_cases(never)}." if never.height else ""
    told = f"All costs of a machine would have to fall together (× times less): {', '.join(factors)}{rest}.{behind}"
    uncertain = (
        "needed_low and needed_high of each row: the rival at its own corners. What stays even then: the host's own "
        "memory, and light of a strength that the link's rule fixes"
    )
    return Finding("overtake_everything", told, uncertain)


def spread(tables: Tables) -> Finding | None:
    """How much devices may differ at equal accuracy."""
    rows = tables["overtake"].filter((pl.col("moved") == "variation") & pl.col("needed").is_not_null())
    if rows.is_empty():
        return None
    told = [
        f"{row['back_end']} on {row['network']} ({row['compression']}) bears a {row['parameters']} of "
        f"{'at least ' if row['needed_low'] == row['needed_high'] else ''}{number(row['needed'])} "
        f"(today {number(row['today'])})"
        for row in rows.iter_rows(named=True)
    ]
    uncertain = "between the measured spreads on both sides of it: " + "; ".join(
        f"{number(row['needed_low'])} to {number(row['needed_high'])}" for row in rows.iter_rows(named=True)
    )
    return Finding("overtake_spread", f"At equal accuracy {'; '.join(told)}.", uncertain)


def quantities(tables: Tables) -> Finding | None:
    """Of each device quantity how many of the cases that trail in energy it turns by itself, at its best."""
    rows = _energy(tables).filter(_trails & (pl.col("moved") == "one") & pl.col("quantity").is_not_null())
    told = []
    for (quantity,), some in rows.group_by("quantity", maintain_order=True):
        best = some.group_by(_CASE, maintain_order=True).agg(pl.all().sort_by("best_reach").first())
        turned = best.filter(pl.col("best_reach") <= pl.col("rival_value"))
        within = best.filter(pl.col("verdict") == "within_corner").height
        named = f" ({_cases(turned)}; {within} inside its sourced range)" if turned.height else ""
        told.append(f"{quantity} {turned.height} of {best.height}{named}")
    if not told:
        return None
    return Finding(
        "overtake_quantities",
        f"Cases in which one device quantity alone, at its physical limit, brings a machine that trails in energy to "
        f"the best electronic one, of those that trail and have the quantity: {', '.join(told)}.",
        f"{CASE}; the costliest constant of each quantity by itself, exact limit; the other constants and the rival at "
        "their typical values; what a machine has not is in no count",
    )


def latency(tables: Tables) -> Finding | None:
    """Who is as fast as the fastest electronic machine, and whom faster devices would bring there."""
    known = tables["overtake"].filter(pl.col("metric") == "inference_latency_ns")
    cases = known.filter(pl.col("own_value").is_not_null()).unique(_CASE, keep="first", maintain_order=True)
    if cases.is_empty():
        return None
    ahead, trailing = cases.filter(~_trails), cases.filter(_trails)
    whole = known.filter((pl.col("moved") == "all") & _trails & pl.col("improvement_needed").is_not_null())
    host = whole.filter(
        pl.col("parameters").str.contains(HOST) & ~pl.col("parameters").str.contains(" + ", literal=True)
    )
    device = whole.join(host, on=_CASE, how="anti")
    told = f"In latency {ahead.height} of {cases.height} cases lead the fastest electronic machine ({_cases(ahead)})"
    turns = [
        f"{some.height} would with {what} less by {_factors(some)}"
        for some, what in (
            (device, "all sourced times of the machine and its host"), (host, "the digital host's instructions alone"),
        )
        if some.height
    ]  # fmt: skip
    lost = "and the rest not with all of them at nothing" if turns else "none would with all sourced times at nothing"
    rest = f"; of the {trailing.height} others {', '.join([*turns, lost])}" if trailing.height else ""
    uncertain = (
        f"{CASE}, all with a latency; each side in its fastest design; clocks are no device constants and stay; area "
        "is not held equal"
    )
    return Finding("overtake_latency", f"{told}{rest}.", uncertain)


FINDINGS: tuple[Find, ...] = (nearest_levers, converters, quantities, everything, latency, spread)


_CASE = ["network", "back_end"]


_trails = pl.col("own_value") > pl.col("rival_value")


def _whole_kind(rows: pl.DataFrame, kind: str) -> pl.DataFrame:
    """All of a kind made free, a row a case: the row of the kind, or of the one lever of it that is felt."""
    mine, keys = rows.filter(pl.col("kind") == kind), ["network", "back_end"]
    whole = mine.filter(pl.col("moved") == "kind")
    felt = 1 - pl.col("best_reach") / pl.col("own_value") >= LEAST_EFFECT
    alone = mine.filter((pl.col("moved") == "one") & felt).join(whole, on=keys, how="anti")
    return pl.concat([whole, alone])


def _energy(tables: Tables) -> pl.DataFrame:
    known = tables["overtake"]
    return known.filter((pl.col("metric") == "inference_energy_pj") & pl.col("own_value").is_not_null())


def _nearest(rows: pl.DataFrame, family: str) -> str | None:
    """The family's case of the least improvement by one constant; else how near the best one comes."""
    own = rows.filter((pl.col("family") == family) & _trails)
    single = own.filter(pl.col("moved") == "one")
    if single.is_empty():
        return None
    possible = single.filter(pl.col("verdict").is_in(["within_corner", "beyond_corner"])).sort("improvement_needed")
    if possible.is_empty():
        best = single.sort(pl.col("best_reach") / pl.col("rival_value")).row(0, named=True)
        return (
            f"No {family} machine that trails overtakes by one constant; nearest comes {_case(best)} with a free "
            f"{best['parameters']}, at {number(best['best_reach'] / best['rival_value'])} times the rival's energy."
        )
    row = possible.row(0, named=True)
    within = "inside" if row["verdict"] == "within_corner" else "outside"
    return (
        f"The nearest {family} lever is {row['parameters']} of {_case(row)}: {number(row['needed'])} {row['unit']} "
        f"({number(row['needed_low'])} to {number(row['needed_high'])}) in place of {number(row['today'])}, "
        f"{times(row['improvement_needed'])} better, {within} its sourced range."
    )


def _case(row: Row) -> str:
    return f"{row['back_end']} on {row['network']}"


def _cases(rows: pl.DataFrame) -> str:
    """Each by name; of many the machines, with how many networks each."""
    if rows.height <= MOST_NAMED:
        return ", ".join(_case(row) for row in rows.iter_rows(named=True)) or "none"
    counts = rows.group_by("back_end", maintain_order=True).agg(pl.len().alias("count"))
    return ", ".join(f"{name} on {count}" for name, count in counts.iter_rows())


def _range(rows: pl.DataFrame) -> str:
    ratios = sorted(row["best_reach"] / row["rival_value"] for row in rows.iter_rows(named=True))
    return f"{number(ratios[0])} to {number(ratios[-1])}" if ratios else "no more than once"


def _factors(rows: pl.DataFrame) -> str:
    """Each case with the factor that it needs, the least first."""
    told = [f"{times(row['improvement_needed'])} ({_case(row)})" for row in _by_factor(rows)]
    return ", ".join(told[:MOST_NAMED]) or "some factor"


def _by_factor(rows: pl.DataFrame) -> list[Row]:
    known = rows.filter(pl.col("improvement_needed").is_not_null())
    return list(known.sort("improvement_needed").iter_rows(named=True))
