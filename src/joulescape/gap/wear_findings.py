"""Which chips wear out before a network is trained, and at which endurance of their cells they would not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import polars as pl

from joulescape.gap.findings import Finding, Tables
from joulescape.gap.in_words import number

Row = Mapping[str, Any]

WEAR = "cells endure"
"""How a machine says that its cells wear out."""
_NEEDED = re.compile(r"cells that endure ([\d.e+]+) writes")
"""Where it says how many writes they would have to endure."""


def worn_out(tables: Tables) -> Finding | None:
    """Machines whose cells bear fewer writes than one training asks for, however large the chip; the endurance with its
    range, and whether they would survive inside it."""
    lost = tables["lifecycle"].filter((pl.col("state") != "valid") & pl.col("reason").str.contains(WEAR, literal=True))
    worn = lost.filter(pl.col("area_mm2").is_not_null()).to_dicts()
    if not worn:
        return None
    machines = {row["back_end"]: row for row in tables["machines"].iter_rows(named=True)}
    cases: dict[tuple[str, str, float], list[Row]] = {}
    for row in worn:
        cases.setdefault((row["network"], number(row["area_mm2"]), _needed(row)), []).append(row)
    told = "; ".join(
        f"{network} on a chip of {area} mm2 writes a cell {number(needed)} times: "
        + ", ".join(f"{row['back_end']} ({_at(machines.get(row['back_end']), needed)})" for row in rows)
        for (network, area, needed), rows in cases.items()
    )
    inside = sum(_survives(machines.get(row["back_end"]), _needed(row)) for row in worn)
    return Finding(
        "lifecycle_worn_out",
        f"At the typical endurance of their cells {len(worn)} chips that hold the network wear out before it is "
        f"trained for one epoch; {inside} of them would survive at some value inside the range of endurance_writes: "
        f"{told}.",
        f"{_sources(machines, worn)}; pulses of each update at their typical values; area as the study gives it, at "
        "its node",
    )


def _needed(row: Row) -> float:
    """How many writes a cell would have to endure, as the machine says it; ValueError where it does not."""
    found = _NEEDED.search(row["reason"])
    if found is None:
        raise ValueError(f"{row['back_end']} does not say which endurance it needs: {row['reason']}")
    return float(found[1])


def _survives(machine: Row | None, needed: float) -> bool:
    return machine is not None and machine["endurance_high"] is not None and needed <= machine["endurance_high"]


def _at(machine: Row | None, needed: float) -> str:
    """The endurance with its range, and where in it the chip would survive."""
    if machine is None or machine["endurance_writes"] is None:
        return f"survives from {number(needed)} writes on; its endurance is not told"
    ends = (machine["endurance_low"], machine["endurance_high"])
    told = number(machine["endurance_writes"])
    if None in ends:
        return f"endures {told} writes, no range; survives from {number(needed)} on"
    said = f"endures {told} writes, {machine['endurance_basis']}, {number(ends[0])} to {number(ends[1])}"
    if _survives(machine, needed):
        return f"{said}: survives from {number(needed)} on, inside its range"
    return f"{said}: survives nowhere in its range"


def _sources(machines: Mapping[str, Row], worn: list[dict[str, Any]]) -> str:
    """What each endurance rests on, told once a source."""
    found: dict[str, list[str]] = {}
    for name in dict.fromkeys(row["back_end"] for row in worn):
        machine = machines.get(name)
        source = f"{machine['endurance_basis']} ({machine['endurance_source']})" if machine else "not told"
        found.setdefault(source, []).append(name)
    return "endurance_writes: " + "; ".join(f"{source} of {', '.join(names)}" for source, names in found.items())
