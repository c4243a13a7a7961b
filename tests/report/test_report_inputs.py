"""Reading a results folder, and the command that does it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from synthetic import empty, save, synthetic
from typer.testing import CliRunner

from joulescape.cli.report_command import report_command
from joulescape.errors import ResultsError
from joulescape.report.inputs import read_references, read_tables

BIBTEX = """@article{shen2017, author = {Shen, Yichen}, title = {Deep {Nano}photonics}, journal = {NP}, year = 2017}
@misc{tool2024, author = {A. Tool}, title = {A tool}, year = {2024}, month = jan}
@software{prog, author = {P}, title = {Prog}, year = {2020}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save(synthetic(80), tmp_path)


def run(*arguments: str) -> tuple[int, str]:
    import typer

    app = typer.Typer()
    app.command()(report_command)
    found = CliRunner().invoke(app, list(arguments))
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found.exit_code, found.output


def test_what_a_search_wrote_is_read(folder: Path) -> None:
    wanted, found = synthetic(80), read_tables(folder, folder.parent / "published.parquet")
    for name in ("trials", "front", "history", "confirmed", "parts", "published"):
        assert getattr(found, name).equals(getattr(wanted, name))
    assert found.spec["task"] == "digits"
    assert set(found.networks) == {"digits_lenet"}


def test_tables_of_later_steps_may_be_absent(folder: Path) -> None:
    for name in ("front", "history", "confirmed", "parts", "layers"):
        (folder / f"{name}.parquet").unlink()
    found = read_tables(folder, folder / "no_such.parquet")
    assert found.confirmed.height == found.parts.height == found.published.height == 0


def test_missing_trials_are_named(folder: Path) -> None:
    (folder / "trials.parquet").unlink()
    with pytest.raises(ResultsError, match=r"trials\.parquet is missing"):
        read_tables(folder)


def test_a_table_of_another_version_is_refused(folder: Path) -> None:
    synthetic(20).trials.drop("violation").write_parquet(folder / "trials.parquet")
    with pytest.raises(ResultsError, match="lacks violation"):
        read_tables(folder)


@pytest.mark.parametrize("text", [None, "{"])
def test_an_unreadable_resolution_is_named(folder: Path, text: str | None) -> None:
    path = folder / "resolved.json"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(ResultsError, match=r"resolved\.json"):
        read_tables(folder)


def test_references_of_every_kind_are_read(tmp_path: Path) -> None:
    path = tmp_path / "references.bib"
    path.write_text(BIBTEX)
    assert set(read_references(path)) == {"shen2017", "tool2024", "prog"}
    assert read_references(None) == {}


def test_the_shelf_s_own_references_are_read() -> None:
    path = Path(__file__).resolve().parents[2] / "hwlib" / "references.bib"
    text = path.read_text(encoding="utf-8")
    assert len(read_references(path)) == sum(line.startswith("@") for line in text.splitlines())


def test_the_command_writes_the_page_and_its_summary(folder: Path) -> None:
    out = folder / "report.html"
    assert run(str(folder), "--published", str(folder.parent / "published.parquet"), "--out", str(out)) == (
        0,
        f"{out}\n",
    )
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert json.loads((folder / "report.json").read_text(encoding="utf-8"))["space"] == "which_machine"
    assert not list(folder.glob(".*"))


def test_the_index_lists_every_report(tmp_path: Path) -> None:
    folders = [save(synthetic(40), tmp_path), save(empty(), tmp_path)]
    for each in folders:
        run(str(each))
    out = tmp_path / "index.html"
    assert run("--index", *map(str, folders), "--out", str(out))[0] == 0
    text = out.read_text(encoding="utf-8")
    assert 'href="which_machine/report.html"' in text
    assert "No design is valid: 52 infeasible" in text


def test_the_index_names_a_missing_report(folder: Path) -> None:
    with pytest.raises(ResultsError, match=r"report\.json"):
        run("--index", str(folder), "--out", str(folder / "index.html"))


def test_one_folder_at_a_time(folder: Path) -> None:
    code, said = run(str(folder), str(folder))
    assert code == 2
    assert "one results folder at a time" in said


def test_references_of_other_questions_are_not_read(folder: Path) -> None:
    (folder.parent / "networks" / "someone_elses.json").write_text("{")
    assert set(read_tables(folder).networks) == {"digits_lenet"}
