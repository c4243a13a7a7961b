"""What limits a design: its largest part, its slowest layer, the nearest limit of the question, in both languages."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from importlib.resources import files
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic import synthetic

from joulescape import tables
from joulescape.report import theme
from joulescape.report.limiting import limiting, limits_of, nearest_limit, used_share
from joulescape.report.sections import sheet

NODE = shutil.which("node")
LIMITS = [
    ("accuracy_fraction", "at_least", 0.8), ("area_mm2", "at_most", 100.0), ("tops_per_w", "at_least", 5.0),
    ("gops_per_mm2", "at_least", 0.5),
]  # fmt: skip


@given(st.sampled_from(["tops_per_w", "area_mm2"]), st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_a_limit_is_used_up_where_it_is_met(metric: str, value: float, bound: float) -> None:
    for way in ("at_most", "at_least"):
        share = used_share(value, (metric, way, bound))
        meets = value <= bound if way == "at_most" else value >= bound
        assert share is not None and (share <= 1 + 1e-9) == (meets or share == pytest.approx(1, rel=1e-9))
    assert used_share(bound, (metric, "at_most", bound)) == pytest.approx(1)


@given(st.integers(0, 1000), st.integers(0, 999))
def test_an_accuracy_meets_its_limit_with_no_more_than_the_error_allowed(value: int, bound: int) -> None:
    share = used_share(value / 1000, ("accuracy_fraction", "at_least", bound / 1000))
    assert share is not None and (share <= 1 + 1e-9) == (value >= bound)


def test_an_accuracy_is_judged_by_the_error_that_it_allows() -> None:
    limit = ("accuracy_fraction", "at_least", 0.8)
    assert used_share(0.96, limit) == pytest.approx(0.2) and used_share(0.7, limit) == pytest.approx(1.5)
    assert used_share(1.0, ("accuracy_fraction", "at_least", 1.0)) is None
    assert used_share(3.0, ("area_mm2", "at_most", 0.0)) is None


def test_an_efficiency_below_one_is_no_accuracy() -> None:
    assert used_share(0.8, ("tops_per_w", "at_least", 0.5)) == pytest.approx(0.625)
    assert used_share(0.8, ("tops_per_w", "at_least", 1.0)) == pytest.approx(1.25)


def test_the_nearest_limit_is_named_with_both_numbers() -> None:
    row = {"accuracy_fraction": 0.98, "area_mm2": 47.0, "tops_per_w": None}
    said = nearest_limit(row, LIMITS, {"area_mm2": "Area"})
    assert said == "The nearest limit of the question: Area 47.0\u202fmm², at most 100\u202fmm²."
    assert "at least 80.0" in nearest_limit({**row, "accuracy_fraction": 0.81}, LIMITS, theme.LABELS)
    assert nearest_limit({}, LIMITS, {}) == "" == nearest_limit(row, [], {})


def test_limits_of_a_question_are_its_constraints() -> None:
    spec = {"constraints": {"area_mm2": {"at_most": 100, "at_least": None}, "accuracy_fraction": {"at_least": 0.8}}}
    assert limits_of(spec) == [("area_mm2", "at_most", 100.0), ("accuracy_fraction", "at_least", 0.8)]
    assert limits_of({}) == []


@pytest.mark.skipif(NODE is None, reason="node is not installed")
def test_the_page_names_the_same_limit() -> None:
    values = [
        {"accuracy_fraction": accuracy, "area_mm2": area, "tops_per_w": tops, "gops_per_mm2": gops}
        for accuracy in (0.5, 0.81, 0.999, 1.0, None)
        for area in (1e-4, 99.0, 47.123, None)
        for tops in (5.1, 400.0, None)
        for gops in (0.51, 0.8, 3.0)
    ]
    assets = files("joulescape.report") / "assets"
    source = "".join((assets / name).read_text(encoding="utf-8") for name in ("numbers.js", "sheet.js"))
    body = "\nconst g = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
    body += "console.log(JSON.stringify(g.rows.map((row) => nearestLimit((m) => row[m], g.limits, g.page))));"
    page = {
        "labels": theme.labels(),
        "units": {k: list(v) for k, v in theme.UNITS.items()},
        "plain_units": theme.PLAIN_UNITS,
    }
    sent = json.dumps({"rows": values, "limits": LIMITS, "page": page})
    ran = subprocess.run([str(NODE), "-e", source + body], input=sent, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == [nearest_limit(row, LIMITS, theme.labels()) for row in values]


def test_a_sentence_of_parts_and_layers() -> None:
    parts = [{"class": "ADC", "share": 0.61}, {"class": "host", "share": 0.39}]
    layers: list[dict[str, Any]] = [
        {"layer": "conv1", "share": 0.2, "energy_share": 0.48, "bound_by": "array"},
        {"layer": "conv2", "share": 0.8, "energy_share": None, "bound_by": "off chip memory"},
    ]
    said = limiting(parts, layers, "inference").replace("\u202f", " ")
    assert said == (
        "Most (61 %) of its energy in inference is ADC; 48 % of all is spent in conv1. "
        "80 % of its time is conv2, bound by off chip memory."
    )
    assert limiting([], [], "inference") == ""
    assert limiting([{"class": "ADC", "share": 0.3}], [], "training").startswith("The largest part (30")


def test_layers_that_compute_alike_are_one_row() -> None:
    base = synthetic(60)
    design = base.confirmed["design_id"][0]
    numbers = [("fc1", "forward", 8.0), ("fc2", "forward", 8.0), ("fc3", "forward", 4.0), ("fc1", "update", 8.0)]
    rows = [
        {
            "design_id": design,
            "layer": layer,
            "role": role,
            "kind": "fixed_point",
            "number": "weight_bits",
            "value": bits,
        }
        for layer, role, bits in numbers
    ]
    found = sheet.facts(dataclasses.replace(base, errors=tables.make(rows, tables.ERRORS))).errors
    assert [(row["layers"], row["phase"], row["text"]) for row in found] == [
        ("fc1, fc2", "inference", "weight bits 8"),
        ("fc3", "inference", "weight bits 4"),
        ("fc1", "training", "weight bits 8"),
    ]


def test_a_deep_network_keeps_its_slowest_layers_and_sums_the_rest() -> None:
    base = synthetic(60)
    one = base.layers.filter(pl.col("phase") == "inference").row(0, named=True)
    many = [{**one, "layer": f"l{place}", "batch_latency_ns": float(place + 1)} for place in range(40)]
    found = sheet.facts(dataclasses.replace(base, layers=tables.make(many, tables.LAYERS)))
    names = [row["layer"] for row in found.layers]
    assert names == [*(f"l{place}" for place in range(28, 40)), "28 other layers"]
    assert sum(row["share"] for row in found.layers) == pytest.approx(1, abs=1e-3)
    texts = [{"design_id": one["design_id"], "phase": "inference", "layer": f"l{n}", "text": "x"} for n in range(40)]
    mapped = sheet.facts(dataclasses.replace(base, mappings=tables.make(texts, tables.MAPPINGS))).mappings
    assert len(mapped) == sheet.SHOWN
