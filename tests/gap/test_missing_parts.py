"""What is not there is said: questions without answers, designs that cannot be, points too few for a line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from bridge_questions import BASELINE, COSTS, question, study
from gap_designs import ENERGY, MESH, SYSTOLIC
from trend_project import point, study_of, written

from joulescape import gap_tables, tables
from joulescape.errors import ResultsError
from joulescape.gap import bridge, contests, lifecycle, overtake, shores
from joulescape.gap.priced import bills_of
from joulescape.gap.shore_findings import FINDINGS
from joulescape.resolve.design_space import DesignSpace
from joulescape.spec.sourced import CORNERS
from joulescape.spec.study import OvertakeSpec, OvertakingSpec

ACCURATE = {**COSTS, "accuracy_fraction": "maximize"}


def measured_space() -> DesignSpace:
    return question(networks=["digits_mlp"], back_ends=[BASELINE, MESH], hardware={}, objectives=ACCURATE,
                    compression=[], phases=["inference", "training"])  # fmt: skip


def trials(folder: Path, *rows: Mapping[str, Any]) -> None:
    tables.write(tables.make(rows, tables.TRIALS), folder / "trials.parquet")


def trained(back_end: str, **others: Any) -> dict[str, Any]:
    return {"network": "digits_mlp", "back_end": back_end, "family": back_end.partition("/")[0], "state": "valid",
            "pair": f"digits_mlp@{back_end}", "trained_accuracy_fraction": 0.95, "training_steps_count": 10,
            "steps_basis": "measured", "training_energy_pj": 1e9, ENERGY: 1e5, **others}  # fmt: skip


@pytest.mark.parametrize("part", [bridge, lifecycle, overtake])
def test_a_study_without_questions_has_no_rows_of_them(part: Any) -> None:
    empty = SimpleNamespace(spaces={}, spec=SimpleNamespace(overtake=OvertakingSpec()))
    assert all(list(rows) == [] for rows in part.rows(empty).values())


@pytest.mark.parametrize("role", ["measured", "training"])
def test_a_question_that_was_not_answered_is_an_error_with_its_command(tmp_path: Path, role: str) -> None:
    asked = study(measured_space(), role, tmp_path)
    part = bridge if role == "measured" else lifecycle
    with pytest.raises(ResultsError, match=r"snakemake --cores 2 results/q/report.html"):
        part.rows(asked)


def test_a_machine_that_could_not_be_trained_is_a_row_with_its_reason(tmp_path: Path) -> None:
    lost = trained(MESH, state="failed", reason="the loss is no number", trained_accuracy_fraction=None)
    trials(tmp_path / "results" / "q", trained(BASELINE), lost)
    rows = lifecycle.rows(study(measured_space(), "training", tmp_path))["lifecycle"]
    (told,) = (row for row in rows if row["back_end"] == MESH)
    assert (told["state"], told["reason"], told["compression"]) == ("failed", "the loss is no number", "none")
    assert told["split"] == "100/0" and "factor" not in told
    made = tables.make(rows, gap_tables.LIFECYCLE)
    assert set(made.filter(pl.col("back_end") == BASELINE)["factor"]) == {1.0}


def test_a_corner_at_which_a_trained_machine_cannot_be_has_no_factor(tmp_path: Path) -> None:
    """The link of the mesh does not close at the pessimistic corner: a ratio of prices would be a made-up number."""
    trials(tmp_path / "results" / "q", trained(BASELINE), trained(MESH))
    rows = lifecycle.rows(study(measured_space(), "training", tmp_path))["lifecycle"]
    mesh = tables.make([row for row in rows if row["back_end"] == MESH], gap_tables.LIFECYCLE)
    assert set(mesh.filter(pl.col("state") == "valid")["corner"]) == {"optimistic", "typical"}
    (lost,) = mesh.filter(pl.col("state") != "valid").to_dicts()
    assert lost["corner"] == "pessimistic" and "the link asks for" in lost["reason"]
    assert lost["factor"] is None and lost["rank"] is None
    base = tables.make([row for row in rows if row["back_end"] == BASELINE], gap_tables.LIFECYCLE)
    assert set(base["corner"]) == set(CORNERS) and set(base["factor"]) == {1.0}


def test_an_overtaking_that_no_design_can_try_is_said() -> None:
    tiny = {"memristive/isaac": {"tiles": 1, "imas_per_tile": 1, "crossbars_per_ima": 1}}
    space = question(networks=["digits_lenet"], back_ends=[SYSTOLIC, "memristive/isaac"], hardware=tiny)
    entry = OvertakeSpec(back_end="memristive/isaac", parameters=("adc.energy_pj",))
    asked = SimpleNamespace(
        spaces={"bridge": space},
        networks=lambda: ("digits_lenet",),
        spec=SimpleNamespace(overtake=OvertakingSpec(machines=(entry,))),
    )
    row, *absent = overtake.rows(asked)["overtake"]  # type: ignore[arg-type]
    assert {one["quantity"] for one in absent} >= {"laser efficiency", "source power"}
    assert row["verdict"] == "infeasible" and "crossbars" in row["reason"]
    assert row["rival"].startswith("digits_lenet on electronic/systolic_int8")


def test_without_an_electronic_machine_there_is_nobody_to_overtake() -> None:
    space = question(networks=["digits_mlp"], back_ends=[MESH], hardware={})
    with pytest.raises(ResultsError, match="q has no electronic machine that can carry digits_mlp"):
        list(contests.priced(space, bills_of(space, space.pairs[0]), [(MESH, ENERGY)]))


def fits(tmp_path: Path, points: str) -> dict[str, dict[str, Any]]:
    found = shores.rows(study_of(written(tmp_path, points)))["fits"]
    return {
        str(row["span"]): dict(row) for row in found if row["group"] == "chips" and row["series"] == "density_by_year"
    }


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (point("a", 2010, 100), "1 point: a fit with an interval needs 3"),
        (point("a", 2010, 100) + point("b", 2012, 200), "2 points: a fit with an interval needs 3"),
        (point("a", 2010, 100) + point("b", 2010, 200) + point("c", 2010, 300), "all points stand at one x"),
        (point("a", 2020, 100), "no point until 2018; 1 later"),
        (point("a", 2010, 100, rate_sure="low"), "no point of sufficient confidence"),
        (point("a", 2010, None, area=5.0) + point("b", 2010, 100, area=None), "not published: b (no die area)"),
    ],
)
def test_a_series_too_short_for_a_line_has_a_reason_and_no_number(tmp_path: Path, points: str, reason: str) -> None:
    row = fits(tmp_path, points)["first"]
    assert row["reason"] == reason
    numbers = {name: value for name, value in row.items() if isinstance(value, float)}
    assert numbers == {}
    assert row.get("sentence") is None and row.get("growth_factor") is None


def test_points_that_no_line_can_be_drawn_through_are_in_no_finding(tmp_path: Path) -> None:
    made = shores.rows(study_of(written(tmp_path, point("a", 2010, 100))))
    known = {name: tables.make(made[name], gap_tables.TABLES[name]) for name in ("shores", "fits")}
    assert [find(known) for find in FINDINGS] == [None] * len(FINDINGS)
    assert known["shores"].height and not known["shores"]["is_fitted"].any()
