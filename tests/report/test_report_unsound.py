"""Numbers that are none: null in the tables, counted on the page, and whatever a cell holds the page is drawn."""

from __future__ import annotations

import dataclasses
import json
import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from page_reader import assert_sound
from random_tables import random_tables
from synthetic import empty, save, synthetic

from joulescape.report.inputs import IN_FOLDER, KEYS, Tables, read_tables
from joulescape.report.page import render, summary_text
from joulescape.report.soundness import SAID, sound, unsound_words

WORDS = (None, "", "</script><b>x", "𝔘ñî🙂\u2028", "a" * 2000, "x;y")
FLOATS = (None, float("nan"), float("inf"), -float("inf"), 1e-30, 1e30, 0.0, -1.0, 5e-324, 1.7e308)
INTEGERS = (None, 0, -1, 2**62)


def hurt(given: Tables, seed: int) -> Tables:
    """The same tables with a few columns changed in some or all rows, and some rows twice."""
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 4)):
        name = chance.choice((*IN_FOLDER, "published"))
        table = getattr(given, name)
        if table.is_empty():
            continue
        column = chance.choice([one for one in table.columns if one not in KEYS.get(name, ())])
        kind = table.schema[column]
        values: tuple[Any, ...] = FLOATS if kind.is_float() else INTEGERS if kind.is_integer() else WORDS
        value = pl.lit(chance.choice((None, True)) if kind == pl.Boolean else chance.choice(values), dtype=kind)
        share = chance.choice((0.3, 1.0))
        rows = pl.Series([chance.random() < share for _ in range(table.height)], dtype=pl.Boolean)
        changed = table.with_columns(pl.when(rows).then(value).otherwise(pl.col(column)).alias(column))
        twice = pl.concat([changed, changed.head(2)]) if chance.random() < 0.2 else changed
        given = dataclasses.replace(given, **{name: twice})
    tables = {name: getattr(given, name) for name in (*IN_FOLDER, "published")}
    kept, unsound = sound(tables)
    return dataclasses.replace(given, **kept, unsound=unsound)


@given(st.integers(0, 10_000))
@settings(max_examples=4, deadline=None)
def test_whatever_a_cell_holds_a_page_is_drawn(seed: int) -> None:
    base = random_tables(seed, designs=12, back_ends=3, confirmed=3)
    found = hurt(base, seed)
    assert_sound(render(found))
    json.loads(summary_text(found), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_is_null_counted_and_said(value: float, tmp_path: Path) -> None:
    base = synthetic(30)
    first = pl.when(pl.int_range(pl.len()) < 3).then(value).otherwise(pl.col("inference_energy_pj"))
    folder = save(dataclasses.replace(base, trials=base.trials.with_columns(inference_energy_pj=first)), tmp_path)
    found = read_tables(folder)
    assert found.unsound == {"trials.inference_energy_pj": 3}
    assert found.trials["inference_energy_pj"].head(3).null_count() == 3
    assert "3 values are no finite number and were taken as not known: trials.inference_energy_pj (3)." in render(found)
    assert json.loads(summary_text(found))["unsound"] == found.unsound


def test_sound_tables_are_left_as_they_are() -> None:
    base = synthetic(20)
    kept, counts = sound({"trials": base.trials, "parts": base.parts})
    assert counts == {} and kept["trials"].equals(base.trials) and kept["parts"].equals(base.parts)
    assert unsound_words({}) == "" and "no finite number" not in render(base)


def test_many_columns_are_named_in_part() -> None:
    said = unsound_words({f"trials.c{place:02d}": 1 for place in range(SAID + 5)})
    assert said.startswith(f"{SAID + 5} values are") and said.endswith("and 5 more columns.")
    assert unsound_words({"trials.x": 1}).startswith("1 value is no finite number and was taken")


@pytest.mark.parametrize("name", IN_FOLDER[1:])
def test_a_folder_without_one_table_is_read_and_drawn(name: str, tmp_path: Path) -> None:
    folder = save(synthetic(20), tmp_path)
    (folder / f"{name}.parquet").unlink(missing_ok=True)
    found = read_tables(folder)
    assert getattr(found, name).is_empty() and f"{name}.parquet" not in found.files


def test_a_design_twice_is_drawn_twice_and_no_more() -> None:
    base = synthetic(30)
    twice = dataclasses.replace(base, trials=pl.concat([base.trials, base.trials]))
    assert_sound(render(twice))
    assert_sound(render(dataclasses.replace(empty(), trials=pl.concat([empty().trials] * 2))))
