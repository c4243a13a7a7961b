"""A study leaves each table as a file of its own, keeps those of other parts, and says what it was asked."""

from __future__ import annotations

import json
import logging
import sys
from types import SimpleNamespace

import polars as pl
import pytest
from trend_project import point, study_of, written

from joulescape import gap_tables, tables
from joulescape.errors import ResultsError
from joulescape.gap import study as study_module
from joulescape.gap.findings import Finding
from joulescape.gap.study import answer, read
from joulescape.spec.study import PARTS

POINTS = "".join(point(f"c{year}", year, 100 * 2.0 ** (year - 2010)) for year in (2010, 2012, 2014, 2016, 2020))


@pytest.fixture
def little(tmp_path):
    return study_of(written(tmp_path / "project", POINTS))


@pytest.fixture
def part(monkeypatch):
    """Puts a module in the place of a part."""

    def put(name, rows, *find):
        module = SimpleNamespace(rows=lambda study: rows, FINDINGS=find)
        monkeypatch.setitem(sys.modules, f"joulescape.gap.{name}", module)

    return put


def test_a_part_leaves_parquet_and_csv_and_no_draft(little, tmp_path):
    folder = tmp_path / "results"
    answer(little, folder, ("shores",))
    names = ("shores", "fits", "machines", "findings")
    wanted = {f"{name}.{kind}" for name in names for kind in ("parquet", "csv")} | {"study.json"}
    assert {path.name for path in folder.iterdir()} == wanted
    for name in names:
        table = pl.read_parquet(folder / f"{name}.parquet")
        assert dict(table.schema) == gap_tables.TABLES[name]
        plain = pl.read_csv(folder / f"{name}.csv", infer_schema=False)
        assert plain.columns == table.columns
        assert plain.height == table.height


def test_the_same_study_leaves_the_same_bytes(little, tmp_path):
    for folder in (tmp_path / "one", tmp_path / "two"):
        answer(little, folder, ("shores",))
    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


def test_one_part_keeps_the_tables_of_the_others_and_their_findings(little, tmp_path, part):
    folder = tmp_path / "results"
    row = {"network": "lenet", "back_end": "photonic/x", "split": "90/10", "factor": 3.0}
    part(
        "lifecycle", {"lifecycle": [row]}, lambda given: Finding("life", "3 times", f"{given['lifecycle'].height} row")
    )
    answer(little, folder, ("lifecycle",))
    found = answer(little, folder, ("shores",))
    assert pl.read_parquet(folder / "lifecycle.parquet")["factor"].to_list() == [3.0]
    commands = {finding["id"]: finding["command"] for finding in found}
    assert commands["life"].endswith("little.yaml --only lifecycle")
    assert pl.read_parquet(folder / "findings.parquet")["id"].to_list() == list(commands)


def test_a_finding_that_finds_nothing_is_left_out(little, tmp_path, part):
    part("lifecycle", {"lifecycle": [{"network": "lenet"}]}, lambda given: None)
    assert answer(little, tmp_path, ("lifecycle",)) == []
    assert pl.read_parquet(tmp_path / "findings.parquet").is_empty()


def test_every_part_is_worked_out_in_its_order_and_says_so(little, tmp_path, part, caplog):
    for name in ("bridge", "overtake", "lifecycle"):
        part(name, {table: [] for table in gap_tables.OF_PART[name]})
    with caplog.at_level(logging.INFO, "joulescape.gap"):
        answer(little, tmp_path)
    said = [record.getMessage() for record in caplog.records]
    assert said[::2] == [f"{name} ..." for name in PARTS]
    assert [line.partition(":")[0] for line in said[1::2]] == list(PARTS)
    assert "15 rows of shores" in said[1]
    assert "0 rows of bridge, 0 rows of factors" in said[3]
    assert {path.stem for path in tmp_path.glob("*.parquet")} == set(gap_tables.TABLES)


def test_a_column_that_no_table_has_is_refused(little, tmp_path, part):
    part("lifecycle", {"lifecycle": [{"factr": 3.0}]})
    with pytest.raises(KeyError, match="factr"):
        answer(little, tmp_path, ("lifecycle",))
    assert not (tmp_path / "lifecycle.parquet").exists()


def test_the_study_is_told_beside_its_tables(little, tmp_path):
    answer(little, tmp_path, ("shores",))
    told = json.loads((tmp_path / study_module.STUDY_FILE).read_text())
    assert told["name"] == "little"
    assert told["digest"] == little.digest()
    assert told["spec"]["shores"]["first_span_until"] == 2018
    assert told["questions"] == {}
    assert told["series"]["density_by_year"]["file"] == "hwlib/trends/chips.yaml"
    assert list(told["series"]["density_by_year"]["groups"]) == ["chips", "best"]


@pytest.mark.parametrize("damage", ["cut", "older"])
def test_a_table_that_is_not_whole_or_of_another_version_is_named(little, tmp_path, damage):
    answer(little, tmp_path, ("shores",))
    path = tmp_path / "fits.parquet"
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:200])
    else:
        tables.write(pl.read_parquet(path).drop("doubling"), path)
    with pytest.raises(ResultsError, match=r"fits\.parquet .*joulescape gap"):
        read(tmp_path)


def test_tables_that_are_not_there_have_no_rows(tmp_path):
    found = read(tmp_path)
    assert set(found) == set(gap_tables.TABLES) - {"findings"}
    assert all(table.is_empty() and dict(table.schema) == gap_tables.TABLES[name] for name, table in found.items())


def test_every_table_belongs_to_one_part_or_stands_beside_them_all():
    listed = [name for names in gap_tables.OF_PART.values() for name in names]
    assert sorted([*listed, "machines", "findings"]) == sorted(gap_tables.TABLES)
    assert tuple(gap_tables.OF_PART) == PARTS
