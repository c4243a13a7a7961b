"""`joulescape validate`: what its table says of each row, the record under it, and when it exits with 1."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from joulescape import tables
from joulescape.cli import validate_command as module

ROW: dict[str, Any] = {
    "back_end": "electronic/x", "family": "electronic", "simulator": "systolic", "what": "peak_tops",
    "class": "identity", "workload": None, "role": "prediction", "confidence": "high", "published": 2.0,
    "model": 2.5, "unit": "",
    "error_fraction": 0.25, "tolerance_fraction": 0.3, "pass": True, "expected": "pass", "reason": None,
    "source": "a2020", "where": "p. 1",
}  # fmt: skip


def run(monkeypatch: pytest.MonkeyPatch, rows: list[dict[str, Any]], *arguments: str) -> tuple[int, str]:
    monkeypatch.setattr("joulescape.validation.validate", lambda *_: rows)
    app = typer.Typer()
    app.command()(module.validate_command)
    found = CliRunner().invoke(app, list(arguments))
    return found.exit_code, found.output


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "pass"),
        ({"pass": False}, "MISS"),
        ({"pass": False, "expected": "miss"}, "miss (expected)"),
        ({"pass": True, "expected": "miss"}, "pass"),
        ({"pass": None, "model": None}, "not measured"),
        ({"role": "claim", "pass": None}, "not compared"),
        ({"role": "claim", "pass": True}, "follows"),
        ({"role": "claim", "pass": False}, "does not follow"),
    ],
)
def test_each_row_has_its_verdict(changes: dict[str, Any], word: str) -> None:
    assert module._verdict({**ROW, **changes}) == word


def test_a_table_shows_both_figures_and_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = run(monkeypatch, [ROW])
    assert code == 0
    for text in ("electronic/x", "peak_tops", "2.5", "+25.0 %", "30.0 %", "pass"):
        assert text in said
    assert "predictions: 1 of 1 within tolerance, median error 25.0 %; unexpected misses: 0" in said
    assert "identity: 1 row, 1 within tolerance, median 25.0 %" in said


def test_rooflines_of_processors_are_a_class_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    _, said = run(monkeypatch, [ROW, ROW, {**ROW, "simulator": "roofline", "error_fraction": -0.1}])
    assert "identity: 2 rows" in said
    assert "identity of rooflines of processors: 1 row, 1 within tolerance, median 10.0 %" in said


def test_what_nobody_predicted_is_not_called_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    code, said = run(monkeypatch, [{**ROW, "role": "input"}])
    assert code == 0 and "not validated: no published figure predicts anything" in said
    assert "of high confidence" not in said


def test_figures_of_medium_confidence_have_no_class(monkeypatch: pytest.MonkeyPatch) -> None:
    _, said = run(monkeypatch, [{**ROW, "confidence": "medium"}])
    assert "predictions: 1 of 1" in said and "of high confidence" not in said


@given(st.lists(st.tuples(st.sampled_from([True, False, None]), st.sampled_from(["pass", "miss"]),
                          st.sampled_from(["prediction", "input", "calibration", "claim"])), max_size=6))  # fmt: skip
@settings(max_examples=30, deadline=None)
def test_only_a_miss_that_nobody_expected_fails(found: list[tuple[bool | None, str, str]]) -> None:
    rows = [{**ROW, "pass": passed, "expected": expected, "role": role} for passed, expected, role in found]
    bad = any(passed is False and expected == "pass" and role != "claim" for passed, expected, role in found)
    with pytest.MonkeyPatch.context() as patch:
        code, said = run(patch, rows)
    assert code == bad
    assert ("MISS" in said) == bad


def test_json_holds_the_rows_and_nothing_that_is_no_number(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    out = tmp_path / "rows.json"
    code, said = run(monkeypatch, [ROW], "--format", "json", "--out", str(out))
    assert (code, said) == (0, "") and json.loads(out.read_text()) == [ROW]
    code, _ = run(monkeypatch, [{**ROW, "model": float("nan")}], "--format", "json")
    assert code == 1


def test_parquet_needs_a_file_and_keeps_the_contract(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code, said = run(monkeypatch, [ROW], "--format", "parquet")
    assert code == 2 and "needs --out FILE" in said
    whole = {name: ROW.get(name) for name in tables.PUBLISHED}
    out = tmp_path / "published.parquet"
    assert run(monkeypatch, [whole], "--format", "parquet", "--out", str(out)) == (0, "")
    kept = pl.read_parquet(out)
    assert dict(kept.schema) == tables.PUBLISHED and kept["model"].to_list() == [2.5]


def test_absent_figures_are_left_empty() -> None:
    assert (module._number(None), module._share(None, ".1f")) == ("", "")
    assert (module._number(1234567.0), module._share(-0.125, "+.1f")) == ("1.2346e+06", "-12.5 %")
