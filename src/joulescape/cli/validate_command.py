"""`joulescape validate`: the model held against published figures, of the whole shelf or a part of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

WIDTH = 190


class Form(StrEnum):
    """How the rows are printed or written."""

    table = "table"
    json = "json"
    parquet = "parquet"


def validate_command(
    back_end: Annotated[str | None, typer.Argument(help="One back end (electronic/eie); all when absent.")] = None,
    family: Annotated[
        str | None, typer.Option(help="Only back ends of this family (electronic, photonic ...).")
    ] = None,
    slow: Annotated[
        bool, typer.Option("--slow", help="Run rows that train again, instead of showing stored results.")
    ] = False,
    form: Annotated[Form, typer.Option("--format", help="How to print; parquet needs --out.")] = Form.table,
    out: Annotated[Path | None, typer.Option(help="Write to this file instead.")] = None,
    root: Annotated[Path, typer.Option(help="Project root: the folder that holds hwlib/ and models/.")] = Path(),
    remember: Annotated[
        Path | None, typer.Option(help="File of rows: those whose entry, network and code stand are not priced again.")
    ] = None,
) -> None:
    """Hold the models against published figures; exit 1 when a row that should pass misses."""
    from joulescape.validation import Remembered, summary, validate

    if form is Form.parquet and out is None:
        raise typer.BadParameter("--format parquet needs --out FILE")
    remembered = None if remember is None else Remembered(root, remember, _code())
    rows = validate(root, slow, back_end, family, remembered)
    if remembered is not None:
        remembered.save()
    if form is Form.parquet and out is not None:
        _write_parquet(rows, out)
    else:
        text = _json(rows) if form is Form.json else _table(rows)
        typer.echo(text) if out is None else out.write_text(text + "\n", encoding="utf-8")
    if summary(rows).unexpected_miss_count:
        raise typer.Exit(1)


def _code() -> str:
    """Digest of what computes a row: every plug-in, and the validation itself."""
    from joulescape.search.digests import code_digest
    from joulescape.source import code_of

    return f"{code_digest()} {code_of('joulescape.validation')}"


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    import json

    return json.dumps(rows, indent=2, allow_nan=False)


def _write_parquet(rows: Sequence[Mapping[str, Any]], out: Path) -> None:
    from joulescape import tables

    tables.write(tables.make(rows, tables.PUBLISHED), out)


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    from rich.console import Console
    from rich.table import Table

    console = Console(width=WIDTH)
    heads = ("back end", "what", "workload", "role", "confidence", "published", "model", "error", "allowed", "verdict")
    table = Table(*heads)
    for row in rows:
        figures = (_number(row["published"]), _number(row["model"]), _share(row["error_fraction"], "+.1f"))
        names = (row["back_end"], row["what"], row["workload"] or "", row["role"], row["confidence"])
        table.add_row(*names, *figures, _share(row["tolerance_fraction"], ".1f"), _verdict(row))
    with console.capture() as capture:
        console.print(table)
        for line in _record(rows):
            console.print(line, highlight=False)
    return capture.get().rstrip("\n")


def _record(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """All predictions in a line, then those of high confidence by class."""
    from joulescape.validation import class_records, summary

    found, records = summary(rows), class_records(rows)
    if found.prediction_count == 0:
        yield f"not validated: no published figure predicts anything; unexpected misses: {found.unexpected_miss_count}"
        return
    yield (
        f"predictions: {found.prediction_pass_count} of {found.prediction_count} within tolerance, median error "
        f"{_share(found.median_error_fraction, '.1f')}; unexpected misses: {found.unexpected_miss_count}"
    )
    if records:
        yield "of high confidence, by class:"
    for record in records:
        whose = " of rooflines of processors" if record.is_roofline else ""
        yield (
            f"  {record.figure_class}{whose}: {record.count} {'row' if record.count == 1 else 'rows'}, "
            f"{record.pass_count} within tolerance, median {_share(record.median_error_fraction, '.1f')}"
        )


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
