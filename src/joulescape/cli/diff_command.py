"""`joulescape diff`: what moved between two studies, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def diff_command(
    before: Annotated[Path, typer.Argument(help="Results folder of the earlier study.")],
    after: Annotated[Path, typer.Argument(help="Results folder of the later study.")],
    out: Annotated[
        Path | None, typer.Option(help="A page to write; its numbers are written beside it, as .json.")
    ] = None,
) -> None:
    """Compare two results folders: answers, fronts, designs in both, and what was asked or answered otherwise."""
    from joulescape.report.comparison.facts import compare
    from joulescape.report.comparison.page import lines, render, summary
    from joulescape.report.inputs import read_tables
    from joulescape.report.soundness import unsound_words

    old, new = read_tables(before), read_tables(after)
    found = compare(old, new)
    for folder, given in ((before, old), (after, new)):
        if given.unsound:
            typer.echo(f"{folder}: {unsound_words(given.unsound)}", err=True)
    for line in lines(found):
        typer.echo(line)
    if out is not None:
        import json

        from joulescape.report.written import write_text

        write_text(out, render(old, new, found))
        write_text(
            out.with_suffix(".json"), json.dumps(summary(found), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        )
        typer.echo(f"{out}")
