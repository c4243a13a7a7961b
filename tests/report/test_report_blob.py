"""Packing the page's data: the same rows come back, in the same bytes, and no name can break out."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from joulescape.report.blob import columns_of, packed, rounded, rounded_series, script_json, unpacked

value = st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8))
table = st.dictionaries(st.text(max_size=5), st.lists(value, max_size=12), max_size=4)


@given(st.dictionaries(st.text(max_size=5), table, max_size=3))
def test_what_is_packed_comes_back(datasets: dict[str, dict[str, list[Any]]]) -> None:
    assert unpacked(packed(datasets)) == datasets


@given(table)
def test_the_same_data_gives_the_same_bytes(columns: dict[str, list[Any]]) -> None:
    assert packed({"t": columns}) == packed({"t": columns})


def test_repeated_values_cost_little() -> None:
    assert len(packed({"t": {"x": ["a rather long name of a back end"] * 10_000}})) < 400


@given(st.text())
def test_script_json_cannot_end_its_element(text: str) -> None:
    made = script_json({"name": text})
    assert not set("<>&\u2028\u2029") & set(made)
    assert json.loads(made) == {"name": text}


def test_rounding_keeps_four_figures_and_absence() -> None:
    assert rounded(123467.0) == 123500.0 - 100.0  # 1235 would read 124 with three figures, and it is 123
    assert (rounded(123512.0), rounded(123500.0), rounded(-10.852)) == (123600.0, 123500.0, -10.86)
    assert rounded(None) is None
    assert rounded(float("nan")) is None


def test_rows_become_columns() -> None:
    assert columns_of([{"a": 1, "b": 2}, {"a": 3, "b": 4}]) == {"a": [1, 3], "b": [2, 4]}
    assert columns_of([]) == {}


@given(st.floats(1e-15, 1e15), st.sampled_from([1.0, -1.0]))
def test_what_is_rounded_twice_reads_as_if_rounded_once(value: float, sign: float) -> None:
    once = rounded(sign * value)
    assert once is not None and f"{once:.2e}" == f"{sign * value:.2e}"
    assert once == pytest.approx(sign * value, rel=1.01e-3)
    assert rounded_series(pl.Series([sign * value]))[0] == once
