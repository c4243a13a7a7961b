"""docs/report.md is true: its sections are the page's, in their order, and the files that it names are written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from drawn_pages import ordinary_page

from joulescape.report import theme

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page() -> str:
    return ordinary_page().split('<script type="application/json"')[0]


def rows(heading: str) -> list[list[str]]:
    """Cells of the table under a heading, without its head."""
    under = GUIDE.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in under.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_sections_are_the_page_s_in_their_order(page: str) -> None:
    links = re.findall(r'<a href="#(\w+)">(\w+)</a>', page.split("</nav>", maxsplit=1)[0])
    told = rows("The sections")
    assert [row[0] for row in told] == [name for _, name in links]
    places = [page.index(f'<section id="{anchor}"') for anchor, _ in links]
    assert places == sorted(places)
    assert [row[1] for row in told] == re.findall(r"<h2>([^<]+)</h2>", page)


def test_every_section_asks(page: str) -> None:
    assert all(heading.endswith("?") for heading in re.findall(r"<h2>([^<]+)</h2>", page))


def test_the_families_look_as_told() -> None:
    looks = " ".join(GUIDE.split("## How it looks")[1].split())
    places = [looks.index(f"{family} {theme.FAMILY_GLYPHS[family]}") for family in theme.FAMILIES]
    assert places == sorted(places)


def test_the_files_beside_it_are_explained_or_written() -> None:
    columns = (ROOT / "results" / "README.md").read_text(encoding="utf-8")
    rules = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "rules").glob("*.smk")))
    named = re.findall(r"`([\w.]+)`", " ".join(row[0] for row in rows("Files beside it")))
    assert len(named) > 10
    for name in named:
        assert name.removesuffix(".csv").removesuffix(".parquet") in columns or f"/{name}" in rules, name


def test_its_pictures_are_there_and_small() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pictures = set(re.findall(r"(report\w*\.png)", GUIDE + readme))
    assert pictures >= {"report.png", "report_dark.png", "report_phone.png"}
    assert all((ROOT / "docs" / name).stat().st_size <= 300_000 for name in pictures)
