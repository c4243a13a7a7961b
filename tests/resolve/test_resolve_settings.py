"""Settings by dotted path: laws of put and leaves."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from stand_in_project import Converter, Grid, GridSettings

from joulescape.resolve.settings import leaves, put, put_raw
from joulescape.spec.base import Shape
from joulescape.spec.sourced import LowerIsBetter, Sourced

ENERGY = Sourced(value=2.0, basis="measured", source="a2020")
SETTINGS = GridSettings(array=Grid(rows=16, columns=16), adc=Converter(bits=8, energy_pj=ENERGY))
VALUES = {"array.rows": st.integers(1, 1024), "array.columns": st.integers(1, 1024), "adc.bits": st.integers(1, 12)}


class Table(Shape):
    """Settings with a mapping inside."""

    parts: dict[str, LowerIsBetter]
    depth: dict[str, int]


@given(st.sampled_from(sorted(VALUES)).flatmap(lambda path: st.tuples(st.just(path), VALUES[path])))
def test_put_changes_one_leaf_and_nothing_else(change):
    path, value = change
    after = leaves(put(SETTINGS, path, value))
    assert after == {**leaves(SETTINGS), path: value}


@given(st.integers(1, 1024))
def test_put_and_put_raw_agree(value):
    raw = put_raw(SETTINGS.model_dump(), "array.rows", value)
    assert GridSettings.model_validate(raw) == put(SETTINGS, "array.rows", value)


def test_put_leaves_its_argument_alone():
    raw = {"array": {"rows": 1}}
    put(SETTINGS, "array.rows", 5)
    put_raw(raw, "array.rows", 5)
    assert SETTINGS.array.rows == 16
    assert raw == {"array": {"rows": 1}}


def test_leaves_stop_at_sourced_values():
    assert leaves(SETTINGS)["adc.energy_pj"] is ENERGY
    assert set(leaves(SETTINGS)) == {
        "array.rows", "array.columns", "adc.bits", "adc.energy_pj", "dataflow", "is_fast", "efficiency",
    }  # fmt: skip


def test_arrays_stand_where_scalars_stood():
    swept = put(SETTINGS, "array.rows", np.array([1, 2]))
    np.testing.assert_array_equal(swept.array.rows, [1, 2])


def test_mappings_are_walked():
    table = Table(parts={"adc": ENERGY}, depth={"buffer": 4})
    assert leaves(table) == {"parts.adc": ENERGY, "depth.buffer": 4}
    assert put(table, "depth.buffer", 9).depth == {"buffer": 9}


def test_put_raw_makes_what_is_missing():
    assert put_raw({}, "a.b.c", 1) == {"a": {"b": {"c": 1}}}
    assert put_raw({"a": 3}, "a.b", 1) == {"a": {"b": 1}}
