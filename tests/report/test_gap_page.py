"""The study's page as a file: charts draw, names stay text, tables may be empty, same tables give the same bytes."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from pathlib import Path

import polars as pl
import pytest
import typer
from made_study import MACHINES, NETWORKS, made_study, nothing, save_study, without
from page_reader import assert_sound, elements, named
from typer.testing import CliRunner

from joulescape.cli.report_command import report_command
from joulescape.errors import ResultsError
from joulescape.gap_tables import TABLES
from joulescape.report import theme
from joulescape.report.blob import unpacked
from joulescape.report.gap.in_words import markdown
from joulescape.report.gap.inputs import StudyTables, is_study, read_study
from joulescape.report.gap.page import Facts, render, summary_text
from joulescape.report.index import entries, render_index
from joulescape.report.shell import VEGA_LITE, asset, drawing

FIGURES = Facts.of(made_study()).figures()


@pytest.fixture(scope="module")
def page() -> str:
    return render(made_study())


def test_the_charts_are_those_of_the_study() -> None:
    assert list(FIGURES) == [
        "gap", "parameters_by_year", "error_by_year", "operations_by_error", "density_by_year", "memory_by_year",
        "bridge_0", "bridge_1", "overtake", "lifecycle",
    ]  # fmt: skip


@pytest.mark.parametrize("name", list(FIGURES))
def test_every_spec_draws_its_marks_without_colours_of_its_own(name: str) -> None:
    figure = FIGURES[name]
    spec = figure.with_rows({"one": [{"one": 1}]})
    text = json.dumps(figure.spec())
    palette = theme.colours("light")
    assert set(re.findall(r"#[0-9a-f]{6}", text)) <= {palette["ink"], palette["quiet"]}  # openings of the page's params
    drawn = str(drawing(spec, theme.series_config("dark")))
    assert drawn.count("<path") > 15 and "NaN" not in drawn
    assert figure.caption and figure.summary and figure.title


def test_the_config_gives_series_their_colours() -> None:
    drawn = str(drawing(FIGURES["error_by_year"].with_rows({}), theme.series_config("light")))
    assert all(colour in drawn for colour in theme.SERIES_COLOURS["light"][:3])
    assert len(theme.SERIES_SHAPES) == len(theme.SERIES_COLOURS["light"]) == len(theme.SERIES_COLOURS["dark"])


def test_the_page_is_sound_and_says_every_section(page: str) -> None:
    assert_sound(page)
    read = elements(page)
    assert [one.attributes["id"] for one in named(read, "section")] == [
        "widening", "needs", "chips", "bridge", "overtake", "lifecycle", "findings", "missing", "sources",
    ]  # fmt: skip
    ids = [one.attributes["id"] for one in read if "id" in one.attributes]
    assert len(ids) == len(set(ids))
    assert all(link.attributes["href"][1:] in ids for link in named(read, "a"))
    assert {one.attributes["data-chart"] for one in read if "data-chart" in one.attributes} == set(FIGURES)
    for table in named(read, "table"):
        heads = [one for one in read if one.tag == "th" and table in one.around]
        rows = [one for one in read if one.tag == "tr" and table in one.around and one.around[-1].tag == "tbody"]
        assert all(len(row.children) == len(heads) for row in rows)
    levels = [int(one.tag[1]) for one in named(read, "h1", "h2", "h3")]
    assert levels[0] == 1 and all(after <= before + 1 for before, after in itertools.pairwise(levels))
    for name in (*NETWORKS, *MACHINES):
        assert name in page


def test_every_control_has_a_name_and_choices_have_one_pressed(page: str) -> None:
    read = elements(page)
    assert all((one.attributes.get("aria-label", "") + one.text).strip() for one in named(read, "button", "summary"))
    groups = [one for one in read if "data-signal" in one.attributes]
    assert {one.attributes["data-signal"] for one in groups} == {"metric", "state", "chosen"}
    for group in groups:
        pressed = [child.attributes.get("aria-pressed") for child in group.children]
        assert pressed.count("true") == (0 if group.tag == "select" else 1)
        charts = group.attributes["data-charts"].split()
        assert all(
            any(param["name"] == group.attributes["data-signal"] for param in FIGURES[chart].spec()["params"])
            for chart in charts
        )


def test_the_same_tables_give_the_same_bytes(page: str) -> None:
    assert render(made_study()) == page
    assert summary_text(made_study()) == summary_text(made_study())


def test_it_asks_nothing_of_the_network(page: str) -> None:
    assert "default-src 'none'" in page
    outside = page.split('<script type="text/plain" id="blob">', maxsplit=1)[0]
    assert not re.search(r'(?:src|href|action)="(?!#|data:)', outside)
    assert len(page.encode()) < 1_500_000


def test_a_reader_without_scripts_has_a_picture_and_every_number(page: str) -> None:
    read = elements(page)
    svg = next(one for one in read if one.tag == "svg")
    assert svg.around[-1].tag == "noscript"
    body = page.split("<script", 1)[0]
    facts = Facts.of(made_study())
    for said in (
        facts.headline.answer,
        facts.bridge.questions[0].weaker["inference_energy_pj"][0],
        facts.findings.rows[0].command,
    ):
        assert said in body.replace("&#39;", "'")


def test_whole_tables_are_packed_for_their_csv(page: str) -> None:
    text = page.split('id="blob">')[1].split("</script>", maxsplit=1)[0]
    found = unpacked(text)
    given = made_study()
    for name in TABLES:
        assert found[name] == given.table(name).to_dict(as_series=False)
    buttons = [one for one in elements(page) if "data-table" in one.attributes]
    assert [one.attributes["data-table"] for one in buttons] == list(TABLES)


HOSTILE = "</script><script>alert(1)</script>\"onload='x'`a & b < c > d${7*7}{{7*7}}{%raw%}|a|b|"


@pytest.mark.parametrize("text", [HOSTILE, ""])
def test_any_text_in_names_stays_text(text: str) -> None:
    given = made_study()
    strings = {
        "shores": ("name", "group", "source", "note", "where"), "fits": ("group", "sentence"),
        "factors": ("network", "back_end", "compression", "why"), "bridge": ("network", "back_end"),
        "overtake": ("parameters", "back_end", "network", "source", "unit"),
        "lifecycle": ("network", "back_end", "reason"), "findings": ("sentence", "contradicts", "command"),
    }  # fmt: skip
    changed = {
        name: given.table(name).with_columns(pl.lit(text).alias(column) for column in columns)
        for name, columns in strings.items()
    }
    about = {**given.about, "spec": {**given.about["spec"], "question": text}, "questions": {}}
    found = render(dataclasses.replace(given, name=text, about=about, **changed))
    assert found.count("<script") == found.count("</script>") == 4 and found.count("<img") == 0
    assert " onload=" not in re.sub(r'"[^"]*"', '""', found.split("<script", 1)[0])
    elements(found)


@pytest.mark.parametrize("gone", [("shores", "fits"), ("bridge", "factors", "overtake", "lifecycle", "findings")])
def test_a_page_without_some_tables_is_true(gone: tuple[str, ...]) -> None:
    given = without(made_study(), *gone)
    page = render(given)
    assert_sound(page)
    assert page.count("the table has no rows") == len(gone)


def test_a_page_of_nothing_says_so_in_each_section() -> None:
    page = render(nothing())
    assert_sound(page)
    for said in ("No published point of what networks need", "No factor was worked out", "No lifecycle was counted",
                 "Nothing was found in the tables", "Nothing over the years could be fitted"):  # fmt: skip
        assert said in page


def test_one_point_alone_draws() -> None:
    given = made_study()
    one = dataclasses.replace(given, shores=given.shores.head(1), fits=given.fits.clear())
    figure = Facts.of(one).figures()["parameters_by_year"]
    assert "<path" in str(drawing(figure.with_rows({}), theme.series_config("light")))
    assert_sound(render(one))


def test_where_no_corner_is_feasible_the_page_says_which_machines() -> None:
    given = made_study()
    never = {"state": pl.lit("infeasible"), "reason": pl.lit("too small a made system")}
    rows = given.factors.with_columns(
        *(
            pl.lit(None, pl.Float64).alias(name)
            for name in given.factors.columns
            if given.factors[name].dtype.is_float()
        ),
        reason=pl.lit("infeasible at every corner"),
    )
    found = dataclasses.replace(given, bridge=given.bridge.with_columns(**never), factors=rows)
    page = render(found)
    assert_sound(page)
    assert "No factor could be counted." in page and "infeasible at every corner" in page
    assert "too small a made system" in page


def test_the_summary_is_plain_and_its_words_follow() -> None:
    given = made_study()
    found = json.loads(summary_text(given), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert found["kind"] == "study" and len(found["findings"]) == 2
    assert len(found["roadmap"]) == 2 and found["roadmap"][0]["steps"] and found["roadmap"][0]["ahead"]
    text = markdown(found)
    assert text.startswith("# How long is the made bridge?")
    assert "joulescape gap spaces/gap_made.yaml --only shores" in text and "## Findings" in text


def test_a_study_is_known_by_its_file_and_drawn_by_the_same_command(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(report_command)
    folder = save_study(made_study(), tmp_path / "gap_made")
    assert is_study(folder) and not is_study(tmp_path)
    ran = CliRunner().invoke(app, [str(folder)])
    assert ran.exit_code == 0, ran.output
    assert "How long is the made bridge?" in (folder / "report.html").read_text(encoding="utf-8")
    listed = entries([folder], tmp_path / "index.html")
    assert listed[0].headline == Facts.of(made_study()).headline.sentence
    assert "gap_made/report.html" in render_index(listed)
    assert (folder / "report.md").read_text(encoding="utf-8").startswith("# ")


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    given = made_study()
    folder = save_study(given, tmp_path / given.name)
    found = read_study(folder)
    assert isinstance(found, StudyTables) and found.about == given.about
    for name in TABLES:
        assert found.table(name).equals(given.table(name))
    (folder / "factors.parquet").unlink()
    assert read_study(folder).factors.is_empty()
    (folder / "fits.parquet").write_bytes(b"PAR1")
    with pytest.raises(ResultsError, match="joulescape gap"):
        read_study(folder)


def test_every_class_of_the_studys_style_is_used(page: str) -> None:
    style = re.sub(r"\{[^{}]*\}", "{}", re.sub(r"/\*.*?\*/", "", asset("gap.css"), flags=re.S))
    for name in set(re.findall(r"\.([a-z][a-z-]+)", style)):
        assert re.search(rf'class="[^"]*\b{name}\b', page), f".{name} styles nothing"
    assert VEGA_LITE == "6.4"
