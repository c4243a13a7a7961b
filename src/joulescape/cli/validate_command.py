"""`joulescape validate`: the model held against every published figure of the shelf."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer


class Form(StrEnum):
    """How the rows are printed or written."""

    table = "table"
    json = "json"
    parquet = "parquet"


def validate_command(
    slow: Annotated[
        bool, typer.Option("--slow", help="Run rows that train again, instead of showing stored results.")
    ] = False,
    form: Annotated[Form, typer.Option("--format", help="How to print; parquet needs --out.")] = Form.table,
    out: Annotated[Path | None, typer.Option(help="Write to this file instead.")] = None,
    root: Annotated[Path, typer.Option(help="Project root: the folder that holds hwlib/ and models/.")] = Path(),
) -> None:
    """Hold the models against published figures; exit 1 when a row that should pass misses."""
    from joulescape.validation import summary, validate

    if form is Form.parquet and out is None:
        raise typer.BadParameter("--format parquet needs --out FILE")
    rows = validate(root, slow)
    if form is Form.parquet and out is not None:
        _write_parquet(rows, out)
    else:
        text = _json(rows) if form is Form.json else _table(rows)
        typer.echo(text) if out is None else out.write_text(text + "\n", encoding="utf-8")
    if summary(rows).unexpected_miss_count:
        raise typer.Exit(1)


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    import json

    return json.dumps(rows, indent=2, allow_nan=False)


def _write_parquet(rows: Sequence[Mapping[str, Any]], out: Path) -> None:
    from joulescape import tables

    tables.write(tables.make(rows, tables.PUBLISHED), out)


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    from rich.console import Console
    from rich.table import Table

    from joulescape.validation import summary

    console = Console(width=160)
    table = Table("back end", "what", "workload", "role", "published", "model", "error", "allowed", "verdict")
    for row in rows:
        figures = (_number(row["published"]), _number(row["model"]), _share(row["error_fraction"], "+.1f"))
        names = (row["back_end"], row["what"], row["workload"] or "", row["role"])
        table.add_row(*names, *figures, _share(row["tolerance_fraction"], ".1f"), _verdict(row))
    found = summary(rows)
    with console.capture() as capture:
        console.print(table)
        console.print(
            f"predictions: {found.prediction_pass_count} of {found.prediction_count} within tolerance, median error "
            f"{_share(found.median_error_fraction, '.1f')}; unexpected misses: {found.unexpected_miss_count}"
        )
    return capture.get().rstrip("\n")


def _verdict(row: Mapping[str, Any]) -> str:
    if row["role"] == "claim":
        return {None: "not compared", True: "follows", False: "does not follow"}[row["pass"]]
    if row["pass"] is None:
        return "not measured"
    if row["pass"]:
        return "pass"
    return "miss (expected)" if row["expected"] == "miss" else "MISS"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"


def _share(value: float | None, form: str) -> str:
    return "" if value is None else f"{100 * value:{form}} %"
