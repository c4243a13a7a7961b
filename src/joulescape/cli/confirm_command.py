"""`joulescape confirm`: measure the best designs of a search again, on the test split and at every corner."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from joulescape.cli.search_command import ExecutorChoice


def confirm_command(
    space: Annotated[Path, typer.Argument(help="The question that was searched, e.g. spaces/which_machine.yaml.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the search's results; results/<space> by default.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Designs at the same time; 1, or all CPUs of the cluster at RAY_ADDRESS."),
    ] = None,
    executor: Annotated[
        ExecutorChoice, typer.Option(help="auto takes Ray where sharing pays; serial never does.")
    ] = ExecutorChoice.auto,
) -> None:
    """Confirm the front, the best of each back end and the near-front: mean, spread and corners."""
    from joulescape.resolve.design_space import load_space

    question = load_space(space)

    from joulescape.cli.workflow_parent import end_with_workflow
    from joulescape.search.confirm import confirm
    from joulescape.search.driver import Means
    from joulescape.search.terminal import progress_shown

    end_with_workflow()
    folder = out if out is not None else question.root / "results" / question.name
    with progress_shown():
        found = confirm(question, folder, Means(workers, executor.value))
    designs = found.confirmed["design_id"].n_unique()
    typer.echo(f"{question.name}: {designs} designs confirmed; see {folder / 'confirmed.parquet'}")
