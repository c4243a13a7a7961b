"""The page of validation cases: its tables are what the models give now, every case is there and can be asked for.

That the whole page is what the whole shelf gives is asked in test_validation, which prices the whole shelf.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmark_scripts import benchmark
from joulescape.resolve.shelves import back_end_names
from joulescape.validation import validate

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")
AGAIN = "write the page again: python benchmarks/validation_cases.py --write"


CASES = benchmark("validation_cases")
CHEAP = [case for case in CASES.CASES if not set(case.back_ends) & set(CASES.MAPPED)]


def cells(key: str) -> list[list[str]]:
    """Rows of one case on the page, without its title."""
    lines = [line for line in PAGE.splitlines() if line.startswith(f"| {key} |")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    names = sorted({name for case in CHEAP for name in case.back_ends})
    return [row for name in names for row in validate(ROOT, back_end=name)]


@pytest.mark.parametrize("case", CHEAP, ids=lambda case: case.key)
def test_a_case_stands_on_the_page_as_the_models_have_it(case: Any, rows: list[dict[str, Any]]) -> None:
    assert case.table(rows) in PAGE, AGAIN


def test_every_case_of_the_list_is_there_with_figures() -> None:
    keys = [case.key for case in CASES.CASES]
    assert [f"D{number}" for number in range(1, 13)] == [key for key in keys if key.startswith("D")]
    assert all(cells(key) for key in keys), AGAIN


@pytest.mark.parametrize("case", CASES.CASES, ids=lambda case: case.key)
def test_its_command_shows_what_it_says(case: Any) -> None:
    known = set(back_end_names(ROOT))
    words = case.command.split()
    if words[:2] == ["joulescape", "validate"]:
        assert words[2] in (*known, "--family")
        assert set(case.back_ends) <= known or case.key == "D9"
    else:
        assert (ROOT / words[1]).exists() and not case.back_ends


def test_every_miss_says_why() -> None:
    missed = [row for case in CASES.CASES for row in cells(case.key) if row[5] == "miss"]
    assert all(row[6] for row in missed), [row for row in missed if not row[6]]


def test_shapes_are_exact_and_peaks_agree() -> None:
    assert [row[5] for row in cells("D1")] == ["exact"] * 4
    assert all(row[5] == "input" for row in cells("D10"))
    peaks = [row for row in cells("D12") if row[1].startswith("peak")]
    assert len(peaks) == 4 and all(abs(float(row[4].removesuffix(" %"))) <= 1.0 for row in peaks)


def test_what_a_source_bounds_is_not_passed_off_as_met() -> None:
    """More chips: each verdict is an upper bound, and the page says by how much."""
    chips = [row for row in cells("D11") if "chips over one" in row[1]]
    assert [row[5] for row in chips] == ["upper bound"] * 3
    assert all(float(row[3]) > float(row[2]) for row in chips)
    assert "threefold at 64" in PAGE and 2.7 < float(chips[-1][3]) / float(chips[-1][2]) < 3.3
    assert "by 7 % at 4 chips" in PAGE and chips[0][4] == "+6.7 %"
