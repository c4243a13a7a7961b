"""What bounds a design: shares of its time, and no layer above its roof; against the tables themselves."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from random_tables import random_given
from scenarios import asked
from synthetic import synthetic

from joulescape.report.bounds_charts import HEIGHT, LABEL_PX, Extent, Roof, roofline
from joulescape.report.inputs import Tables
from joulescape.report.page import render
from joulescape.report.sections import bounds, breakdown

EXAMPLES = settings(max_examples=30, deadline=None)
WORDS = {
    "off-chip memory": ("off_chip_memory", "waiting for off_chip_memory to move W", "memory"),
    "on-chip memory": ("buffer bandwidth", "activation_sram", "waiting for input_pad to move I", "synapses bandwidth"),
    "writing weights": ("reload", "weight update", "cell writes", "writing", "pulses", "weight_writing"),
    "conversion": ("adc", "modulator", "dac_driver", "start_dac", "waveform_generator", "position_sensor"),
    "compute": ("array", "arrays", "vector units", "vector_unit", "instructions", "stream", "lanes", "units", "queues",
                "multipliers", "settling", "ticks", "events", "columns", "compute", "entries", "comparators"),
    "links": ("mesh", "links"), "launch": ("launch",), "other": ("", None, "patience"),
}  # fmt: skip


@pytest.fixture(scope="module")
def given() -> Tables:
    return synthetic()


@pytest.mark.parametrize(("kind", "words"), WORDS.items())
def test_every_word_of_a_simulator_is_of_one_kind(kind: str, words: tuple[str | None, ...]) -> None:
    assert {bounds.kind_of(word)[0] for word in words} == {kind}


def test_what_the_host_computes_is_the_host_s_but_not_what_it_waits_for() -> None:
    assert bounds.kind_of("instructions", is_host=True) == bounds.HOST
    assert bounds.kind_of("off_chip_memory", is_host=True)[0] == "off-chip memory"


@drawn(random_given())
@EXAMPLES
def test_shares_are_those_of_the_schedule(tables: Tables) -> None:
    found = bounds.facts(tables)
    for name, design in breakdown.shown_designs(tables).items():
        times = Counter[str]()
        for row in tables.layers.filter(pl.col("design_id") == design).iter_rows(named=True):
            is_host = row["station"] not in (None, name)
            times[bounds.kind_of(row["bound_by"], is_host)[0]] += row["batch_latency_ns"]
        mine = {row["kind"]: row["share"] for row in found.bars if row["back_end"] == name}
        total = sum(times.values())
        assert mine == pytest.approx({kind: time / total for kind, time in times.items() if time}, rel=1e-3)
        shares = list(mine.values())
        assert shares == sorted(shares, reverse=True)
        said = next(row for row in found.said if row["back_end"] == name) if found.phases else None
        assert said is None or not shares or said["inference"].startswith(next(iter(mine)))


@drawn(random_given())
@EXAMPLES
def test_a_point_is_its_layer(tables: Tables) -> None:
    found, designs = bounds.facts(tables), breakdown.shown_designs(tables)
    for name, design in designs.items():
        wanted = [
            (2 * row["macs"] / row["off_chip_bytes"] if row["off_chip_bytes"] else None, row)
            for row in tables.layers.filter(pl.col("design_id") == design).iter_rows(named=True)
            if row["macs"] and row["batch_latency_ns"] and row["off_chip_bytes"] is not None
            and row["station"] in (None, name)
        ]  # fmt: skip
        mine = [row for row in found.points if row["back_end"] == name]
        assert len(mine) == len(wanted)
        rates = sorted(row["y"] for row in mine)
        assert rates == pytest.approx(sorted(2e9 * r["macs"] / r["batch_latency_ns"] for _, r in wanted), rel=1e-3)
        assert sorted(row["x"] is None for row in mine) == sorted(x is None for x, _ in wanted)


def test_no_point_is_above_its_roof(given: Tables) -> None:
    found = bounds.facts(given)
    assert found.points and {row["phase"] for row in found.points} == {"inference", "training"}
    roofs = {(roof.back_end, roof.phase): roof for roof in found.roofs}
    for row in found.points:
        top = roofs[row["back_end"], row["phase"]].at(row["x"] or math.inf)
        assert top is not None and row["y"] <= top * 1.001


def test_a_physical_system_stands_in_the_bars_alone(given: Tables) -> None:
    found = bounds.facts(given)
    assert "physical/shg" not in {row["back_end"] for row in found.points}
    assert "physical/shg" in {row["back_end"] for row in found.bars}
    assert any(note.startswith("physical/shg: its own layers are not made") for note in found.notes)


def test_an_older_table_says_what_it_lacks(given: Tables) -> None:
    old = given.layers.with_columns(
        pl.lit(None, given.layers.schema[name]).alias(name)
        for name in ("station", "off_chip_bytes", "peak_gops", "off_chip_gbps")
    )
    found = bounds.facts(dataclasses.replace(given, layers=old))
    assert found.points == [] and found.bars
    assert found.notes == ("No bytes are stored of these designs: joulescape confirm, run again, writes them.",)
    assert [figure.id for figure in bounds.figures(found)] == ["bounds"]


def test_a_machine_without_a_peak_stands_without_a_roof(given: Tables) -> None:
    none = given.layers.with_columns(pl.lit(None, pl.Float64).alias("peak_gops"))
    found = bounds.facts(dataclasses.replace(given, layers=none))
    assert all(roof.peak is None and roof.bandwidth is not None for roof in found.roofs)
    (said,) = [note for note in found.notes if "no peak is known" in note]  # one note of all three machines
    assert said.count("/") == 3 and said.endswith("no peak is known; their layers stand without a roof.")
    inside = none.with_columns(pl.lit(None, pl.Float64).alias("off_chip_gbps"))
    bare = bounds.facts(dataclasses.replace(asked(given, boundary="chip"), layers=inside))
    assert bare.notes[-1] == "Off-chip memory lies outside the boundary (chip): no roof has a slope."
    assert all(roof.at(1.0) is None for roof in bare.roofs) and bare.points


def test_the_slowest_layers_are_drawn_and_the_rest_is_said(given: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "LAYERS_DRAWN", 2)
    found = bounds.facts(given)
    counts = Counter((row["back_end"], row["phase"]) for row in found.points)
    assert set(counts.values()) == {2} and found.hidden > 0
    roof = next(figure for figure in bounds.figures(found) if figure.id == "roofline")
    assert f"{found.hidden:,} faster layers are not drawn." in roof.caption


positive = st.floats(1e-3, 1e15)


@drawn(positive, positive, positive)
def test_a_roof_is_the_lower_of_both_and_bends_at_its_ridge(peak: float, bandwidth: float, intensity: float) -> None:
    roof = Roof("a/b", "electronic", "inference", peak, bandwidth)
    assert roof.at(intensity) == min(peak, bandwidth * intensity)
    assert roof.ridge is not None
    assert roof.at(roof.ridge) == pytest.approx(peak)
    assert Roof("a/b", "electronic", "inference", None, None).at(intensity) is None


@drawn(st.lists(st.floats(1e6, 1e15), min_size=1, max_size=6))
@EXAMPLES
def test_names_of_roofs_keep_their_distance(peaks: list[float]) -> None:
    roofs = [Roof(f"a/{place}", "electronic", "inference", peak, 1e9) for place, peak in enumerate(peaks)]
    points: list[dict[str, Any]] = [
        {"back_end": "a/0", "phase": "inference", "x": 10.0, "y": min(peaks) / 2, "label": "a"}
    ]
    figure = roofline(points, roofs, ["inference"], 0)[0]
    extent = Extent.of(points, roofs)
    names = figure.data["roof_names"]
    places = sorted(HEIGHT * math.log(extent.high / row["y"]) / math.log(extent.high / extent.low) for row in names)
    assert len(names) == len(peaks)
    assert all(after - before >= LABEL_PX - 1e-6 for before, after in pairwise(places))


def test_the_page_holds_the_words(given: Tables) -> None:
    page = render(given)
    found = bounds.facts(given)
    assert 'id="bounds"' in page and found.lead in page
    assert all(row["inference"] in page for row in found.said)
