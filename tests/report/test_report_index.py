"""The list of all questions: how each came out, whether it stands, where its files lie, and what has no answer."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from page_reader import assert_sound, elements, named
from synthetic import empty, save, synthetic
from typer.testing import CliRunner

from joulescape import load_space
from joulescape.cli.explain_command import explain_command
from joulescape.cli.report_command import report_command
from joulescape.cli.standing import stale_words, states_of, waiting_of
from joulescape.network.digest import canonical
from joulescape.report.index import State, comparisons, entries, render_index
from joulescape.report.page import summary, summary_text
from joulescape.report.tally import SCHEMA
from joulescape.search.digests import code_digest, space_digest

ROOT = Path(__file__).parents[2]
README = (ROOT / "results" / "README.md").read_text(encoding="utf-8")


def _app_of(command: Callable[..., None]) -> typer.Typer:
    app = typer.Typer()
    app.command()(command)
    return app


def run(*arguments: str) -> tuple[int, str]:
    found = CliRunner().invoke(_app_of(report_command), list(arguments))
    return found.exit_code, found.output


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one question with results that are current, and one question without any."""
    for shelf in ("hwlib", "models"):
        (tmp_path / shelf).symlink_to(ROOT / shelf)
    (tmp_path / "spaces").mkdir()
    for name in ("photonic_wall", "good_chips"):
        shutil.copy(ROOT / "spaces" / f"{name}.yaml", tmp_path / "spaces")
    space = load_space(tmp_path / "spaces" / "photonic_wall.yaml")
    digests = {"space": space_digest(space), "code": code_digest()}
    resolved = {"spec": canonical(space.spec), "digests": digests}
    given = dataclasses.replace(synthetic(40, name="photonic_wall"), resolved=resolved)
    folder = save(given, tmp_path / "results")
    (folder / "report.json").write_text(summary_text(given), encoding="utf-8")
    (folder / "provenance.json").write_text('{"confirmed_at": "2026-11-21T16:33:57+00:00"}', encoding="utf-8")
    (folder / "front.csv").write_text("design_id\n", encoding="utf-8")
    return tmp_path


def state(project: Path) -> State:
    return states_of(project, [project / "results" / "photonic_wall"])["photonic_wall"]


def edited(project: Path, old: str, new: str) -> None:
    path = project / "spaces" / "photonic_wall.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_results_of_the_question_as_it_stands_are_current(project: Path) -> None:
    assert state(project) == State(state(project).words, False) and state(project).words.startswith("current")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("batch: 16", "batch: 8", "stale: the question, a network or the shelf changed"),
        ("trials: 240", "trials: 250", "stale: its words, budget or picks changed"),
        ("task: digits", "task: nothing", "stale: photonic_wall.yaml has"),
    ],
)
def test_an_edited_question_is_stale(project: Path, old: str, new: str, said: str) -> None:
    edited(project, old, new)
    assert state(project).is_stale and state(project).words.startswith(said)


def test_the_page_and_the_terminal_say_what_is_stale_and_only_that(project: Path) -> None:
    folder = project / "results" / "photonic_wall"
    assert stale_words(folder) is None
    assert "stale" not in run(str(folder))[1] and 'id="alarm"' not in (folder / "report.html").read_text("utf-8")
    edited(project, "batch: 16", "batch: 8")
    said = stale_words(folder)
    assert said is not None and said.startswith("photonic_wall: stale: the question, a network or the shelf changed")
    assert said in run(str(folder))[1]
    alarm = re.search(r'id="alarm">([^<]*)<', (folder / "report.html").read_text("utf-8"))
    assert alarm is not None and alarm[1].startswith("photonic_wall: stale: the question, a network or the shelf")
    assert said in CliRunner().invoke(_app_of(explain_command), [str(folder), "--yaml"]).stderr


def test_results_far_from_a_project_are_never_stale(tmp_path: Path) -> None:
    assert stale_words(save(synthetic(40), tmp_path)) is None


def test_other_code_makes_stale(project: Path) -> None:
    path = project / "results" / "photonic_wall" / "resolved.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**told, "digests": {**told["digests"], "code": "0"}}), encoding="utf-8")
    assert "the code that judges changed" in state(project).words and state(project).is_stale


def test_torn_files_are_said(project: Path) -> None:
    """A file that a full disk cut short is not taken for one that is not there."""
    results = project / "results"
    for name in ("resolved.json", "provenance.json"):
        path = results / "photonic_wall" / name
        path.write_text(path.read_text(encoding="utf-8")[:20], encoding="utf-8")
    said = state(project)
    assert said.is_stale and said.words.startswith("stale: resolved.json is torn (") and "snakemake" in said.words
    (results / "comparisons").mkdir()
    (results / "comparisons" / "a_b.json").write_text("{", encoding="utf-8")
    (results / "comparisons" / "a_b.html").touch()
    (one,) = comparisons(results / "index.html")
    assert one.sentence.startswith("a_b.json is torn (") and one.sentence.endswith("`joulescape diff` writes it again.")
    code, _ = run("--index", str(results / "photonic_wall"), "--out", str(results / "index.html"))
    assert code == 0
    page = (results / "index.html").read_text(encoding="utf-8")
    assert "resolved.json is torn" in page and "when is not known: provenance.json is torn" in page


def test_a_question_without_results_is_said(project: Path) -> None:
    (waiting,) = waiting_of(project, [project / "results" / "photonic_wall"])
    assert waiting.name == "good_chips" and waiting.question and "results/good_chips/report.html" in waiting.reason
    (project / "spaces" / "broken.yaml").write_text("[", encoding="utf-8")
    assert [one.name for one in waiting_of(project, [])] == ["broken", "good_chips", "photonic_wall"]


STUDY = """study: gap
question: How far?
questions: {bridge: photonic_wall, measured: good_chips}
"""


def test_a_part_of_a_study_with_finished_tables_waits_for_its_page_alone(project: Path) -> None:
    """Its tables answer it; what lacks is a page, and the index says of which study it is a part."""
    results = project / "results"
    (project / "spaces" / "bridge_study.yaml").write_text(STUDY, encoding="utf-8")
    (results / "photonic_wall" / "report.json").unlink()
    beside = results / "bridge_study"
    beside.mkdir()
    found = {one.name: one for one in waiting_of(project, [beside])}
    assert set(found) == {"photonic_wall", "good_chips"}
    whole, bare = found["photonic_wall"], found["good_chips"]
    assert whole.is_answered and "`joulescape report results/photonic_wall` draws it." in whole.reason
    assert not bare.is_answered and bare.reason.startswith("No results: run ")
    assert all(one.reason.endswith("It is a part of bridge_study.") for one in found.values())
    text = render_index((), (), tuple(found.values()))
    assert "1 answered without a page." in text and "1 not answered yet." in text
    assert text.index("Answered, no page drawn") < text.index("Not answered yet")
    edited(project, "batch: 16", "batch: 8")
    (whole,) = [one for one in waiting_of(project, [beside]) if one.is_answered]
    assert "Its tables are stale: the question" in whole.reason


def test_a_study_has_a_state_its_file_and_the_dates_of_its_questions(project: Path) -> None:
    folder = project / "results" / "bridge_study"
    folder.mkdir()
    (project / "spaces" / "bridge_study.yaml").write_text(STUDY, encoding="utf-8")
    told = {"file": "spaces/bridge_study.yaml", "digest": "0", "questions": {"bridge": {"name": "photonic_wall"}}}
    (folder / "study.json").write_text(json.dumps(told), encoding="utf-8")
    said = {"space": "bridge_study", "question": "How far?", "headline": "A.", "answer": "B.", "scope": []}
    (folder / "report.json").write_text(json.dumps(said), encoding="utf-8")
    states = states_of(project, [folder])
    assert states["bridge_study"].is_stale
    (entry,) = entries([folder], project / "results" / "index.html", states)
    assert entry.file == "spaces/bridge_study.yaml" and entry.is_stale
    assert entry.date == "photonic_wall 2026-11-21T16:33:57+00:00"
    (folder / "study.json").write_text("{", encoding="utf-8")
    assert "study.json is torn" in states_of(project, [folder])["bridge_study"].words


def test_the_page_says_how_each_came_out(project: Path) -> None:
    results = project / "results"
    code, _ = run("--index", str(results / "photonic_wall"), "--out", str(results / "index.html"))
    assert code == 0
    page = (results / "index.html").read_text(encoding="utf-8")
    assert_sound(page)
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))
    for words in (
        "2026-11-21T16:33:57+00:00",
        "current: the question",
        "Not answered yet",
        "good_chips",
        "Recommended",
        "Question spaces/photonic_wall.yaml",
    ):
        assert words in text
    links = [link.attributes["href"] for link in named(elements(page), "a")]
    assert "photonic_wall/front.csv" in links and "photonic_wall/report.json" in links
    assert all((results / link).exists() for link in links if not link.endswith("report.html"))
    front = summary(synthetic(40, name="photonic_wall"))["front_families"]
    assert all(re.search(rf"{family} {count}\b", text) for family, count in front.items())


def test_results_far_from_a_project_are_listed_without_a_state(tmp_path: Path) -> None:
    folder = save(synthetic(40), tmp_path)
    run(str(folder))
    out = tmp_path / "index.html"
    assert run("--index", str(folder), "--out", str(out))[0] == 0
    page = out.read_text(encoding="utf-8")
    assert "<dt>State</dt>" not in page and f"<dd><code>{folder.name}</code></dd>" in page


def test_comparisons_beside_the_index_are_listed(tmp_path: Path) -> None:
    from joulescape.cli.diff_command import diff_command

    before, after = save(synthetic(40), tmp_path / "a"), save(synthetic(60, seed=2), tmp_path / "b")
    app = typer.Typer()
    app.command()(diff_command)
    made = tmp_path / "comparisons" / "a_b.html"
    assert CliRunner().invoke(app, [str(before), str(after), "--out", str(made)]).exit_code == 0
    (made.parent / "foreign.json").write_text("[]", encoding="utf-8")
    (made.parent / "alone.json").write_text(made.with_suffix(".json").read_text(encoding="utf-8"), encoding="utf-8")
    (found,) = comparisons(tmp_path / "index.html")
    assert found.link == "comparisons/a_b.html" and found.studies == ("which_machine", "which_machine")
    assert found.sentence in render_index((), (found,)).replace("&#39;", "'")


def test_a_summary_has_a_version_and_every_key_is_explained() -> None:
    found = summary(synthetic(60))
    assert found["schema"] == SCHEMA
    assert [key for key in found if f"`{key}`" not in README] == []


def test_counts_add_up_and_the_pick_is_a_design() -> None:
    given = synthetic(120)
    found = summary(given)
    counts = found["counts"]
    assert counts["designs"] == given.trials.height
    assert sum(counts[name] for name in ("valid", "infeasible", "failed", "screened")) == counts["designs"]
    assert sum(found["front_families"].values()) == counts["front"] == given.front.height
    assert found["pick_design"]["design_id"] == found["pick"]
    assert summary(empty())["pick_design"] is None


def test_files_of_a_report_are_known_by_their_bytes(tmp_path: Path) -> None:
    import hashlib

    folder = save(synthetic(40), tmp_path)
    run(str(folder))
    files = json.loads((folder / "report.json").read_text(encoding="utf-8"))["files"]
    assert set(files) >= {"trials.parquet", "resolved.json", "confirmed.parquet"}
    for name, digest in files.items():
        held = folder.parent if name == "published.parquet" else folder
        assert hashlib.sha256((held / name).read_bytes()).hexdigest() == digest


def test_a_summary_of_an_older_version_is_still_listed(tmp_path: Path) -> None:
    old = {"space": "s", "question": "Which?", "headline": "A.", "answer": "B.", "scope": ["task x"]}
    (tmp_path / "report.json").write_text(json.dumps(old), encoding="utf-8")
    (found,) = entries([tmp_path], tmp_path / "index.html")
    assert found.counts == () and found.pick == "" and found.date == ""
    assert_sound(render_index((found,)))
