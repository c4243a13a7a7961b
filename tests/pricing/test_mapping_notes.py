"""A mapping that is not proven the best is marked in every form of a price list, and in the tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape import cost
from joulescape.cli.cost_command import _print_csv, _print_table
from joulescape.pricing.rows import mapping_notes
from joulescape.tables import LAYERS, TRIALS

ROOT = Path(__file__).resolve().parents[2]
GAPS = st.one_of(st.none(), st.just(0.0), st.just(1.0), st.floats(1e-6, 0.999))


def row(layer: str, gap: float | None, objective: str = "edp", role: str = "forward") -> Mapping[str, Any]:
    searched = None if gap is None else objective
    return {"layer": layer, "role": role, "mapping_objective": searched, "mapping_gap_fraction": gap}


@given(st.lists(GAPS, max_size=8))
def test_notes_name_exactly_what_is_not_proven(gaps: list[float | None]) -> None:
    notes = mapping_notes([row(f"layer{place}", gap) for place, gap in enumerate(gaps)])
    named = [name for note in notes for name in note.split(": ")[0].removeprefix("mapping of ").split(", ")]
    assert sorted(named) == sorted(f"layer{place}" for place, gap in enumerate(gaps) if gap)


def test_a_note_tells_the_gap_of_each_the_worst_first() -> None:
    found = mapping_notes([row("conv1", 0.001), row("fc", 1.0), row("conv2", 0.039), row("a", 0.5, "energy", "update")])
    assert set(found) == {
        "mapping of conv2, conv1: search ended before a proof; energy-delay product at most 3.9 %, 0.1 % from the best",
        "mapping of fc: search ended before a proof; how far from the least energy-delay product is not known",
        "mapping of a (update): search ended before a proof; energy at most 50 % from the best",
    }


def test_json_csv_and_table_mark_the_same_layers(capsys: pytest.CaptureFixture[str]) -> None:
    report = cost("digits_lenet", "electronic/diannao", root=ROOT)
    rows = report.as_dict()["layers"]
    open_ = {one["layer"] for one in rows if one["mapping_gap_fraction"]}
    assert open_
    assert {one["layer"] for one in rows if one["mapping_gap_fraction"] is None}.isdisjoint(open_)
    _print_csv(report)
    printed = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {one["layer"] for one in printed if float(one["mapping_gap_fraction"] or 0)} == open_
    _print_table(report)
    assert " ".join(capsys.readouterr().out.split()).count("mapping of") == len(report.mapping_notes) > 0


def test_a_machine_that_searches_no_mapping_says_nothing() -> None:
    report = cost("digits_mlp", "memristive/isaac", root=ROOT)
    assert report.mapping_notes == ()
    assert {one["mapping_gap_fraction"] for one in report.layers} == {None}


def test_tables_have_a_place_for_it() -> None:
    assert {"mapping_objective", "mapping_gap_fraction"} <= set(LAYERS)
    assert "mapping_gap_fraction" in TRIALS
