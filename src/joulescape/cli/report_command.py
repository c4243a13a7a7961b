"""`joulescape report`: draw the report of a results folder, or the index of several."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report_command(
    folders: Annotated[list[Path], typer.Argument(help="Results folder of a space or study; several with --index.")],
    out: Annotated[
        Path | None, typer.Option(help="The page to write; report.json and report.md are written beside it.")
    ] = None,
    published: Annotated[
        Path | None,
        typer.Option(help="Table of `joulescape validate --format parquet`; that beside the folder without."),
    ] = None,
    references: Annotated[
        Path | None, typer.Option(help="BibTeX file of the sources; hwlib/references.bib without.")
    ] = None,
    networks: Annotated[Path | None, typer.Option(help="Folder of the reference networks' metrics.")] = None,
    charts: Annotated[
        Path | None, typer.Option(help="A folder to write every chart to as well: SVG, PNG, and its rows as CSV.")
    ] = None,
    index: Annotated[bool, typer.Option("--index", help="List the folders' reports on one page instead.")] = False,
) -> None:
    """Draw one offline HTML page from the tables of a space, or of a study."""
    if index:
        _write_index(folders, out or Path("results/index.html"))
        return
    if len(folders) != 1:
        raise typer.BadParameter("one results folder at a time; use --index for a list of several")
    from joulescape.report.gap.inputs import is_study

    folder, page = folders[0], out or folders[0] / "report.html"
    if is_study(folder):
        _write_study_report(folder, page, references, charts)
    else:
        _write_report(folder, page, published, references, networks, charts)


def _write_report(
    folder: Path,
    out: Path,
    published: Path | None,
    references: Path | None,
    networks: Path | None,
    charts: Path | None,
) -> None:
    from dataclasses import replace

    from joulescape.cli.standing import stale_words
    from joulescape.report.beside import published_beside, references_here
    from joulescape.report.in_words import markdown
    from joulescape.report.inputs import read_tables
    from joulescape.report.missing import missing_words
    from joulescape.report.page import render, summary, summary_text
    from joulescape.report.soundness import unsound_words
    from joulescape.report.written import write_text

    given = read_tables(folder, published or published_beside(folder), references or references_here(), networks)
    given = replace(given, stale=stale_words(folder) or "")
    unsound = [f"{folder}: {unsound_words(given.unsound)}"] if given.unsound else []
    for words in (*missing_words(given.missing, folder), *unsound, *filter(None, [given.stale])):
        typer.echo(words, err=True)
    write_text(out, render(given))
    write_text(out.with_suffix(".json"), summary_text(given))
    write_text(out.with_suffix(".md"), markdown(summary(given)))
    typer.echo(f"{out}")
    if charts is not None:
        from joulescape.report.page import Facts
        from joulescape.report.pictures import write_pictures

        found = Facts.of(given)
        shared = {"designs": found.pareto.rows, "one": [{"one": 1}]}
        typer.echo(_told(charts, len(write_pictures(found.figures(), shared, charts))))


def _write_study_report(folder: Path, out: Path, references: Path | None, charts: Path | None) -> None:
    from joulescape.report.beside import references_here
    from joulescape.report.gap.in_words import markdown
    from joulescape.report.gap.inputs import read_study
    from joulescape.report.gap.page import render, summary, summary_text
    from joulescape.report.written import write_text

    given = read_study(folder, references or references_here())
    write_text(out, render(given))
    write_text(out.with_suffix(".json"), summary_text(given))
    write_text(out.with_suffix(".md"), markdown(summary(given)))
    typer.echo(f"{out}")
    if charts is not None:
        from joulescape.report import theme
        from joulescape.report.gap.page import Facts
        from joulescape.report.pictures import write_pictures

        figures, style = Facts.of(given).figures(), theme.series_config("light")
        typer.echo(_told(charts, len(write_pictures(figures, {"one": [{"one": 1}]}, charts, style))))


def _told(charts: Path, count: int) -> str:
    return f"{charts}: {count} files"


def _write_index(folders: list[Path], out: Path) -> None:
    from joulescape.cli.standing import states_of, waiting_of
    from joulescape.errors import SpecError
    from joulescape.report.index import comparisons, entries, render_index
    from joulescape.report.written import write_text
    from joulescape.resolve.shelves import find_root

    # A folder of logs is passed over; one that is not there, and a list of none, are faults that `entries` tells.
    drawn = [folder for folder in folders if (folder / "report.json").exists() or not folder.is_dir()]
    passed, folders = len(folders) - len(drawn), drawn or folders
    if drawn and passed:
        typer.echo(f"{passed} folder{'' if passed == 1 else 's'} without a report passed over", err=True)
    try:
        root = find_root(folders[0])
    except SpecError:  # results that were copied out of their project: no question stands beside them
        write_text(out, render_index(entries(folders, out), comparisons(out)))
    else:
        listed = entries(folders, out, states_of(root, folders))
        write_text(out, render_index(listed, comparisons(out), waiting_of(root, folders)))
    typer.echo(f"{out}")
