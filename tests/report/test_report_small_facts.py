"""Small facts that several parts of a page rest on: cells of CSV, soundness, citations, pinned values, limits."""

from __future__ import annotations

import csv
import dataclasses
import io
import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scenarios import asked
from synthetic import synthetic

from joulescape.report import theme
from joulescape.report.comparison.asked import refuse, warning
from joulescape.report.corners import confirmed_at
from joulescape.report.explanation import _alike
from joulescape.report.limiting import limits_of, nearest_limit, used_share
from joulescape.report.pictures import csv_text
from joulescape.report.pinned import DROPPED, is_domain, is_each, pinned, said
from joulescape.report.sections.provenance import citation, source_keys
from joulescape.report.soundness import sound, unsound_words

EXAMPLES = settings(max_examples=40, deadline=None)
BASE = synthetic(60)
text = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\r\x00"), max_size=8)
cell = st.one_of(st.none(), text, st.integers(-5, 5), st.floats(-5, 5))


@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "c"]), cell, min_size=1), min_size=1, max_size=5))
@EXAMPLES
def test_rows_are_read_back_from_csv(rows: list[dict[str, Any]]) -> None:
    found = list(csv.DictReader(io.StringIO(csv_text(rows), newline="")))
    names = {name for row in rows for name in row}
    if len(names) > 1:  # a reader skips a line of one absent value
        assert len(found) == len(rows)
        for row, kept in zip(rows, found, strict=True):
            for name in names:
                value = row.get(name)
                is_formula = isinstance(value, str) and value[:1] in tuple("=+-@\t")
                assert kept[name] == ("" if value is None else f"'{value}" if is_formula else str(value))


odd = st.sampled_from([1.0, 0.0, None, math.nan, math.inf, -math.inf])


@given(st.lists(odd, max_size=8), st.lists(odd, max_size=8))
@EXAMPLES
def test_what_is_not_finite_is_null_and_counted(first: list[float | None], second: list[float | None]) -> None:
    given_ = {name: pl.DataFrame({"x": pl.Series(values, dtype=pl.Float64), "n": [1] * len(values)})
              for name, values in (("a", first), ("b", second))}  # fmt: skip
    kept, counts = sound(given_)
    for name, values in (("a", first), ("b", second)):
        bad = [value is not None and not math.isfinite(value) for value in values]
        assert counts.get(f"{name}.x", 0) == sum(bad)
        wanted = [None if is_bad else value for is_bad, value in zip(bad, values, strict=True)]
        assert kept[name]["x"].to_list() == wanted and kept[name]["n"].to_list() == [1] * len(values)
    said_ = unsound_words(counts)
    assert bool(said_) == bool(counts) and all(name in said_ for name in counts)
    assert sound(kept)[1] == {}


@pytest.mark.parametrize("corner", ["optimistic", "typical", "pessimistic"])
def test_a_corner_s_designs_are_those_that_are_valid_there(corner: Any) -> None:
    names = [name for name, _ in BASE.back_ends]
    first = BASE.confirmed["design_id"][0]
    broken = pl.when((pl.col("design_id") == first) & (pl.col("corner") == corner)).then(pl.lit("infeasible"))
    given_ = dataclasses.replace(
        BASE, confirmed=BASE.confirmed.with_columns(state=broken.otherwise(pl.col("state")))
    )  # fmt: skip
    found = confirmed_at(given_, dict.fromkeys(names, corner))
    wanted = set(BASE.confirmed.filter(pl.col("corner") == corner)["design_id"]) - {first}
    assert set(found["id"]) == wanted and first in confirmed_at(BASE, dict.fromkeys(names, corner))["id"]
    assert {len(values) for values in found.values()} == {len(wanted)}
    assert confirmed_at(given_, {})["id"] == []


limits = st.lists(
    st.tuples(st.sampled_from(["area_mm2", "tops_per_w"]), st.sampled_from(["at_most", "at_least"]), st.floats(0.1, 9)),
    max_size=4,
)


@given(limits, st.floats(0.1, 9), st.floats(0.1, 9))
@EXAMPLES
def test_the_nearest_limit_has_the_largest_share(found: list[Any], area: float, tops: float) -> None:
    row = {"area_mm2": area, "tops_per_w": tops}
    shares = [used_share(row[limit[0]], limit) or 0.0 for limit in found]
    words = nearest_limit(row, found, {})
    if not found:
        assert words == ""
        return
    metric, way, bound = found[shares.index(max(shares))]
    assert words.endswith(f"{way.replace('_', ' ')} {theme.show(bound, metric)}.")


def test_a_question_s_limits_keep_their_order_and_drop_what_is_not_said() -> None:
    spec = {"constraints": {"b": {"at_most": None, "at_least": 1}, "a": {"at_most": 2, "at_least": 3}, "c": None}}
    assert limits_of(spec) == [("b", "at_least", 1.0), ("a", "at_most", 2.0), ("a", "at_least", 3.0)]


@given(st.text("ab", max_size=6), st.text("ab", max_size=6))
def test_names_are_alike_as_far_as_they_share_their_beginning(one: str, other: str) -> None:
    count = _alike(one, other)
    assert one[:count] == other[:count]
    assert count == min(len(one), len(other)) or one[count] != other[count]


@pytest.mark.parametrize(
    ("value", "found"),
    [({"kind": "int", "low": 1, "high": 2}, True), ({"kind": "choice", "options": [1]}, True), ({"kind": "adc"}, False),
     ({"low": 1}, False), (3, False), (None, False)],
)  # fmt: skip
def test_a_domain_has_a_kind_and_its_values(value: Any, found: bool) -> None:
    assert is_domain(value) is found


def test_a_pinned_question_keeps_what_it_fixes_and_drops_what_a_search_needs() -> None:
    spec = {
        "budget": {"trials": 300, "seed": 3, "seconds": 5.0, "per_back_end": 7},
        "hardware": {"memristive/isaac": {"adc.bits": {"kind": "int", "low": 4, "high": 9}, "links": 0}},
        "constraints": {"area_mm2": {"at_most": 100, "at_least": None}},
    }
    given_ = asked(BASE, **spec)
    row = given_.valid.filter(pl.col("back_end") == "memristive/isaac").row(0, named=True)
    found = pinned(given_, row)
    bits = row["hardware.memristive/isaac.adc.bits"]
    assert found["hardware"] == {"memristive/isaac": {"adc.bits": bits, "links": 0}}
    assert found["budget"] == {"seed": 3, "trials": 1} and not set(DROPPED) & set(found["budget"])
    assert found["constraints"] == {"area_mm2": {"at_most": 100}}
    assert not is_each(row)


def test_defaults_that_were_spelt_out_are_not_said_again() -> None:
    spec = {"question": "Q", "batch": 1, "boundary": "chip", "corner": "typical", "lifecycle": None, "mine": 4}
    assert said(spec) == {"question": "Q", "boundary": "chip", "mine": 4}


def test_layers_with_values_of_their_own_hold_no_question() -> None:
    row = {"network": "n", "compression.0.prune.density.n.conv1": 0.5, "design_id": "d"}
    assert is_each(row)
    assert not is_each({**row, "compression.0.prune.density.n.conv1": None})
    assert not is_each({**row, "network": "m"})


def test_sources_are_split_sorted_and_of_machines_that_were_tried() -> None:
    named = BASE.published.with_columns(source=pl.lit("b2020; a2019, c2021 + d2022; scaled by linear bits"))
    keys = source_keys(dataclasses.replace(BASE, published=named))
    assert keys == sorted(set(keys)) and {"a2019", "b2020", "c2021", "d2022"} <= set(keys)
    assert all(" " not in key for key in keys)
    foreign = named.with_columns(back_end=pl.lit("electronic/never"), source=pl.lit("z1999"))
    assert "z1999" not in source_keys(dataclasses.replace(BASE, published=foreign))


def test_a_citation_says_what_its_entry_holds() -> None:
    entry = {"ID": "k", "ENTRYTYPE": "article", "author": "A. B", "title": "{T}itle", "year": "2020", "doi": "1/2"}
    found = citation("k", entry)
    assert found.text == "A. B. Title. 2020. doi:1/2"
    assert found.bibtex.startswith("@article{k,\n") and "title = {{T}itle}" in found.bibtex
    assert citation("k", {**entry, "journal": "J", "doi": ""}).text == "A. B. Title. J. 2020"


def test_two_runs_of_one_question_are_compared_without_a_warning() -> None:
    refuse(BASE, BASE)
    assert warning(BASE, BASE) == ""
    unknown = dataclasses.replace(BASE, resolved={})
    assert warning(BASE, unknown) == "" == warning(unknown, BASE)
    both = warning(asked(BASE, networks=["a", "b"]), asked(BASE, networks=["b", "c"]))
    assert both == "The two questions are not the same: other networks (a only before, c only after)."
