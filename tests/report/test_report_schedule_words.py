"""Words of the schedule, of lives and of sheets: against the machines' own, brute force and the whole of the energy."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_tables import random_given
from scenarios import cost_only
from synthetic import synthetic

from joulescape.pricing import cost
from joulescape.report import lifetimes, theme
from joulescape.report.apart import apart
from joulescape.report.figure import evenly
from joulescape.report.lifetimes import Life
from joulescape.report.limiting import limiting
from joulescape.report.sections import bounds, breakdown, sheet, training
from joulescape.report.tally import STATES, picked, tally

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = settings(max_examples=30, deadline=None)
BASE = synthetic(90)
MACHINES = (
    "electronic/systolic_int8", "electronic/eyeriss", "electronic/eie", "memristive/isaac", "memristive/prime",
    "photonic/deap_cnn",
)  # fmt: skip


@pytest.mark.parametrize("name", MACHINES)
def test_no_machine_is_bound_by_a_word_that_the_page_does_not_know(name: str) -> None:
    report = cost("digits_lenet", name, root=ROOT)
    words = {row["bound_by"] for row in report.layers if row["batch_latency_ns"]}
    assert words and "other" not in {bounds.kind_of(word)[0] for word in words}, words


@pytest.mark.parametrize("name", MACHINES)
def test_time_of_a_roof_is_never_below_what_is_moved(name: str) -> None:
    for row in cost("digits_lenet", name, root=ROOT).layers:
        if row["off_chip_bytes"] and row["off_chip_gbps"]:
            assert row["batch_latency_ns"] >= 8 * row["off_chip_bytes"] / row["off_chip_gbps"] * (1 - 1e-6)


@given(st.floats(1e-4, 1.0), st.booleans())
def test_a_share_beside_others_is_neither_nothing_nor_all(share: float, is_alone: bool) -> None:
    said = bounds._share_text({"kind": "compute", "share": share, "words": "array"}, is_alone).replace(theme.SPACE, " ")
    assert said.endswith(" % (array)")
    if not is_alone:
        assert not said.startswith(("compute 0 %", "compute 100 %"))
    if 0.01 <= share < 0.995:
        assert said == f"compute {100 * share:.0f} % (array)"


def test_a_kind_s_own_word_is_not_said_twice() -> None:
    row = {"kind": "off-chip memory", "share": 0.4, "words": "off chip memory"}
    assert bounds._share_text(row, False).replace(theme.SPACE, " ") == "off-chip memory 40 %"


@given(random_given())
@EXAMPLES
def test_the_lead_counts_the_largest_share_of_each_design(tables: Any) -> None:
    found = bounds.facts(tables)
    if not found.bars:
        assert found.lead == ""
        return
    first = Counter[str]()
    for name in {row["back_end"] for row in found.bars if row["phase"] == found.phases[0]}:
        mine = [row for row in found.bars if row["back_end"] == name and row["phase"] == found.phases[0]]
        first[max(mine, key=lambda row: (row["share"], -row["order"]))["kind"]] += 1
    assert found.lead.startswith(f"The largest share of the time of {found.phases[0]} is bound by ")
    assert f" of {sum(first.values())} design" in found.lead
    for kind, count in first.items():
        assert f"by {bounds.SAID.get(kind, kind)} in {count}" in found.lead


def test_shares_of_layers_are_of_all_the_energy_also_of_what_no_layer_spends() -> None:
    design = breakdown.shown_designs(BASE)["memristive/isaac"]
    own = pl.col("design_id") == design
    first = BASE.parts.filter(own & (pl.col("quantity") == "energy"))["layer"][0]
    moved = pl.when(own & (pl.col("layer") == first)).then(None).otherwise(pl.col("layer")).alias("layer")
    given_ = dataclasses.replace(BASE, parts=BASE.parts.with_columns(moved))
    before = {
        (row["phase"], row["layer"]): row["energy_share"] for row in sheet.facts(BASE).layers if row["id"] == design
    }
    after = {
        (row["phase"], row["layer"]): row["energy_share"] for row in sheet.facts(given_).layers if row["id"] == design
    }
    assert after == {key: None if key[1] == first else share for key, share in before.items()}
    for phase in {phase for phase, _ in before}:
        assert sum(share for (one, _), share in after.items() if one == phase and share) < 0.9999


@given(random_given())
@EXAMPLES
def test_every_limit_is_said_once_a_design_and_phase_inference_first(tables: Any) -> None:
    rows = sheet.facts(tables).limits
    keys = [(row["id"], row["phase"]) for row in rows]
    assert len(set(keys)) == len(keys)
    assert [row["phase"] for row in rows] == sorted(row["phase"] for row in rows)


@given(st.lists(st.floats(0.001, 1.0), min_size=1, max_size=6))
def test_the_slowest_and_the_most_spending_layer_are_named(shares: list[float]) -> None:
    layers = [
        {"layer": f"l{place}", "share": share, "energy_share": 1 - share, "bound_by": "–"}
        for place, share in enumerate(shares)
    ]
    said = limiting([{"class": "ADC", "share": 1.0}], layers, "inference")
    slowest, spends = shares.index(max(shares)), shares.index(min(shares))
    assert f"of its time is l{slowest}." in said
    assert (f"of all is spent in l{spends}" in said) == (min(shares) < 1)
    assert "bound by" not in said


lives = st.builds(Life, st.just("a"), st.floats(1e-9, 1e9), st.floats(1e-15, 1e3))


@given(lives, lives, st.floats(1, 1e12))
@EXAMPLES
def test_the_sentence_of_two_names_who_needs_less(one: Life, two: Life, count: float) -> None:
    two = dataclasses.replace(two, name="b")
    said, reigns = lifetimes.sentence([one, two]), lifetimes.reigns([one, two])
    ruler = [reign for reign in reigns if reign.start <= count][-1].name
    least = min((one, two), key=lambda life: life.energy(count))
    other = {"a": one, "b": two}[ruler]
    assert other.energy(count) <= least.energy(count) * (1 + 1e-9)
    assert said.startswith(f"{reigns[0].name} needs" if len(reigns) == 1 else "Below ")
    assert lifetimes.sentence([one]) == "" == lifetimes.sentence([])


@given(st.floats(1, 1e17))
def test_a_count_in_words_is_the_count_to_three_figures(count: float) -> None:
    words = {word.strip(): power for power, word in lifetimes.LARGE}
    number, *rest = lifetimes.count_text(count).split()
    assert rest[-1] in {"inference", "inferences"}
    power = words.get(rest[0], 1.0)
    assert float(number.replace(",", "")) * power == pytest.approx(count, rel=0.00501 if count >= 100 else 0.51)


@given(st.lists(st.floats(1.0, 1e6), max_size=7))
def test_names_keep_their_order_and_their_distance(values: list[float]) -> None:
    places = apart(values, 1.0, 1e6, 300, 12)
    down = [300 * math.log10(1e6 / place) / 6 for place in places]
    ordered = sorted(down)
    assert all(after - before >= 12 - 1e-6 for before, after in itertools.pairwise(ordered))
    for high in range(len(values)):
        for low in range(len(values)):
            assert values[high] <= values[low] or down[high] < down[low]


@given(st.integers(0, 500), st.integers(1, 60))
def test_what_is_drawn_of_many_is_even(total: int, most: int) -> None:
    kept = evenly(range(total), most)
    assert len(kept) <= most and kept[:1] == list(range(total))[:1]
    assert len({after - before for before, after in itertools.pairwise(kept)}) <= 1
    assert kept == list(range(total)) or total > most


@given(random_given())
@EXAMPLES
def test_counts_and_fronts_are_those_of_the_tables(tables: Any) -> None:
    found = tally(tables)
    states = Counter(tables.trials["state"].to_list())
    assert {name: found["counts"][name] for name in STATES} == {name: states[name] for name in STATES}
    assert found["counts"]["designs"] == tables.trials.height
    assert sum(found["front_families"].values()) == found["counts"]["front"] == tables.front.height
    assert picked(tables, None) is None
    for index in range(min(2, tables.valid.height)):
        row = picked(tables, index)
        assert row is not None and None not in row.values()
        assert row["design_id"] == tables.valid["design_id"][index]


def test_lives_of_costs_alone_are_the_least_energy_s() -> None:
    given_ = cost_only(BASE)
    found = training.facts(given_)
    for life in found.lives:
        mine = given_.valid.filter(pl.col("back_end") == life.name)
        assert life.each * 1e12 in [pytest.approx(value) for value in mine["inference_energy_pj"].to_list()]
    assert len(found.splits) == len(found.lives) == len(found.families)
    for row, life in zip(found.splits, found.lives, strict=True):
        assert row["counts"] == [lifetimes.count_text(life.inferences_at(share)) for share in lifetimes.SPLITS]
