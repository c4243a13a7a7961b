"""Two studies: what may be compared, which designs are one, which constants moved, and whose choice it was."""

from __future__ import annotations

import dataclasses
import json
import re
from typing import Any

import polars as pl
import pytest
from page_reader import assert_sound
from scenarios import asked
from synthetic import empty, synthetic

from joulescape import tables
from joulescape.errors import ResultsError
from joulescape.report.comparison.answers import changed, choice_sentence, pick_of
from joulescape.report.comparison.facts import compare
from joulescape.report.comparison.page import SCHEMA, lines, render, summary
from joulescape.report.inputs import Tables

BASE = synthetic(120)


def constants(given: Tables, *rows: tuple[str, str, str, float]) -> Tables:
    made = [
        {"back_end": name, "station": station, "path": path, "value": value, "low": 1.0, "high": 99.0,
         "basis": "assumed", "source": "wu2019"}
        for name, station, path, value in rows
    ]  # fmt: skip
    return dataclasses.replace(given, constants=tables.make(made, tables.CONSTANTS))


def test_another_task_is_refused_in_clear_words() -> None:
    with pytest.raises(ResultsError, match="about the task digits, .* about mnist: .* compared on one task"):
        compare(BASE, asked(BASE, task="mnist"))
    compare(BASE, dataclasses.replace(BASE, resolved={}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"boundary": "chip"}, r"Another boundary \(system before, chip after\): energies are of different wholes"),
        ({"batch": 16}, r"Another batch \(1 before, 16 after\)"),
        ({"node": 7}, r"Another node \(as_published before, 7 after\)"),
        ({"lifecycle": {"inferences": 1e6}}, r"Another life \(– before, 1,000,000 after\)"),
        ({"back_ends": ["memristive/isaac", "electronic/new"]}, "electronic/new only after"),
    ],
)
def test_another_ground_is_a_warning(changes: dict[str, Any], said: str) -> None:
    found = compare(BASE, asked(BASE, **changes))
    assert re.search(said, found.warning), found.warning
    assert found.warning in list(lines(found))


def test_designs_are_one_by_their_id_or_by_their_parameters() -> None:
    renamed = pl.when(pl.col("trial") % 2 == 0).then(pl.format("x{}", "design_id")).otherwise(pl.col("design_id"))
    after = dataclasses.replace(BASE, trials=BASE.trials.with_columns(design_id=renamed))
    found = compare(BASE, after)
    assert found.common == sum(not name.startswith("x") for name in after.valid["design_id"])
    known = BASE.valid.select("network", "back_end", *tables.parameter_columns(BASE.trials))
    changed_ids = BASE.valid.with_columns(is_alone=~known.is_duplicated()).filter(pl.col("trial") % 2 == 0)
    assert found.alike >= changed_ids["is_alone"].sum() > 0
    assert found.moved_count == 0 and sum(found.only) == 2 * changed_ids.height
    assert_sound(render(BASE, after, found))


def test_a_moved_constant_is_named_old_and_new_with_its_proof() -> None:
    isaac, tpu = "memristive/isaac", "electronic/systolic_int8"
    old = constants(
        BASE, (isaac, isaac, "adc.energy_pj", 1.6), (isaac, "lpddr4", "read", 8), (tpu, "lpddr4", "read", 8)
    )
    new = constants(
        BASE, (isaac, isaac, "adc.energy_pj", 1.6), (isaac, "lpddr4", "read", 4), (tpu, "lpddr4", "read", 4)
    )
    found = compare(old, new)
    assert [(change.group, change.path, change.before, change.after) for change in found.changes] == [
        ("constants", "lpddr4: read", "8 (1 to 99, assumed, wu2019)", "4 (1 to 99, assumed, wu2019)")
    ]
    assert found.causes == ("What differs: constants (1). What does not: question, networks, code, packages, computer.")
    page = render(old, new, found)
    assert "lpddr4: read" in page and "8 (1 to 99, assumed, wu2019)" in page
    assert "constants" in compare(old, old).causes.split("What does not: ")[1]
    assert compare(old, old).causes.startswith("What differs: nothing. What does not: "), "half a sentence says nothing"


def test_constants_that_were_not_kept_are_not_called_the_same() -> None:
    kept = constants(BASE, ("memristive/isaac", "lpddr4", "read", 8))
    for before, after in ((BASE, kept), (kept, BASE), (BASE, BASE)):
        found = compare(before, after)
        assert "an older version that kept none" in found.causes
        assert "constants" not in found.causes.split("What does not: ")[1].split(".")[0]


def test_networks_code_and_shelf_have_causes_of_their_own() -> None:
    digests = {"space": "1", "code": "2", "weights": "3"}
    before = constants(dataclasses.replace(BASE, resolved={**BASE.resolved, "digests": digests}), ("b", "b", "x", 1))
    for key, group in (("code", "code"), ("weights", "networks")):
        after = dataclasses.replace(before, resolved={**before.resolved, "digests": {**digests, key: "9"}})
        assert f"What differs: {group} (1)." in compare(before, after).causes
    shelf = dataclasses.replace(before, resolved={**before.resolved, "digests": {**digests, "space": "9"}})
    assert "that no table holds" in compare(before, shelf).causes
    mean = {"digits_lenet": {"test_accuracy_mean_fraction": 0.9, "seconds": 3}}
    retrained = compare(before, dataclasses.replace(before, networks=mean))
    assert next(change.path for change in retrained.changes if change.group == "networks").startswith("digits_lenet.")


def test_the_choice_is_followed() -> None:
    first = pick_of(BASE)
    assert first is not None and pick_of(empty()) is None
    metrics = dict(BASE.axes.items())
    assert "the same" in choice_sentence(first, first, metrics) and "same numbers" in choice_sentence(
        first, first, metrics
    )
    other = dataclasses.replace(first, design_id="zz", parameters={"compression.0.prune.density": 0.123456})
    said = choice_sentence(first, other, metrics)
    assert "another one of" in said and "density" in said and "0.1235" in said
    assert "moved from" in choice_sentence(first, dataclasses.replace(other, back_end="photonic/x"), metrics)
    assert choice_sentence(None, None, metrics).startswith("Neither") and "later" in choice_sentence(
        None, first, metrics
    )


def test_a_change_is_a_factor_or_points_or_not_known() -> None:
    assert changed(2.0, 1.0, "area_mm2") == "÷2.0" and changed(1.0, 1.0, "area_mm2") == "unchanged"
    assert changed(0.9, 0.95, "accuracy_fraction") == "+5.0\u202fpoints"
    assert changed(None, 1.0, "area_mm2") == "–" == changed(0.0, 1.0, "area_mm2")


def test_every_design_is_counted_in_its_state() -> None:
    found = compare(BASE, empty())
    for column, given in ((0, BASE), (1, empty())):
        for state in ("valid", "infeasible", "failed", "screened"):
            told = sum(row.states[state][column] for row in found.counts)
            assert told == given.trials.filter(pl.col("state") == state).height
        assert sum(row.front[column] for row in found.counts) == given.front.height


def test_the_json_has_a_version_and_holds_what_the_page_says() -> None:
    found = compare(BASE, synthetic(90, seed=4))
    told = json.loads(json.dumps(summary(found), allow_nan=False))
    assert told["schema"] == SCHEMA and told["causes"] == found.causes and told["choice"] == found.choice
    assert set(told["best_of_metric"]) == set(dict(BASE.axes.items()).values())
    assert told["before"] != told["after"], "two runs of one question are told apart"
