"""Two studies beside each other: nothing moves against itself, what moved is said with its cause, both ways agree."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from page_reader import assert_sound
from random_tables import random_given
from scenarios import cost_only
from synthetic import empty, synthetic
from typer.testing import CliRunner

from joulescape import tables
from joulescape.cli.diff_command import diff_command
from joulescape.errors import ResultsError
from joulescape.report.comparison.causes import changes
from joulescape.report.comparison.facts import NAMED, compare
from joulescape.report.comparison.page import lines, render, summary
from joulescape.report.inputs import Tables

EXAMPLES = settings(max_examples=15, deadline=None)
COSTS = ("inference_energy_pj", "inference_latency_ns", "area_mm2")


def scaled(given: Tables, factor: float, family: str | None = None) -> Tables:
    """The same study with every energy (of one family) times a factor."""
    applies = pl.lit(True) if family is None else pl.col("family") == family
    dearer = pl.when(applies).then(pl.col("inference_energy_pj") * factor).otherwise(pl.col("inference_energy_pj"))
    changed = {name: getattr(given, name).with_columns(inference_energy_pj=dearer) for name in ("trials", "front")}
    return dataclasses.replace(given, **changed)


def resolved(given: Tables, **keys: Any) -> Tables:
    return dataclasses.replace(given, resolved={**given.resolved, **keys})


@given(random_given())
@EXAMPLES
def test_a_study_does_not_differ_from_itself(tables: Tables) -> None:
    found = compare(tables, dataclasses.replace(tables))
    assert not found.moved and not found.changes and found.only == (0, 0)
    assert found.common == tables.valid.height and found.answers[0] == found.answers[1]
    assert all(row.factor in (None, 1.0) for row in found.best)
    assert all(row.change == 0 for row in found.energy)
    fronts = found.fronts
    assert fronts.before == fronts.after and fronts.volume_before == fronts.volume_after in (None, 1.0)
    assert fronts.covered_before == fronts.covered_after == (1.0 if fronts.before else None)


@given(st.floats(0.2, 5.0))
@EXAMPLES
def test_dearer_machines_are_dearer_by_their_factor(factor: float) -> None:
    before = synthetic(120)
    found = compare(before, scaled(before, factor))
    for row in found.best:
        assert row.factor is None or row.factor == pytest.approx(factor, rel=1e-2)
    assert found.moved_count == (found.common if abs(factor - 1) > 1e-5 else found.moved_count)
    if factor < 0.95:
        assert found.fronts.covered_before == 1.0 == pytest.approx(found.fronts.volume_after)
        assert (found.fronts.volume_before or 0) < 1
    if factor > 1.05:
        assert found.fronts.covered_after == 1.0 == pytest.approx(found.fronts.volume_before)
        assert (found.fronts.volume_after or 0) < 1


def test_both_ways_agree() -> None:
    first, second = synthetic(150), scaled(synthetic(220, seed=3), 0.7, "memristive")
    there, back = compare(first, second), compare(second, first)
    assert there.only == back.only[::-1] and there.common == back.common
    assert there.fronts.covered_before == back.fronts.covered_after
    assert there.fronts.volume_before == pytest.approx(back.fronts.volume_after)
    assert max(there.fronts.volume_before or 0, there.fronts.volume_after or 0) <= 1
    for row in there.best:
        twin = next(other for other in back.best if other.back_end == row.back_end)
        assert (row.before, row.after) == (twin.after, twin.before)


def test_the_family_that_moved_is_named() -> None:
    before = synthetic(200)
    found = compare(before, scaled(before, 0.5, "memristive"))
    assert "memristive/isaac" in found.sentence and "÷2.0" in found.sentence
    assert {design.family for design in found.moved} == {"memristive"}
    assert len(found.moved) == min(NAMED, found.moved_count)
    sizes = [design.size for design in found.moved]
    assert sizes == sorted(sizes, reverse=True)
    assert all(math.isclose(design.values[COSTS[0]][1] or 0, 0.5 * (design.values[COSTS[0]][0] or 0), rel_tol=1e-9)
               for design in found.moved)  # fmt: skip


def test_what_was_asked_otherwise_is_named_by_its_path() -> None:
    before = synthetic(60)
    spec = {**before.spec, "budget": {**before.spec["budget"], "trials": 77}, "extra": [1, {"deep": "x"}]}
    after = resolved(before, spec=spec, git_commit="abc", versions={**before.resolved["versions"], "optuna": "9.9"})
    found = {change.path: (change.group, change.after) for change in compare(before, after).changes}
    assert found["budget.trials"] == ("question", "77")
    assert found["extra[1].deep"] == ("question", "x")
    assert found["optuna"] == ("packages", "9.9")
    assert found["git_commit"] == ("commit", "abc")


def test_the_component_that_moved_is_first() -> None:
    before = synthetic(200)
    halved = pl.when(pl.col("component") == "adc").then(pl.col("energy_pj") * 0.01).otherwise(pl.col("energy_pj"))
    after = dataclasses.replace(before, parts=before.parts.with_columns(energy_pj=halved))
    rows = compare(before, after).energy
    changed = [row for row in rows if row.change]
    assert changed and {row.component for row in changed} == {"ADC"}
    for name in {row.back_end for row in changed}:
        mine = [row for row in rows if row.back_end == name]
        assert mine[0].component == "ADC" and mine[0].change < 0
        total = before.parts.filter((pl.col("quantity") == "energy") & (pl.col("phase") == "inference"))
        assert sum(row.before for row in mine) <= total["energy_pj"].sum()


def test_other_metrics_cannot_be_compared() -> None:
    with pytest.raises(ResultsError, match="one set of metrics"):
        compare(synthetic(40), cost_only(synthetic(40)))


@pytest.mark.parametrize("pair", ["empty", "one_empty", "costs"])
def test_studies_without_much_still_give_a_true_page(pair: str) -> None:
    some, none = synthetic(80), empty()
    before, after = {"empty": (none, none), "one_empty": (none, some), "costs": (cost_only(some), cost_only(some))}[
        pair
    ]
    found = compare(before, after)
    assert_sound(render(before, after, found))
    json.dumps(summary(found), allow_nan=False)
    assert found.fronts.volume_before is None or pair == "costs"


def test_other_questions_are_told_apart() -> None:
    before = synthetic(60)
    assert compare(before, before).warning == ""
    spec = {**before.spec, "networks": [*before.spec.get("networks", []), "lenet5"]}
    found = compare(before, resolved(before, spec=spec))
    assert "lenet5 only after" in found.warning and found.warning in render(before, before, found)
    assert found.warning in list(lines(found)) and summary(found)["warning"] == found.warning


def test_a_name_is_never_markup() -> None:
    hostile = "</script><img src=x onerror=alert(1)>"
    before = synthetic(60)
    after = dataclasses.replace(resolved(before, spec={**before.spec, hostile: hostile}), name=hostile)
    page = render(before, after, compare(before, after))
    assert_sound(page)
    assert hostile not in page and "&lt;img" in page


def test_the_page_is_the_same_twice_and_asks_nothing() -> None:
    before, after = synthetic(90), scaled(synthetic(120), 0.8)
    found = compare(before, after)
    page = render(before, after, found)
    assert page == render(before, after, compare(before, after))
    assert not re.findall(r"""(?:src|href)=["']https?:""", page)
    for line in lines(found):
        assert line.strip()


def written(given: Tables, folder: Path) -> Path:
    folder.mkdir()
    for name in ("trials", "front", "confirmed", "parts", "layers", "history", "audit"):
        tables.write(getattr(given, name), folder / f"{name}.parquet")
    (folder / "resolved.json").write_text(json.dumps(given.resolved), encoding="utf-8")
    return folder


def test_the_command_says_it_and_writes_the_page(tmp_path: Path) -> None:
    before = written(synthetic(80), tmp_path / "before")
    after = written(scaled(synthetic(80), 0.5, "photonic"), tmp_path / "after")
    app = typer.Typer()
    app.command()(diff_command)
    out = tmp_path / "page" / "diff.html"
    found = CliRunner().invoke(app, [str(before), str(after), "--out", str(out)])
    assert found.exit_code == 0, found.output
    assert "photonic/mzi_mesh" in found.output and "÷2.0" in found.output
    assert_sound(out.read_text(encoding="utf-8"))
    assert json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))["before"] == "before"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ({"kind": "int", "low": 4, "high": 8, "step": 1, "log": False, "per": None}, 7, ("4 to 8", "7")),
        ({"kind": "choice", "options": [5, 6, 7]}, {"kind": "choice", "options": [5]}, ("5, 6 or 7", "5")),
        (
            {"kind": "float", "low": 1.0, "high": 9.0, "log": True, "points": 5},
            None,
            ("1.0 to 9.0, log, points 5", "–"),
        ),
    ],
)
def test_a_domain_that_changed_is_one_line(old: Any, new: Any, said: tuple[str, str]) -> None:
    base = synthetic(20)
    before, after = (
        dataclasses.replace(base, resolved={"spec": {"hardware": {"memristive/isaac": {"adc.bits": value}}}})
        for value in (old, new)
    )
    found = [(change.path, change.before, change.after) for change in changes(before, after)]
    assert found == [("hardware.memristive/isaac.adc.bits", *said)]
