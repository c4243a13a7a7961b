"""`joulescape explain`: one design of a search - its question, its costs, where they go, what makes it again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def explain_command(
    folder: Annotated[Path, typer.Argument(help="Results folder of a search, e.g. results/which_machine.")],
    design: Annotated[
        str | None, typer.Argument(help="First characters of a design_id; the report's choice without.")
    ] = None,
    yaml: Annotated[bool, typer.Option("--yaml", help="Only the question that holds this design alone.")] = False,
) -> None:
    """Explain one design: its numbers, energy by component, time by layer, and the commands that make it again."""
    from joulescape.cli.standing import stale_words
    from joulescape.report.explanation import chosen, lines
    from joulescape.report.inputs import read_tables
    from joulescape.report.missing import OF_ONE_DESIGN, missing_words
    from joulescape.report.pinned import question_text

    given = read_tables(folder)
    for words in (
        *missing_words((name for name in given.missing if name in OF_ONE_DESIGN), folder),
        stale_words(folder),
    ):
        if words is not None:
            typer.echo(words, err=True)
    row = chosen(given, design)
    for line in (question_text(given, row).rstrip(),) if yaml else lines(given, row, folder):
        typer.echo(line)
