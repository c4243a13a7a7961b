"""The contract between search and report."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from joulescape import tables

SCHEMAS = ("TRIALS", "CONFIRMED", "PARTS", "LAYERS", "HISTORY", "AUDIT", "PUBLISHED", "ERRORS", "MAPPINGS", "CONSTANTS")
README = (Path(__file__).resolve().parents[1] / "results" / "README.md").read_text(encoding="utf-8")


def test_a_row_fills_its_columns_and_the_rest_is_null() -> None:
    table = tables.make([{"batch": 0, "hypervolume": 1.5}], tables.HISTORY)
    assert table.columns == list(tables.HISTORY)
    assert table["front_size"][0] is None
    assert table["hypervolume"][0] == 1.5


def test_an_unknown_column_is_refused() -> None:
    with pytest.raises(KeyError, match="inference_energy_nj"):
        tables.make([{"inference_energy_nj": 1.0}], tables.TRIALS)


def test_no_rows_still_have_columns_and_types() -> None:
    table = tables.make([], tables.PARTS)
    assert table.height == 0
    assert dict(table.schema) == dict(tables.PARTS)


def test_parameters_follow_and_are_recognised() -> None:
    extra = {"compression.0": pl.String, "hardware.memristive/isaac.adc.bits": pl.Int64}
    table = tables.make([{"compression.0": "none"}], tables.TRIALS, extra)
    assert tables.parameter_columns(table) == tuple(extra)


def test_writing_is_atomic_and_leaves_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "history.parquet"
    tables.write(tables.make([{"batch": 1}], tables.HISTORY), path)
    tables.write(tables.make([{"batch": 2}], tables.HISTORY), path)
    assert pl.read_parquet(path)["batch"].to_list() == [2]
    assert [p.name for p in path.parent.iterdir()] == ["history.parquet"]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_every_column_is_explained(schema: str) -> None:
    assert [name for name in getattr(tables, schema) if f"`{name}`" not in README] == []
