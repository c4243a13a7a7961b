"""`report`, `explain`, `diff` and the list of questions at the command line: what they refuse, print and write."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import typer
import yaml
from page_reader import assert_sound
from scenarios import asked, cost_only
from synthetic import empty, save, synthetic
from typer.testing import CliRunner

from joulescape import tables
from joulescape.cli.diff_command import diff_command
from joulescape.cli.explain_command import explain_command
from joulescape.cli.report_command import report_command
from joulescape.errors import JoulescapeError, ResultsError
from joulescape.report import theme
from joulescape.report.decide import Limits, decide, default_limit
from joulescape.report.designs import design_columns
from joulescape.report.index import told_in
from joulescape.report.inputs import Tables, read_tables
from joulescape.report.missing import LOST
from joulescape.report.page import summary_text


def run(command: Callable[..., None], *arguments: str | Path) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(command)
    found = CliRunner().invoke(app, list(map(str, arguments)))
    if isinstance(found.exception, JoulescapeError):
        raise found.exception
    return found.exit_code, found.output


@pytest.fixture(scope="module")
def base() -> Tables:
    return synthetic(60)


@pytest.fixture(scope="module")
def folder(base: Tables, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(base, tmp_path_factory.mktemp("results"))


def chosen(given: Tables) -> str:
    columns = design_columns(given)
    index = decide(columns, Limits(accuracy=default_limit(columns))).index
    assert index is not None
    return str(columns["id"][index])


def test_one_folder_at_a_time_without_a_list(folder: Path) -> None:
    code, said = run(report_command, folder, folder)
    assert code == 2 and "one results folder at a time" in said
    assert run(report_command)[0] == 2


def test_a_page_its_facts_and_its_words_stand_together(folder: Path, tmp_path: Path, base: Tables) -> None:
    out = tmp_path / "deep" / "page.html"
    code, said = run(report_command, folder, "--out", out)
    assert (code, said) == (0, f"{out}\n")
    assert sorted(path.name for path in out.parent.iterdir()) == ["page.html", "page.json", "page.md"]
    assert_sound(out.read_text(encoding="utf-8"))
    told = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    assert told["counts"]["designs"] == base.trials.height
    assert told["pick_design"]["design_id"] == chosen(base)
    assert told["headline"] in out.with_suffix(".md").read_text(encoding="utf-8").replace("\\", "")


def test_what_is_missing_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ResultsError, match=r"nowhere/resolved\.json cannot be read.*; `snakemake --cores all .*nowhere"
    ):
        run(report_command, tmp_path / "nowhere")
    mistyped = folder.with_name(f"{folder.name}s")
    with pytest.raises(ResultsError, match=f"did you mean '{folder}'"):
        run(explain_command, mistyped)
    (tmp_path / "study.json").touch()
    with pytest.raises(ResultsError, match="this is a study's folder"):
        run(explain_command, tmp_path)
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "resolved.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ResultsError, match=r"trials\.parquet is missing; run the search of this space first"):
        run(report_command, bare)
    with pytest.raises(ResultsError, match=r"report\.json is missing: --index expects the results folders of spaces"):
        run(report_command, "--index", folder, "--out", tmp_path / "index.html")


def test_a_list_of_two_questions_links_both(base: Tables, tmp_path: Path) -> None:
    folders = [save(dataclasses.replace(given, name=name), tmp_path) for name, given in
               (("second", base), ("first", empty()))]  # fmt: skip
    for one in folders:
        (one / "report.json").write_text(summary_text(read_tables(one)), encoding="utf-8")
    code, said = run(report_command, "--index", *folders, "--out", tmp_path / "index.html")
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert (code, said) == (0, f"{tmp_path / 'index.html'}\n")
    assert page.index("first/report.html") < page.index("second/report.html")


def test_the_choice_is_explained_where_none_is_named(base: Tables, folder: Path) -> None:
    name = chosen(base)
    code, said = run(explain_command, folder)
    assert code == 0 and said.startswith(f"design {name}: ")
    assert said == run(explain_command, folder, name)[1]


def test_an_explanation_says_its_ground_and_how_sure_it_is(base: Tables, folder: Path) -> None:
    corners = base.confirmed.group_by("design_id").agg(pl.col("corner").n_unique()).filter(pl.col("corner") == 3)
    name = base.valid.filter(pl.col("design_id").is_in(corners["design_id"].to_list()))["design_id"].sort()[0]
    row = base.valid.filter(pl.col("design_id") == name).row(0, named=True)
    said = run(explain_command, folder, name)[1]
    assert f"  boundary {base.spec['boundary']}, batch {base.spec['batch']}, " in said
    assert f" on {row['fidelity'].split('/')[1]} (n = {row['accuracy_draws_count']}); " in said
    at = {one["corner"]: one for one in base.confirmed.filter(pl.col("design_id") == name).to_dicts()}
    for corner in ("optimistic", "pessimistic"):
        assert theme.show(at[corner]["inference_energy_pj"], "inference_energy_pj") in said
        assert f"with every constant {corner}" in said
    share = theme.show(row["assumed_energy_fraction"], "assumed_energy_fraction")
    assert f"  {share} of its energy rests on assumed constants" in said
    assert f"on test (n = {at['typical']['accuracy_draws_count']})" in said


def test_phases_are_in_the_order_of_a_design_s_life(base: Tables, folder: Path) -> None:
    both = base.parts.filter(pl.col("quantity") == "energy").group_by("design_id").agg(pl.col("phase").n_unique())
    name = both.filter(pl.col("phase") == 2)["design_id"].sort()[0]
    _, said = run(explain_command, folder, name)
    assert 0 < said.index("energy of inference:") < said.index("energy of training:")
    assert said.index("in inference is") < said.index("in training is")


def test_an_explanation_s_shares_are_of_the_whole(base: Tables, folder: Path) -> None:
    name = base.parts["design_id"][0]
    lines = run(explain_command, folder, name)[1].splitlines()
    start = lines.index("energy of inference:") + 1
    shares = []
    for line in lines[start:]:
        if not line.startswith("  "):
            break
        shares.append(float(line.split("%")[0]))
    assert shares == sorted(shares, reverse=True) and sum(shares) == pytest.approx(100, abs=0.1 * len(shares))


def test_a_design_that_was_not_confirmed_says_what_is_not_known(base: Tables, folder: Path) -> None:
    known = set(base.confirmed["design_id"])
    name = next(one for one in base.valid["design_id"] if one not in known)
    _, said = run(explain_command, folder, name)
    assert "not confirmed: its parts, layers, errors and mapping are not stored" in said
    assert "energy of" not in said and "how it computes" not in said


def test_a_question_s_yaml_is_all_that_is_printed(base: Tables, folder: Path) -> None:
    found = yaml.safe_load(run(explain_command, folder, chosen(base), "--yaml")[1])
    row = base.valid.filter(pl.col("design_id") == chosen(base)).row(0, named=True)
    assert found["networks"] == [row["network"]] and found["back_ends"] == [row["back_end"]]
    assert list(found["hardware"]) == [row["back_end"]]


@pytest.mark.parametrize(
    ("design", "said"),
    [("d0000", "designs begin with 'd0000': d000000, d000001, d000002, d000003; give more characters"),
     ("x", "no design begins with 'x'; the nearest is d0"), ("d00000az", "the nearest is d00000a")],
)  # fmt: skip
def test_a_name_that_is_no_design_is_refused(folder: Path, design: str, said: str) -> None:
    with pytest.raises(ResultsError, match=said):
        run(explain_command, folder, design)


def test_without_a_valid_design_one_must_be_named(tmp_path: Path) -> None:
    hopeless = save(empty(), tmp_path)
    with pytest.raises(ResultsError, match="has no valid design to explain; name one by its design_id"):
        run(explain_command, hopeless)
    name = empty().trials["design_id"][0]
    _, said = run(explain_command, hopeless, name)
    assert "SimulatorError: latency is negative" in said


def test_errors_mappings_and_constants_are_read_and_said(base: Tables, tmp_path: Path) -> None:
    name = base.confirmed["design_id"][0]
    rows = [
        {"design_id": name, "layer": "fc1", "role": "forward", "kind": "crossbar", "number": "adc_bits", "value": 7.0}
    ]
    text = [{"design_id": name, "phase": "inference", "layer": "fc1", "role": "forward", "text": "for k in 4\n  mac"}]
    folder = save(base, tmp_path)
    tables.write(tables.make(rows, tables.ERRORS), folder / "errors.parquet")
    tables.write(tables.make(text, tables.MAPPINGS), folder / "mappings.parquet")
    _, said = run(explain_command, folder, name)
    assert "how it computes:\n  fc1 (forward), crossbar: adc bits 7\n" in said
    assert "mapping:\n  fc1 (forward)\n    for k in 4\n      mac\n" in said


def test_a_study_does_not_differ_from_its_copy(base: Tables, folder: Path, tmp_path: Path) -> None:
    code, said = run(diff_command, folder, save(base, tmp_path))
    assert code == 0 and "The recommended design is the same" in said and "with the same numbers." in said
    assert "What differs: nothing." in said
    valid = base.valid["design_id"].n_unique()
    assert f"{valid} of {valid} common designs are unchanged" in said


def test_costs_alone_and_accuracy_are_judged_on_other_metrics(base: Tables, folder: Path, tmp_path: Path) -> None:
    other = save(cost_only(base), tmp_path)
    with pytest.raises(ResultsError, match="two studies are compared on one set of metrics"):
        run(diff_command, folder, other)


def test_a_value_that_is_left_out_is_no_difference(base: Tables, folder: Path, tmp_path: Path) -> None:
    other = save(asked(base, lifecycle=None), tmp_path)
    assert "lifecycle" not in run(diff_command, folder, other)[1]
    lived = save(asked(base, lifecycle={"inferences": 1e6}), tmp_path / "lived")
    _, said = run(diff_command, folder, lived)
    assert "question lifecycle.inferences: – → 1000000.0" in said and "Another life (– before, 1,000,000 after)" in said


@pytest.mark.parametrize(
    ("content", "found"),
    [('{"a": 1}', {"a": 1}), ("[1]", None), ("not json", None), ('{"a": ', None), ("", None), (None, {})],
)
def test_what_is_beside_a_report_is_a_mapping_or_not_there_or_torn(
    content: str | None, found: dict[str, Any] | None, tmp_path: Path
) -> None:
    path = tmp_path / "x.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    if found is None:
        with pytest.raises(ResultsError, match=r"^x\.json is torn \("):
            told_in(path)
    else:
        assert told_in(path) == found


def split(command: Callable[..., None], *arguments: str | Path) -> tuple[str, str]:
    app = typer.Typer()
    app.command()(command)
    found = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    return found.stdout, found.stderr


def test_a_page_by_hand_is_the_page_of_the_workflow(base: Tables, tmp_path: Path) -> None:
    folder = save(base, tmp_path)
    sources = tmp_path / "hwlib" / "references.bib"
    sources.parent.mkdir()
    sources.write_text("@article{shafiee2016, title={ISAAC}, year={2016}}\n", encoding="utf-8")
    given = ("--published", tmp_path / "published.parquet", "--references", sources, "--out", tmp_path / "a.html")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        assert split(report_command, folder, *given)[1] == ""
        assert split(report_command, folder.relative_to(tmp_path), "--out", tmp_path / "b.html")[1] == ""
    for kind in ("html", "json", "md"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()
    assert "published.parquet" in json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))["files"]


@pytest.mark.parametrize(("name", "said", "who"), [(name, *lost) for name, lost in LOST.items()])
def test_a_table_that_is_not_there_is_one_line(name: str, said: str, who: str, base: Tables, tmp_path: Path) -> None:
    folder = save(base, tmp_path)
    path = (folder.parent if name == "published" else folder) / f"{name}.parquet"
    path.unlink()
    assert split(report_command, folder)[1] == f"{path} is missing: {said}; {who} writes it\n"
    told = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert told["missing"] == [name]
    assert f"{name}.parquet is missing: {said}" in (folder / "report.html").read_text(encoding="utf-8")


def test_designs_that_nobody_can_read_are_not_called_unconfirmed(base: Tables, tmp_path: Path) -> None:
    folder = save(base, tmp_path)
    for name in ("confirmed", "parts"):
        (folder / f"{name}.parquet").unlink()
    out, told = split(explain_command, folder)
    assert len(told.splitlines()) == 2 and "parts.parquet is missing: where the energy goes is not shown" in told
    assert "where its energy goes is not known: confirmed.parquet and parts.parquet are missing" in out
    split(report_command, folder)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "confirmed.parquet is missing: every accuracy" in page and "No design has been confirmed" not in page


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_metric_that_is_no_number_is_said_at_the_top(value: float, base: Tables, tmp_path: Path) -> None:
    three = base.valid["design_id"].head(3).to_list()
    hurt = pl.when(pl.col("design_id").is_in(three)).then(value).otherwise(pl.col("inference_energy_pj"))
    folder = save(
        dataclasses.replace(base, name="hurt", trials=base.trials.with_columns(inference_energy_pj=hurt)), tmp_path
    )
    said = "3 values are no finite number among the metrics of valid designs"
    assert "3 values are no finite number and were taken as not known" in split(report_command, folder)[1]
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert said in page.split("</header>")[0]
    told = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert told["unsound_valid"] == {"inference_energy_pj": 3}
    assert any(words.startswith("3 of them without energy per inference") for words in told["scope"])
    out, err = split(diff_command, save(base, tmp_path), folder)
    assert f"hurt: {said}" in out and "trials.inference_energy_pj (3)" in err


def test_a_list_passes_over_folders_of_logs(base: Tables, tmp_path: Path) -> None:
    folder = save(base, tmp_path)
    split(report_command, folder)
    (tmp_path / "logs").mkdir()
    folders = sorted(path for path in tmp_path.iterdir() if path.is_dir())
    out, err = split(report_command, "--index", *folders, "--out", tmp_path / "index.html")
    assert (out, err) == (f"{tmp_path / 'index.html'}\n", "2 folders without a report passed over\n")
    with pytest.raises(ResultsError, match=r"report\.json is missing"):
        split(report_command, "--index", folder, tmp_path / "nowhere", "--out", tmp_path / "index.html")
