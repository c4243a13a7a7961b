"""`joulescape gap`: work out a study of what networks need, what chips deliver, and what bridges the two."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class PartChoice(StrEnum):
    """One part of the study."""

    shores = "shores"
    bridge = "bridge"
    overtake = "overtake"
    lifecycle = "lifecycle"


def gap_command(
    study: Annotated[Path, typer.Argument(help="The study, e.g. spaces/gap_study.yaml.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the tables; results/<study> by default.")] = None,
    only: Annotated[PartChoice | None, typer.Option(help="One part; the others keep their tables.")] = None,
) -> None:
    """Work out a study's tables, each as Parquet and CSV, and print what follows from them."""
    from joulescape.resolve.study import load_study

    asked = load_study(study)

    from joulescape.gap.study import answer
    from joulescape.spec.study import PARTS

    folder = out if out is not None else asked.root / "results" / asked.name
    with _lines_shown():
        found = answer(asked, folder, PARTS if only is None else (only.value,))
    for finding in found:
        if only is None or finding["command"].endswith(f"--only {only.value}"):
            typer.echo(f"{finding['sentence']} ({finding['uncertainty']})")
    typer.echo(f"{asked.name}: {len(found)} findings; see {folder}")


@contextmanager
def _lines_shown() -> Iterator[None]:
    """Write what the parts say to standard error, with the time, as long as the block lasts."""
    root, handler = logging.getLogger("joulescape.gap"), logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S"))
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
