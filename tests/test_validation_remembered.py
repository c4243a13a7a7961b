"""Rows of published figures that were worked out before: the same to the last digit, and again where anything moved."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from joulescape.validation import Remembered, validate
from joulescape.validation import rows as validation_rows

ROOT = Path(__file__).parents[1]
EIE, ISAAC = "electronic/eie", "memristive/isaac"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The real shelves; what is edited is a file of its own."""
    shutil.copytree(ROOT / "hwlib", tmp_path / "hwlib")
    (tmp_path / "models").symlink_to(ROOT / "models")
    return tmp_path


@pytest.fixture
def priced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Back ends of the rows that were worked out, in order."""
    found: list[str] = []
    real = validation_rows.published_row

    def counted(root, name, *rest):
        found.append(name)
        return real(root, name, *rest)

    monkeypatch.setattr(validation_rows, "published_row", counted)
    return found


def run(project: Path, name: str, code: str = "1") -> list[dict]:
    kept = Remembered(project, project / "results" / ".cache" / f"{name.replace('/', '_')}.json", code)
    found = validate(project, back_end=name, remembered=kept)
    kept.save()
    return found


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_rows_that_stand_are_not_worked_out_again(project: Path, priced: list[str]) -> None:
    first = run(project, EIE)
    assert first == validate(project, back_end=EIE)
    priced.clear()
    assert run(project, EIE) == first
    assert not priced


def test_other_code_works_all_out_again(project: Path, priced: list[str]) -> None:
    count = len(run(project, EIE))
    priced.clear()
    run(project, EIE, code="2")
    assert priced == [EIE] * count


def test_another_entry_or_a_word_of_its_own_moves_nothing_and_its_numbers_all(project: Path, priced: list[str]) -> None:
    count = len(run(project, EIE))
    priced.clear()
    edit(project / "hwlib" / f"{ISAAC}.yaml", "about: ", "about: another ")
    run(project, EIE)
    assert not priced
    edit(project / "hwlib" / f"{EIE}.yaml", "node_nm: 45", "node_nm: 40")
    run(project, EIE)
    assert priced == [EIE] * count


def test_a_published_row_that_changed_is_worked_out_alone(project: Path, priced: list[str]) -> None:
    run(project, EIE)
    priced.clear()
    published = (project / "hwlib" / f"{EIE}.yaml").read_text().partition("published:")[2]
    first = next(line for line in published.splitlines() if "value:" in line)
    word = first.partition("value:")[2].split()[0].rstrip(",")
    edit(
        project / "hwlib" / f"{EIE}.yaml",
        f"published:{published}",
        f"published:{published.replace(word, word + '1', 1)}",
    )
    run(project, EIE)
    assert priced == [EIE]


@pytest.mark.parametrize("torn", ['{"a":', "[]", "null"])
def test_a_torn_file_is_no_memory(project: Path, priced: list[str], torn: str) -> None:
    count = len(run(project, EIE))
    priced.clear()
    (project / "results" / ".cache" / "electronic_eie.json").write_text(torn)
    assert len(run(project, EIE)) == count == len(priced)
