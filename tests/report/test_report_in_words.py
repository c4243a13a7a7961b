"""report.md: the page's facts in Markdown, with no name read as markup."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from random_tables import random_given
from scenarios import cost_only
from synthetic import empty, synthetic
from test_report_comparison import written
from typer.testing import CliRunner

from joulescape.cli.report_command import report_command
from joulescape.report.in_words import ESCAPED, markdown, plain
from joulescape.report.inputs import Tables
from joulescape.report.page import summary

EXAMPLES = settings(max_examples=20, deadline=None)


@given(random_given())
@EXAMPLES
def test_the_words_are_the_summary(tables: Tables) -> None:
    found = summary(tables)
    text = markdown(found)
    assert text.startswith(f"# {plain(found['question'])}\n")
    for name in ("headline", "answer"):
        assert plain(found[name]) in text
    for name, _ in tables.back_ends:
        assert f"| {plain(name)} |" in text


@given(st.text(max_size=40))
def test_no_character_is_left_for_markdown_to_read(name: str) -> None:
    kept = plain(name)
    assert all(kept[place - 1] == "\\" for place, character in enumerate(kept) if character in "`*_<>|" and place)
    assert "".join(c for place, c in enumerate(kept) if not _is_added(kept, place)) == name


def _is_added(text: str, place: int) -> bool:
    """Whether this backslash escapes the character after it."""
    run = len(text[:place]) - len(text[:place].rstrip("\\"))
    return text[place] == "\\" and run % 2 == 0 and place + 1 < len(text) and text[place + 1] in ESCAPED


@pytest.mark.parametrize("given_", [empty(), cost_only(synthetic(60)), synthetic(60)], ids=["empty", "costs", "whole"])
def test_every_kind_of_study_has_its_words(given_: Tables) -> None:
    text = markdown(summary(given_))
    assert "None" not in text and "nan" not in text
    assert ("## Which knob matters" in text) == bool(summary(given_)["knobs"])


def test_a_hostile_question_stays_text() -> None:
    plain_tables = synthetic(40)
    spec = {**plain_tables.spec, "question": "<script>alert(1)</script> | **x**"}
    text = markdown(summary(dataclasses.replace(plain_tables, resolved={**plain_tables.resolved, "spec": spec})))
    assert "<script>" not in text.replace("\\<", "") and "\\*\\*x" in text


def test_the_command_writes_it(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(report_command)
    found = CliRunner().invoke(app, [str(written(synthetic(40), tmp_path / "q"))])
    assert found.exit_code == 0, found.output
    assert (tmp_path / "q" / "report.md").read_text(encoding="utf-8").startswith("# ")
