"""Files that are not there or torn: each is named with what it tells and what writes it, and none is half believed."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from joulescape import tables
from joulescape.cli.standing import AGAIN, states_of, waiting_of
from joulescape.errors import ResultsError
from joulescape.report.index import told_in
from joulescape.report.missing import LOST, OF_ONE_DESIGN, RESOLVED, missing_words, no_results

names = st.lists(st.sampled_from(sorted(LOST)), max_size=6, unique=True)
told = st.dictionaries(
    st.text("abc", max_size=3), st.none() | st.booleans() | st.integers(-9, 9) | st.text('xyz\\"{', max_size=4)
)


@given(names)
@settings(max_examples=40, deadline=None)
def test_each_table_is_told_once_by_its_name_its_use_and_its_writer(some: list[str]) -> None:
    said = missing_words(some)
    assert len(said) == len(some)
    for name, words in zip(some, said, strict=True):
        use, command = LOST[name]
        assert words == f"{name}.parquet is missing: {use}; {command} writes it"
        assert use.endswith(" is not shown")


@given(names)
@settings(max_examples=40, deadline=None)
def test_only_what_all_questions_share_lies_beside_the_folder(some: list[str]) -> None:
    folder = Path("results") / "wide"
    for name, words in zip(some, missing_words(some, folder), strict=True):
        home = folder.parent if name == "published" else folder
        assert words.startswith(f"{home / name}.parquet is missing: ")


def test_whatever_is_said_to_be_missing_is_a_table_and_has_a_command() -> None:
    assert set(OF_ONE_DESIGN) <= LOST.keys()
    for name, (_, writer) in LOST.items():
        assert name == "front" or hasattr(tables, name.upper())
        program, command, *_ = writer.split()
        assert program == "joulescape"
        assert find_spec(f"joulescape.cli.{command}_command") is not None


@pytest.mark.parametrize(("asked", "meant"), [("which_machin", "which_machine"), ("wall", "wall2"), ("zzz", None)])
def test_a_folder_that_is_none_leads_to_the_nearest_that_is_one(tmp_path: Path, asked: str, meant: str | None) -> None:
    for name in ("which_machine", "wall2", "empty"):
        (tmp_path / name).mkdir()
    for name in ("which_machine", "wall2"):
        (tmp_path / name / RESOLVED).write_text("{}", encoding="utf-8")
    said = no_results(tmp_path / asked)
    assert said.startswith(f"{tmp_path / asked / RESOLVED} cannot be read: ")
    assert ("did you mean" in said) == (meant is not None)
    assert meant is None or f"did you mean '{tmp_path / meant}'?" in said
    assert said.endswith(f"`snakemake --cores all {tmp_path / asked}/report.html` answers a question of spaces/")
    assert "empty" not in no_results(tmp_path / "empti"), "a folder without results is no better"


def test_a_study_s_folder_is_not_taken_for_a_question_s(tmp_path: Path) -> None:
    (tmp_path / "study.json").write_text("{}", encoding="utf-8")
    said = no_results(tmp_path)
    assert "this is a study's folder" in said and "did you mean" not in said


@given(told, st.integers(0, 200))
@settings(max_examples=40, deadline=None)
def test_a_file_that_was_cut_anywhere_is_torn_and_a_whole_one_is_read(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, object], cut: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "told.json"
    text = json.dumps(content)
    path.write_text(text, encoding="utf-8")
    assert told_in(path) == content
    path.write_text(text[: cut % len(text)], encoding="utf-8")
    with pytest.raises(ResultsError, match=r"^told\.json is torn \("):
        told_in(path)


@pytest.mark.parametrize("raw", [b"[1, 2]", b"null", b"3", b'"text"', b"\xff\xfe{}", b"{} {}", b"{'a': 1}"])
def test_what_is_no_mapping_is_torn_too(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "told.json").write_bytes(raw)
    with pytest.raises(ResultsError, match=r"^told\.json is torn \("):
        told_in(tmp_path / "told.json")
    assert told_in(tmp_path / "other.json") == {}


def test_a_folder_in_place_of_a_file_is_torn_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "told.json").mkdir()
    with pytest.raises(ResultsError, match=r"told\.json is torn"):
        told_in(tmp_path / "told.json")


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    (tmp_path / "spaces").mkdir()
    for name, text in (
        ("b", "question: Which b?\n"),
        ("a", "question: Which a?\n"),
        ("torn", "question: [\n"),
        ("c", "x: 1\n"),
    ):
        (tmp_path / "spaces" / f"{name}.yaml").write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("answered", [(), ("a",), ("a", "b"), ("c", "torn", "gone"), ("a", "b", "c", "torn")])
def test_every_question_of_the_shelf_is_answered_or_waits(shelf: Path, answered: tuple[str, ...]) -> None:
    """One that cannot be read waits as well, and so does one that asks nothing."""
    waiting = waiting_of(shelf, [shelf / "results" / name for name in answered])
    assert [one.name for one in waiting] == sorted({"a", "b", "c", "torn"} - set(answered))
    for one in waiting:
        assert one.question == {"a": "Which a?", "b": "Which b?"}.get(one.name, "")
        assert one.reason == f"No results: {AGAIN.format(one.name)}."


@pytest.mark.parametrize("raw", ["{", "[]", ""])
def test_torn_results_are_stale_and_say_what_makes_them_again(shelf: Path, raw: str) -> None:
    for name in ("a", "elsewhere", "b"):
        (shelf / "results" / name).mkdir(parents=True)
    for name in ("a", "elsewhere"):
        (shelf / "results" / name / RESOLVED).write_text(raw, encoding="utf-8")
    found = states_of(shelf, [shelf / "results" / name for name in ("a", "elsewhere", "b")])
    assert found.keys() == {"a"}, "only questions of the shelf that have results stand to them"
    assert found["a"].is_stale
    assert found["a"].words.startswith(f"stale: {RESOLVED} is torn (")
    assert found["a"].words.endswith(f"so that nobody knows what was answered; {AGAIN.format('a')}")
