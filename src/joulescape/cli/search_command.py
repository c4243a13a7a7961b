"""`joulescape search`: draw candidates, judge them, keep the front."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from joulescape.search.run import SearchResult


class ExecutorChoice(StrEnum):
    """Where candidates are judged."""

    auto = "auto"
    ray = "ray"
    serial = "serial"


def search_command(
    space: Annotated[Path, typer.Argument(help="The question, e.g. spaces/which_machine.yaml.")],
    out: Annotated[Path | None, typer.Option(help="Folder of the results; results/<space> by default.")] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Candidates at the same time; 1, or all CPUs of the cluster at RAY_ADDRESS."),
    ] = None,
    executor: Annotated[
        ExecutorChoice, typer.Option(help="auto takes Ray where sharing pays; serial never does.")
    ] = ExecutorChoice.auto,
) -> None:
    """Search a design space; the same question and seed give the same designs, however many workers there are."""
    from joulescape.resolve.design_space import load_space

    question = load_space(space)

    from joulescape.cli.workflow_parent import end_with_workflow
    from joulescape.search.driver import Means
    from joulescape.search.run import search
    from joulescape.search.terminal import progress_shown

    end_with_workflow()
    folder = out if out is not None else question.root / "results" / question.name
    with progress_shown():
        found = search(question, folder, Means(workers, executor.value))
    typer.echo(f"{question.name}: {found.ended}; {_summary(found)}; see {folder / 'trials.parquet'}")


def _summary(found: SearchResult) -> str:
    """What was found, and what it took."""
    candidates, designs = found.trials["candidate_id"].n_unique(), found.designs_per_measurement
    shared = "" if designs is None else f", {designs:.3g} designs judged for each"
    return (
        f"{candidates} candidates, {found.judged + found.reused} evaluations "
        f"({found.judged} judged, {found.reused} remembered), {found.measurements} accuracy measurements{shared}, "
        f"{len(found.front)} designs on the front"
    )
