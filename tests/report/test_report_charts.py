"""Every chart of random tables renders, holds no colours of its own, and its axes hold its data."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_tables import random_tables

from joulescape.report import figure, theme
from joulescape.report.blob import columns_of, packed, unpacked
from joulescape.report.figure import Figure
from joulescape.report.inputs import Tables
from joulescape.report.page import Facts
from joulescape.report.pareto_layers import NO_LIMIT, WITHIN, Extent
from joulescape.report.shell import VEGA_LITE

SEEDS = range(0, 8, 2)
HEX = re.compile(r"#[0-9a-fA-F]{6}")


def tables_of(seed: int) -> Tables:
    return random_tables(seed, designs=3 + 6 * seed, back_ends=1 + seed % 6, confirmed=seed, layers=1 + 2 * seed)


def walked(spec: Any) -> Iterator[dict[str, Any]]:
    """Every mapping in a spec."""
    if isinstance(spec, dict):
        yield spec
        for value in spec.values():
            yield from walked(value)
    elif isinstance(spec, list):
        for value in spec:
            yield from walked(value)


@pytest.fixture(scope="module", params=SEEDS)
def found(request: pytest.FixtureRequest) -> tuple[Facts, dict[str, Figure]]:
    facts = Facts.of(tables_of(request.param))
    return facts, facts.figures()


def test_every_chart_of_random_tables_renders(found: tuple[Facts, dict[str, Figure]]) -> None:
    import vl_convert

    facts, figures = found
    shared = {"designs": facts.pareto.rows, "one": [{"one": 1}]}
    for name, drawn in figures.items():
        spec = {**drawn.with_rows(shared), "width": 420, "config": theme.vega_config("dark")}
        svg = vl_convert.vegalite_to_svg(json.dumps(spec, allow_nan=False), vl_version=VEGA_LITE)
        assert "NaN" not in svg and "undefined" not in svg and "Infinity" not in svg, name
        assert svg.count("<path") > 3, name


def test_every_row_of_a_chart_is_plain_and_comes_back_from_the_blob(found: tuple[Facts, dict[str, Figure]]) -> None:
    for drawn in found[1].values():
        for name, rows in drawn.data.items():
            assert len({tuple(row) for row in rows}) <= 1, f"{name}: rows of different keys"
            columns = columns_of(rows)
            assert unpacked(packed({name: columns}))[name] == columns


def test_every_field_that_a_chart_draws_is_in_its_rows(found: tuple[Facts, dict[str, Figure]]) -> None:
    facts, figures = found
    for drawn in figures.values():
        rows = {"designs": facts.pareto.rows, "one": [{"one": 1}], **drawn.data}
        spec = drawn.spec()
        for layer in spec["layer"]:
            data = rows[layer.get("data", spec.get("data"))["name"]]
            if not data:
                continue
            made = {step.get("as") for step in layer.get("transform", []) if "calculate" in step}
            made |= {entry["as"] for step in layer.get("transform", []) for entry in step.get("aggregate", [])}
            fields = {entry["field"] for entry in walked(layer.get("encoding", {})) if "field" in entry}
            assert fields <= set(data[0]) | made, drawn.id


def test_a_chart_says_in_words_what_it_shows(found: tuple[Facts, dict[str, Figure]]) -> None:
    for name, drawn in found[1].items():
        spec = drawn.spec()
        assert drawn.id == name
        assert spec["description"].strip()
        assert drawn.title and drawn.words.endswith(".") and drawn.caption[-1:] in ("", ".")
        assert spec["width"] == "container"
        assert isinstance(spec["height"], int) and spec["height"] > 0


def test_colours_stand_in_the_theme_only(found: tuple[Facts, dict[str, Figure]]) -> None:
    light = theme.colours("light")
    named = {light[name] for name in ("ring", "page", "ink", "quiet")}
    for drawn in found[1].values():
        spec = drawn.spec()
        signals = {str(param.get("value")) for param in spec.pop("params", [])}
        assert set(HEX.findall(json.dumps(spec))) == set(), drawn.id
        assert set(HEX.findall(" ".join(signals))) <= named, drawn.id


def test_a_machine_is_colour_and_shape_or_dash_never_colour_alone(found: tuple[Facts, dict[str, Figure]]) -> None:
    for drawn in found[1].values():
        encodings = [layer["encoding"] for layer in drawn.spec()["layer"] if "encoding" in layer]
        coloured = [e for e in encodings if e.get("color", {}).get("field") == "back_end"]
        assert not any(e.get("color", {}).get("field") == "family" for e in encodings), drawn.id
        also = [e for e in coloured if "shape" in e or "strokeDash" in e or "text" in e]
        assert not coloured or also, drawn.id


def test_log_axes_hold_every_value_they_draw(found: tuple[Facts, dict[str, Figure]]) -> None:
    facts, figures = found
    for name in ("energy", "latency", "area"):
        if name not in figures:
            continue
        scales = [e["scale"] for e in walked(figures[name].spec()) if "scale" in e and e.get("axis")]
        domain = next(scale["domain"] for scale in scales if scale.get("type") == "log")
        values = [row[f"{name}_si"] for row in facts.pareto.rows if row[f"{name}_si"]]
        assert domain[0] < min(values) and max(values) < domain[1]


@given(st.lists(st.floats(1e-12, 1e12), min_size=1, max_size=20))
def test_a_log_domain_is_wider_than_its_values_but_not_by_much(values: list[float]) -> None:
    low, high = figure.log_domain(values)
    span = math.log10(max(values) / min(values))
    assert low < min(values) and max(values) < high
    assert math.log10(high / low) == pytest.approx(span + 2 * max(0.08, span / 20))


@given(st.floats(1e-12, 1e9), st.floats(1.01, 1e9))
def test_log_ticks_lie_inside_and_rise(low: float, ratio: float) -> None:
    """Every axis has three ticks, or two decades: one says nothing of how far apart two designs lie."""
    ticks = figure.log_ticks(low, low * ratio)
    assert all(low <= tick <= low * ratio for tick in ticks)
    assert ticks == sorted(set(ticks))
    assert len(ticks) >= (2 if ratio >= 100 else figure.FEWEST) and len(ticks) <= 10
    if ratio >= 100:
        assert all(f"{tick:e}".startswith("1.000000e") for tick in ticks)


def test_a_short_axis_has_more_than_one_tick() -> None:
    assert figure.log_ticks(1.8e-7, 3.2e-7) == [2e-7, 2.5e-7, 3e-7]
    assert figure.log_ticks(1e-9, 1e-8) == [1e-9, 2e-9, 5e-9, 1e-8]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_an_accuracy_domain_holds_its_values_and_stays_a_fraction(values: list[float]) -> None:
    low, high = figure.accuracy_domain(values)
    assert 0 <= low <= min(values) and max(values) <= high <= 1
    assert low < high


def test_every_axis_of_numbers_says_what_it_counts(found: tuple[Facts, dict[str, Figure]]) -> None:
    for name, drawn in found[1].items():
        for channel in walked(drawn.spec()):
            axis = channel.get("axis")
            if channel.get("type") == "quantitative" and axis is not None:
                assert axis.get("title"), name


def test_the_axis_of_bars_that_switch_is_named_as_they_are(found: tuple[Facts, dict[str, Figure]]) -> None:
    import vl_convert

    if "components" not in found[1]:
        return
    spec = {**found[1]["components"].with_rows({}), "width": 420}
    share = json.dumps(spec, allow_nan=False)
    joules = share.replace('"name": "shares", "value": true', '"name": "shares", "value": false')
    assert share != joules
    said = [vl_convert.vegalite_to_svg(text, vl_version=VEGA_LITE) for text in (share, joules)]
    assert ["Share of the energy" in svg for svg in said] == [True, False]
    assert ["(better ←)" in svg for svg in said] == [False, True]


@pytest.mark.parametrize("metric", ["inference_energy_pj", "inference_latency_ns", "area_mm2", "tops_per_w"])
def test_tick_labels_carry_their_unit(metric: str) -> None:
    assert theme.unit_of(metric)[1] in figure.tick_label(metric)


def test_cost_titles_say_which_way_is_better() -> None:
    assert all(
        figure.cost_title(theme.LABELS[name]).endswith("(better ←)") for name in ("area_mm2", "training_time_ns")
    )


rows_of_extent = st.lists(
    st.fixed_dictionaries(
        {
            "back_end": st.sampled_from(["a", "b"]),
            "accuracy": st.floats(0, 1),
            "energy_si": st.one_of(st.none(), st.floats(1e-9, 1)),
        }
    ),
    min_size=1,
    max_size=12,
)


@given(rows_of_extent)
def test_an_extent_hides_only_designs_under_the_weakest_front(rows: list[dict[str, Any]]) -> None:
    best = {row["back_end"]: max(r["accuracy"] for r in rows if r["back_end"] == row["back_end"]) for row in rows}
    front = [{"back_end": name, "y": value} for name, value in best.items()]
    extent = Extent.of("energy", rows, front, (), ())
    floor = min(extent.heights)
    assert extent.hides(rows) == sum(row["accuracy"] < floor for row in rows)
    assert all(value >= floor for value in best.values())
    assert extent.costs == tuple(row["energy_si"] for row in rows if row["energy_si"])


def test_the_panel_s_limits_are_in_the_charts_expression() -> None:
    for name in ("min_accuracy", "hidden", "max_energy", "max_latency", "max_area"):
        assert name in WITHIN
    assert float(f"{NO_LIMIT:g}") == NO_LIMIT
