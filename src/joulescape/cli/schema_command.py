"""`joulescape schema`: JSON Schemas, so that editors complete and check the YAML while it is typed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def schema_command(
    check: Annotated[bool, typer.Option("--check", help="Only compare the checked-in schemas with the code.")] = False,
    write: Annotated[Path | None, typer.Option("--write", help="Folder to write into.")] = None,
    folder: Annotated[Path, typer.Option(help="Folder of the checked-in schemas.")] = Path("docs/schema"),
) -> None:
    """Write, check or print the JSON Schemas of a space, a study, a network, a back end and published points."""
    from joulescape.errors import SpecError
    from joulescape.resolve.schema import schemas, stale_schemas, text_of, write_schemas

    if write is not None:
        typer.echo("\n".join(str(path) for path in write_schemas(write)))
    if check:
        faults = stale_schemas(folder)
        if faults:
            raise SpecError(faults)
        typer.echo(f"{folder}: {len(schemas())} schemas are in step with the code")
    if write is None and not check:
        typer.echo(text_of(schemas()), nl=False)
