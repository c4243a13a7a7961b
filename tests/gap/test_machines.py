"""What stands behind each machine follows from its file alone."""

from __future__ import annotations

from pathlib import Path

from joulescape import gap_tables, tables
from joulescape.gap.machines import machine_rows
from joulescape.resolve.study import load_study

ROOT = Path(__file__).resolve().parents[2]


def test_the_shipped_machines_say_what_was_predicted_and_what_no_corner_moves():
    study = load_study(ROOT / "spaces" / "gap_study.yaml")
    found = {row["back_end"]: row for row in machine_rows(study)}
    assert set(found) == {name for space in study.spaces.values() for name in space.back_ends}
    tables.make(list(found.values()), gap_tables.MACHINES)
    assert found["memristive/prime"]["published_predictions_count"] == 0
    assert found["electronic/eyeriss"]["published_predictions_count"] > 0
    assert all(0 <= row["fixed_constants_count"] <= row["constants_count"] for row in found.values())
    assert any(row["fixed_constants_count"] for row in found.values())
    ecram = found["memristive/rpu_ecram"]
    assert ecram["endurance_low"] <= ecram["endurance_writes"] <= ecram["endurance_high"]
    assert ecram["endurance_basis"] == "assumed"
    assert "endurance_writes" not in found["electronic/systolic_int8"]
