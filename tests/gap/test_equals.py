"""Equal accuracy: which measured designs may be compared, on trials made by hand."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from bridge_questions import COSTS, question
from gap_designs import ENERGY, ISAAC, MESH, STRIPES, SYSTOLIC

from joulescape import tables
from joulescape.errors import ResultsError
from joulescape.gap.equals import answered, design_of, equals, equals_below, trials
from joulescape.gap.states import states
from joulescape.resolve.design_space import DesignSpace

TOLERANCE = 0.01
NONE, EIGHT, FOUR = "none", "quantize 8/8", "fixed_point 4/4"


@cache
def space() -> DesignSpace:
    return question(networks=["digits_mlp"], objectives={**COSTS, "accuracy_fraction": "maximize"})


def trial(back_end: str, compression: str, accuracy: float, energy: float, **others: Any) -> dict[str, Any]:
    """A row of trials.parquet: the design of this state as the question draws it."""
    pair = next(pair for pair in space().pairs if pair.back_end == back_end)
    (candidate,) = next(one for one in states(space(), pair) if one.name == compression).candidates
    drawn = {name: value for name, value in candidate.values.items() if name != "pair"}
    swept = {"hardware.memristive/isaac.tiles": 2} if back_end == ISAAC else {}
    return {
        "design_id": f"{back_end} {compression}", "candidate_id": candidate.candidate_id,
        "variant_id": 1 if swept else 0, "network": "digits_mlp", "pair": pair.name,
        "back_end": back_end, "family": back_end.partition("/")[0], "state": "valid",
        "accuracy_fraction": accuracy, ENERGY: energy, **drawn, **swept, **others,
    }  # fmt: skip


def written(folder: Path, *rows: dict[str, Any]) -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    frame = pl.DataFrame([{name: row.get(name) for name in names} for row in rows], infer_schema_length=None)
    tables.write(frame, folder / "trials.parquet")
    return folder


ELECTRONIC = (trial(SYSTOLIC, NONE, 0.97, 100.0), trial(SYSTOLIC, EIGHT, 0.965, 60.0), trial(STRIPES, FOUR, 0.90, 5.0))


def test_the_rival_is_the_least_of_those_near_the_most_accurate(tmp_path: Path) -> None:
    found = equals(space(), written(tmp_path, *ELECTRONIC, trial(MESH, NONE, 0.98, 9.0)), MESH, ENERGY, TOLERANCE)
    assert (found.rival.candidate.back_end, found.rival.compression) == (SYSTOLIC, EIGHT)
    assert found.rival_accuracy == 0.965


def test_a_machine_s_cheapest_design_counts_only_if_it_is_as_accurate(tmp_path: Path) -> None:
    own = (trial(MESH, NONE, 0.96, 900.0), trial(MESH, EIGHT, 0.956, 700.0), trial(MESH, FOUR, 0.4, 1.0))
    found = equals(space(), written(tmp_path, *ELECTRONIC, *own), MESH, ENERGY, TOLERANCE)
    assert found.design is not None and found.refusal is None
    assert found.design.compression == EIGHT
    assert found.said == "measured: 0.956 against 0.965, equal within 0.01"


@pytest.mark.parametrize(("short", "is_equal"), [(0.0, True), (TOLERANCE / 2, True), (2 * TOLERANCE, False)])
def test_the_tolerance_is_the_edge(tmp_path: Path, short: float, is_equal: bool) -> None:
    found = equals(
        space(), written(tmp_path, ELECTRONIC[0], trial(MESH, NONE, 0.97 - short, 1.0)), MESH, ENERGY, TOLERANCE
    )
    assert (found.design is not None) is is_equal


def test_a_machine_that_is_never_as_accurate_says_how_near_it_comes(tmp_path: Path) -> None:
    own = (trial(MESH, NONE, 0.8, 1.0), trial(MESH, EIGHT, 0.85, 2.0))
    found = equals(space(), written(tmp_path, *ELECTRONIC, *own), MESH, ENERGY, TOLERANCE)
    assert found.design is None and found.network == "digits_mlp"
    assert found.refusal == "no design of it is as accurate as 0.965 within 0.01; its best reaches 0.850"


def test_a_machine_without_a_valid_design_says_so(tmp_path: Path) -> None:
    lost = trial(MESH, NONE, 0.99, 1.0, state="infeasible", reason="too large")
    found = equals(space(), written(tmp_path, *ELECTRONIC, lost), MESH, ENERGY, TOLERANCE)
    assert found.design is None and "none of its designs was valid" in (found.refusal or "")


def test_results_without_an_electronic_design_or_without_a_table_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"trials.parquet has no valid electronic design"):
        equals(space(), written(tmp_path, trial(MESH, NONE, 0.97, 1.0)), MESH, ENERGY, TOLERANCE)
    with pytest.raises(
        ResultsError, match=r"q/trials.parquet is not there; answer the question first: snakemake .*q/r"
    ):
        trials(tmp_path / "q")


def test_what_was_tried_and_what_is_valid_are_told_apart(tmp_path: Path) -> None:
    written(tmp_path, *ELECTRONIC, trial(MESH, NONE, 0.1, 1.0, state="infeasible"))
    assert answered(tmp_path).height == 4 and trials(tmp_path).height == 3


def test_equal_costs_are_told_in_the_order_of_the_search(tmp_path: Path) -> None:
    rows = (trial(SYSTOLIC, NONE, 0.97, 60.0), trial(SYSTOLIC, EIGHT, 0.97, 60.0))
    for order in (rows, rows[::-1]):
        found = equals(space(), written(tmp_path, *order), SYSTOLIC, ENERGY, TOLERANCE)
        assert f"{SYSTOLIC} {found.rival.compression}" == order[0]["design_id"]


@pytest.mark.parametrize("state", [NONE, EIGHT, FOUR])
def test_a_row_is_read_back_as_the_design_that_was_measured(state: str) -> None:
    found = design_of(space(), trial(ISAAC, state, 0.9, 1.0))
    assert found.compression == state
    assert dict(found.variant) == {"tiles": 2}
    assert found.candidate.candidate_id == trial(ISAAC, state, 0.9, 1.0)["candidate_id"]


def test_a_machine_that_is_never_as_accurate_meets_a_rival_of_its_own_accuracy(tmp_path: Path) -> None:
    own = (trial(MESH, NONE, 0.905, 900.0), trial(MESH, EIGHT, 0.898, 700.0), trial(MESH, FOUR, 0.4, 1.0))
    found = equals_below(space(), written(tmp_path, *ELECTRONIC, *own), MESH, ENERGY, TOLERANCE)
    assert found.design is not None and found.design.compression == EIGHT
    assert (found.rival.candidate.back_end, found.rival.compression) == (STRIPES, FOUR)
    assert "0.898, the most it reaches, against 0.900" in found.said and "electronic design has 0.970" in found.said


def test_a_machine_with_nothing_valid_has_no_accuracy_of_its_own(tmp_path: Path) -> None:
    folder = written(tmp_path, *ELECTRONIC)
    found = equals_below(space(), folder, MESH, ENERGY, TOLERANCE)
    assert found.design is None and "none of its designs was valid" in (found.refusal or "")


def test_networks_that_are_not_asked_for_are_no_rivals(tmp_path: Path) -> None:
    other = {**trial(STRIPES, NONE, 0.99, 1.0), "network": "digits_lenet"}
    folder = written(tmp_path, *ELECTRONIC, other, trial(MESH, NONE, 0.97, 9.0))
    assert equals(space(), folder, MESH, ENERGY, TOLERANCE, ("digits_mlp",)).rival_accuracy == 0.965
    assert equals(space(), folder, MESH, ENERGY, TOLERANCE).design is None
