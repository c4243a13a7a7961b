"""`joulescape export`: a finished search for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export_command(
    folder: Annotated[Path, typer.Argument(help="Results folder of a search, e.g. results/which_machine.")],
    optuna: Annotated[Path | None, typer.Option(help="The journal file to write; study.log in the folder.")] = None,
) -> None:
    """Write a search as an Optuna study, one trial a design: `optuna-dashboard FILE` opens it."""
    from joulescape.search.export import export

    out = optuna if optuna is not None else folder / "study.log"
    count = export(folder, out)
    typer.echo(f"{out}: {count} trials; to look at them: optuna-dashboard {out}")
