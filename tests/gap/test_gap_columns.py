"""The page of the results explains every column of a study's tables, each below its own table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from joulescape.gap_tables import TABLES
from joulescape.tables import METRICS

README = (Path(__file__).resolve().parents[2] / "results" / "README.md").read_text(encoding="utf-8")
STUDY = README.partition("## A study")[2]


def explained(name: str) -> set[str]:
    """Names in backticks below the head of a table; `first` ... `last` stands for the metrics between."""
    below = STUDY.partition(f"| `{name}.parquet` |")[2].partition("\n\n")[0]
    found = set(re.findall(r"`([a-z0-9_]+)`", below))
    return found | (set(METRICS) if f"`{METRICS[0]}` ... `{METRICS[-1]}`" in below else set())


@pytest.mark.parametrize("name", TABLES)
def test_every_column_of_a_study_is_explained(name):
    assert set(TABLES[name]) - explained(name) == set()


@pytest.mark.parametrize("name", TABLES)
def test_no_column_is_explained_that_is_not_there(name):
    rows = STUDY.partition(f"| `{name}.parquet` |")[2].partition("\n\n")[0].splitlines()[2:]
    firsts = {word for row in rows for word in re.findall(r"`([a-z0-9_]+)`", row.split("|")[1])}
    assert firsts - set(TABLES[name]) == set()
