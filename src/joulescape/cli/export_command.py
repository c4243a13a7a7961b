"""`joulescape export`: a finished search for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def export_command(
    folder: Annotated[Path, typer.Argument(help="Results folder of a search, e.g. results/which_machine.")],
    optuna: Annotated[Path | None, typer.Option(help="The journal file to write; study.log in the folder.")] = None,
    onnx: Annotated[Path | None, typer.Option(help="The ONNX file to write instead, of one design.")] = None,
    design: Annotated[
        str | None, typer.Option(help="With --onnx: first characters of a design_id; the most accurate of the front.")
    ] = None,
) -> None:
    """Write a search as an Optuna study, one trial a design: `optuna-dashboard FILE` opens it. Or a design as ONNX."""
    if onnx is not None:
        _export_design(folder, onnx, design)
    else:
        _export_study(folder, optuna if optuna is not None else folder / "study.log", design)


def _export_study(folder: Path, out: Path, design: str | None) -> None:
    from joulescape.errors import Fault, SpecError
    from joulescape.search.export import export

    if design is not None:
        raise SpecError([Fault("command line", None, "--design", f"'{design}' alone", "--onnx FILE beside it")])
    count = export(folder, out)
    typer.echo(f"{out}: {count} trials; to look at them: optuna-dashboard {out}")


def _export_design(folder: Path, out: Path, design: str | None) -> None:
    from joulescape.search.export_design import export_design

    found = export_design(folder, out, design)
    typer.echo(f"{out}: design {found.design_id}, {found.file_bytes} bytes")
    for note in found.notes:
        typer.echo(f"  note: {note}")
