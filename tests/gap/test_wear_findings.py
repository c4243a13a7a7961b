"""A chip that wears out is told with the range of what its cells bear, and where in it the chip would survive."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from joulescape import gap_tables, tables
from joulescape.gap.wear_findings import worn_out

RPU, ECRAM = "memristive/rpu", "memristive/rpu_ecram"


def worn(back_end: str = RPU, needed: str = "5.04e+08", network: str = "alexnet") -> dict[str, Any]:
    reason = f"20019 steps write a cell {needed} times, and cells endure 1e+08: at most 9 steps, or cells that endure"
    return {"network": network, "back_end": back_end, "state": "infeasible", "area_mm2": 30.06,
            "reason": f"{reason} {needed} writes"}  # fmt: skip


def machine(back_end: str = RPU, low: float | None = 1e6, high: float | None = 1e9) -> dict[str, Any]:
    return {"back_end": back_end, "endurance_writes": 1e8, "endurance_low": low, "endurance_high": high,
            "endurance_basis": "assumed", "endurance_source": "joulescape: review level"}  # fmt: skip


def asked(lives: list[dict[str, Any]], *machines: dict[str, Any]) -> dict[str, pl.DataFrame]:
    made = {"lifecycle": tables.make(lives, gap_tables.LIFECYCLE)}
    return {**made, "machines": tables.make(machines, gap_tables.MACHINES)}


@pytest.mark.parametrize(("needed", "survives"), [("5.04e+08", True), ("1e+09", True), ("8.36e+09", False)])
def test_a_chip_survives_where_its_range_reaches_what_it_writes(needed: str, survives: bool) -> None:
    found = worn_out(asked([worn(needed=needed)], machine()))
    assert found is not None
    assert f"{int(survives)} of them would survive" in found.sentence
    assert ("survives nowhere in its range" in found.sentence) is not survives
    assert "endures 1e+08 writes, assumed, 1e+06 to 1e+09" in found.sentence
    assert found.uncertainty.startswith("endurance_writes: assumed (joulescape: review level) of memristive/rpu;")


def test_machines_that_write_alike_are_told_together_each_with_its_own_range() -> None:
    found = worn_out(asked([worn(needed="8.36e+09"), worn(ECRAM, "8.36e+09")], machine(), machine(ECRAM, 1e5, 1e11)))
    assert found is not None and found.sentence.count("writes a cell") == 1
    assert "100,000 to 1e+11: survives from 8.36e+09 on, inside its range" in found.sentence
    assert "1e+06 to 1e+09: survives nowhere" in found.sentence and "1 of them would survive" in found.sentence


def test_what_is_not_known_of_a_cell_is_said() -> None:
    bare = worn_out(asked([worn()]))
    assert bare is not None and "its endurance is not told" in bare.sentence and "not told of" in bare.uncertainty
    fixed = worn_out(asked([worn()], machine(low=None, high=None)))
    assert fixed is not None and "no range" in fixed.sentence and "0 of them would survive" in fixed.sentence
    with pytest.raises(ValueError, match="does not say"):
        worn_out(asked([{**worn(), "reason": "cells endure little"}]))
