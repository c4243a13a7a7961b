"""Results that are cut short, empty or another's: the file and the way out are named, and no traceback is shown."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from synthetic import save, synthetic

from joulescape.errors import ResultsError
from joulescape.report.index import entries
from joulescape.report.inputs import KEYS, read_tables

REMEDY = "write it again with the command that makes it"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save(synthetic(40), tmp_path)


def refused(folder: Path, published: Path | None = None) -> str:
    with pytest.raises(ResultsError) as caught:
        read_tables(folder, published)
    return str(caught.value)


@pytest.mark.parametrize("name", ["trials", "front", "history", "confirmed", "parts", "layers"])
@pytest.mark.parametrize("content", [b"", b"PAR1", b"not a table at all", None])
def test_a_broken_table_is_named_with_the_remedy(folder: Path, name: str, content: bytes | None) -> None:
    path = folder / f"{name}.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    said = refused(folder)
    assert said.startswith(f"{path} is not a whole Parquet file (")
    assert said.split("; ")[-1].startswith(REMEDY)
    assert "\n" not in said


def test_a_folder_in_place_of_a_table_is_named(folder: Path) -> None:
    path = folder / "parts.parquet"
    path.unlink()
    path.mkdir()
    assert refused(folder).startswith(str(path))


def test_a_foreign_table_is_named_with_what_it_lacks(folder: Path) -> None:
    pl.DataFrame({"x": [1]}).write_parquet(folder / "confirmed.parquet")
    said = refused(folder)
    assert "confirmed.parquet was written by another version: it lacks design_id" in said
    assert REMEDY in said


@pytest.mark.parametrize(("name", "column"), [(name, column) for name, columns in KEYS.items() for column in columns])
def test_a_row_without_its_name_is_refused(folder: Path, name: str, column: str) -> None:
    path = folder / f"{name}.parquet"
    table = pl.read_parquet(path)
    assert table.height and table[column].null_count() == 0
    first = pl.when(pl.int_range(pl.len()) == 0).then(None).otherwise(pl.col(column)).alias(column)
    table.with_columns(first).write_parquet(path)
    assert refused(folder) == f"{path} has rows without {column}; {REMEDY}: joulescape search, confirm or validate"


def test_columns_of_another_kind_are_named(folder: Path) -> None:
    path = folder / "trials.parquet"
    pl.read_parquet(path).with_columns(pl.col("area_mm2").cast(pl.String)).write_parquet(path)
    assert f"{path} is another table: area_mm2 is String; {REMEDY}" in refused(folder)


def test_a_broken_published_table_is_named(folder: Path) -> None:
    path = folder.parent / "published.parquet"
    path.write_bytes(b"")
    assert refused(folder, path).startswith(str(path))


@pytest.mark.parametrize(("content", "said"), [(b"[]", "holds no mapping"), (b"\xff\xfe", "is not JSON")])
def test_a_resolution_of_another_kind_is_named(folder: Path, content: bytes, said: str) -> None:
    (folder / "resolved.json").write_bytes(content)
    assert f"resolved.json {said}" in refused(folder)


def test_the_index_says_what_it_expects(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match=r"--index expects the results folders of spaces.*joulescape report FOLDER"):
        entries([tmp_path], tmp_path / "index.html")


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"space": "a"})])
def test_the_index_names_a_foreign_summary(tmp_path: Path, content: str) -> None:
    (tmp_path / "report.json").write_text(content, encoding="utf-8")
    with pytest.raises(ResultsError, match=r"report\.json is no summary of a report .*draw it again"):
        entries([tmp_path], tmp_path / "index.html")
