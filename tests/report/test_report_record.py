"""The record by class of figure, how sure published values are, and machines of which nothing is validated."""

from __future__ import annotations

import dataclasses
from typing import Any

import polars as pl
import pytest
from synthetic import synthetic

from joulescape import tables
from joulescape.report.inputs import Tables
from joulescape.report.page import render
from joulescape.report.sections import published


@pytest.fixture(scope="module")
def plain() -> Tables:
    return synthetic()


def row(back_end: str, what: str, kind: str, error: float, **more: Any) -> dict[str, Any]:
    plain = {
        "back_end": back_end, "family": back_end.partition("/")[0], "simulator": "systolic", "what": what,
        "class": kind, "role": "prediction", "confidence": "high", "published": 1.0, "model": 1.0 + error,
        "error_fraction": error, "tolerance_fraction": 0.2, "pass": abs(error) <= 0.2, "expected": "pass",
        "source": "x", "where": "y", "kind": "quick",
    }  # fmt: skip
    return {**plain, **more}


def with_rows(plain: Tables, *rows: dict[str, Any]) -> Tables:
    return dataclasses.replace(plain, published=tables.make(rows, tables.PUBLISHED))


def test_the_record_is_by_class_over_sure_predictions(plain: Tables) -> None:
    name = plain.back_ends[0][0]
    given = with_rows(
        plain,
        row(name, "batch_latency_ns", "latency", 0.1),
        row(name, "inference_latency_ns", "latency", -0.3),
        row(name, "power_mw", "energy", 0.05, confidence="medium"),
        row("electronic/elsewhere", "power_mw", "energy", 0.5),
        row(name, "area_mm2", "area", 0.02, simulator="roofline"),
    )
    found = published.facts(given)
    assert [(r["text"], r["count"], r["pass_count"]) for r in found.classes] == [
        ("latency", 2, 1),
        ("area (rooflines of processors)", 1, 1),
    ]
    assert found.classes[0]["median_text"].startswith("20.0")
    page = render(given)
    assert 'id="by-class"' in page and '<td data-head="confidence">medium</td>' in page


def test_machines_without_a_prediction_are_named(plain: Tables) -> None:
    names = [name for name, _ in plain.back_ends]
    given = with_rows(
        plain, row(names[0], "area_mm2", "area", 0.0), row(names[1], "area_mm2", "area", 0.0, role="input")
    )
    found = published.facts(given)
    assert found.not_validated == tuple(names[1:])
    page = render(given)
    assert "Not validated" in page and names[1] in page.split('id="not-validated"')[1].split("</p>")[0]


def test_where_all_are_validated_nothing_is_said(plain: Tables) -> None:
    given = with_rows(plain, *(row(name, "area_mm2", "area", 0.0) for name, _ in plain.back_ends))
    assert published.facts(given).not_validated == ()
    assert 'id="not-validated"' not in render(given)


def test_rows_of_an_older_table_are_in_no_class(plain: Tables) -> None:
    bare = plain.published.with_columns(pl.lit(None, pl.String).alias("class"))
    assert published.facts(dataclasses.replace(plain, published=bare)).classes == []
