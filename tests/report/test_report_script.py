"""The page's own script in Node, against Python: numbers, packing, CSV; and the same bytes in every process."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_tables import random_tables

from joulescape import tables
from joulescape.report import theme
from joulescape.report.blob import packed, rounded
from joulescape.report.page import Facts
from joulescape.report.shell import SCRIPTS, asset

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")
UNITS = {"units": {key: list(unit) for key, unit in theme.UNITS.items()}, "plain_units": theme.PLAIN_UNITS}
POWERS = {prefix: power for power, prefix in theme.PREFIXES.items()}


def node(sources: tuple[str, ...], body: str, sent: Any) -> Any:
    """What `body` prints as JSON after the sources; `sent` is its `given`."""
    text = "".join((files("joulescape.report") / "assets" / name).read_text(encoding="utf-8") for name in sources)
    text += "\nconst given = JSON.parse(require('fs').readFileSync(0, 'utf8'));\n" + body
    ran = subprocess.run([str(NODE), "-e", text], input=json.dumps(sent), capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


def values() -> list[float]:
    """Four-figure values over the decades that the page shows, as its own rounding leaves them."""
    return [float(f"{digits}e{power}") for power in range(-4, 13) for digits in ("1", "1.234", "9.996", "5.05", "7")]


@needs_node
def test_every_metric_reads_the_same_in_both_languages() -> None:
    cases = [[value, metric] for metric in tables.METRICS if "_fraction" not in metric for value in values()]
    cases += [[value / 1000, "accuracy_fraction"] for value in range(0, 1001, 7)]
    cases += [[None, "area_mm2"], [0.0, "inference_energy_pj"], [100_000.0, "area_mm2"], [99_999.0, "area_mm2"]]
    said = node(
        ("numbers.js",), "console.log(JSON.stringify(given[0].map(([v, m]) => show(v, m, given[1]))));", [cases, UNITS]
    )
    differing = [
        (case, script, theme.show(case[0], case[1]))  # type: ignore[arg-type]
        for case, script in zip(cases, said, strict=True)
        if script != theme.show(case[0], case[1])  # type: ignore[arg-type]
    ]
    assert [case for case in differing if 1e-3 <= (case[0][0] or 1) < 1e9] == []


@needs_node
def test_factors_read_the_same_in_both_languages() -> None:
    factors = [0.0047, 0.103, 0.4999, 0.5, 0.999, 1.0, 1.04, 2.4, 9.97, 31.2]
    said = node(("numbers.js",), "console.log(JSON.stringify(given.map(factorText)));", factors)
    assert said == [theme.factor_text(value) for value in factors]


@needs_node
def test_the_page_unpacks_what_python_packed() -> None:
    few = {"x": [None, "é🙂", 1.5, True], "y": []}
    datasets = {"designs": Facts.of(random_tables(3, designs=300)).pareto.columns, "few": few}
    body = """
    globalThis.document = { getElementById: () => ({ textContent: given }) };
    unpack('blob').then((found) => {
      for (const columns of Object.values(found)) for (const name in columns) columns[name] = listOf(columns[name]);
      console.log(JSON.stringify(found));
    });"""
    assert node(("columns.js",), body, packed(datasets)) == json.loads(json.dumps(datasets))


@needs_node
def test_csv_comes_back_and_runs_no_formula() -> None:
    rows = [
        {"name": 'a "quoted", name', "value": 1.5},
        {"name": "two\nlines", "value": None},
        {"name": "=HYPERLINK(1)", "value": -3},
        {"name": "+1", "value": 0},
        {"name": "plain", "value": 1e-9},
    ]
    made = node(("charts.js",), "console.log(JSON.stringify(csv(given, ['name', 'value'])));", rows)
    read = list(csv.DictReader(io.StringIO(made)))
    assert [row["name"].removeprefix("'") for row in read] == [row["name"] for row in rows]
    assert [row["value"] for row in read] == ["1.5", "", "-3", "0", "1e-9"]
    assert not any(row["name"].startswith(("=", "+", "-", "@")) for row in read)


@needs_node
def test_every_script_parses_alone_and_together() -> None:
    for names in (*((name,) for name in SCRIPTS), SCRIPTS):
        source = "(function () {\n'use strict';\n" + "\n".join(asset(name) for name in names) + "\n});"
        ran = subprocess.run([str(NODE), "--check", "-"], input=source, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stderr


def test_scripts_write_text_never_markup() -> None:
    source = "".join(asset(name) for name in SCRIPTS)
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "fetch("):
        assert word not in source


@given(st.floats(1e-15, 1e14))
def test_three_figures_are_kept_at_every_size(value: float) -> None:
    said = theme.prefixed(value, "J")
    number, unit = said.split(theme.SPACE)
    digits = number.replace(",", "").replace(".", "").lstrip("0")
    assert len(digits) >= 3 or value < 1e-15
    assert float(number.replace(",", "")) * 10.0 ** POWERS[unit[:-1]] == pytest.approx(value, rel=5.1e-3)


@given(st.floats(1e-15, 1e14))
def test_a_prefix_leaves_a_number_between_one_and_a_thousand(value: float) -> None:
    number = float(theme.prefixed(value, "s").split(theme.SPACE)[0].replace(",", ""))
    assert 1 <= number < 1000


@given(st.floats(1e-15, 1e14), st.floats(1.02, 10))
def test_a_larger_value_never_reads_smaller(value: float, factor: float) -> None:
    def read(text: str) -> float:
        number, unit = text.split(theme.SPACE)
        return float(number) * 10.0 ** POWERS[unit[:-1]]

    assert read(theme.prefixed(value, "J")) <= read(theme.prefixed(value * factor, "J")) * (1 + 1e-12)


@given(st.floats(1e-3, 1e9))
def test_an_area_reads_back_in_its_own_unit(value: float) -> None:
    number, unit = theme.show(value, "area_mm2").split(theme.SPACE)
    scale = {"mm²": 1.0, "m²": 1e6}[unit]
    assert float(number.replace(",", "")) * scale == pytest.approx(value, rel=5.1e-3)
    assert (unit == "m²") == (value >= theme.LARGE_MM2)


@given(st.one_of(st.none(), st.just(float("nan")), st.just(float("inf")), st.floats(-1e300, 1e300)))
def test_rounding_is_settled_and_never_leaves_a_number_behind_that_json_cannot_hold(value: float | None) -> None:
    once = rounded(value)
    assert rounded(once) == once
    json.dumps(once, allow_nan=False)
    if once is not None and value:
        assert once == pytest.approx(value, rel=1.01e-3)  # a settled 5 is one unit of the last figure away


@pytest.mark.parametrize("metric", tables.METRICS)
def test_every_metric_has_a_label_and_a_unit_a_reader_knows(metric: str) -> None:
    assert theme.LABELS[metric]
    factor, unit = theme.unit_of(metric)
    assert (unit == "") == metric.endswith("_fraction")
    assert theme.show(1.0, metric).endswith("%" if metric.endswith("_fraction") else unit)
    assert 0 < factor <= 1


DRAW = """
import hashlib, sys
sys.path.insert(0, sys.argv[1])
from synthetic import synthetic
from joulescape.report.index import Entry, render_index
from joulescape.report.page import render, summary_text
given = synthetic(120)
index = render_index([Entry("a", "b", "c", "d", ("e",), "f")])
print(hashlib.sha256((render(given) + summary_text(given) + index).encode()).hexdigest())
"""


def drawn(environment: Mapping[str, str]) -> str:
    here = str(Path(__file__).parent)
    known = {**os.environ, **environment}
    ran = subprocess.run([sys.executable, "-c", DRAW, here], env=known, capture_output=True, text=True, check=True)
    return ran.stdout.strip()


def test_every_process_writes_the_same_bytes() -> None:
    """This one, and another with other hashes, in another zone and locale."""
    said = io.StringIO()
    with redirect_stdout(said):
        exec(DRAW.replace("sys.argv[1]", repr(str(Path(__file__).parent))), {})
    first = said.getvalue().strip()
    assert len(first) == len(hashlib.sha256().hexdigest())
    hashes = "77" if os.environ.get("PYTHONHASHSEED") != "77" else "78"
    assert drawn({"PYTHONHASHSEED": hashes, "TZ": "Asia/Tokyo", "LC_ALL": "C"}) == first
